"""What people write back comes in at the door of receipts, and is read by whom its DeliveryChannel is granted to."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.members.declared import MEMBERS
from ums.messaging.delivering.replies import LONGEST
from ums.models import Reply
from ums.providers.jsms.receipts import signature
from ums.reconcile import reconcile
from ums.sandbox import free_address, sandbox
from ums.sandbox.script import Script
from ums.vocabulary import system_clock

KEY, SECRET = "sms-key", "sandbox-sms-secret"
ANN, BEN = "+8613800000001", "+8613800000002"
DAY = 86_400_000
READ = """query ($filter: ReplyFilter, $first: Int! = 20, $after: String) {
  replies(filter: $filter, first: $first, after: $after) {
    edges { node { deliveryChannel address content at receivedAt messageId } } pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def writes(api: Api, content: str, *, phone: str = ANN, at: int | None = None, secret: str = SECRET) -> int:
    """JSMS posts what somebody wrote back; the HTTP status of the answer."""
    nonce, timestamp = uuid4().hex, str(system_clock())
    data = {"phone": phone.removeprefix("+86"), "content": content, "replyTime": at or api.engine.clock()}
    form = {
        "nonce": nonce, "timestamp": timestamp, "signature": signature(KEY, secret, nonce, timestamp),
        "type": "SMS_REPLY", "data": json.dumps(data),
    }  # fmt: skip
    async with api.session.post(f"{api.url}/v1/sms/callback", data=form) as response:
        return response.status


async def read(api: Api, **variables: Any) -> list[dict[str, Any]]:
    answer = await api.asks(READ, **variables)
    return [edge["node"] for edge in answer["replies"]["edges"]]


async def sent(api: Api, user: str = "shop", password: str = "sandbox-shop-master-secret") -> str:
    """The id of a text message to Ann."""
    audience = {"addresses": [{"type": "SMS", "addresses": [ANN]}]}
    body = {"content": {"sms": {"temp_id": 7, "temp_para": {"name": "Ann"}}}}
    answer = await api.answers(SEND, user=user, password=password, input={"audience": audience, "body": body})
    assert answer["data"]["sendMessage"]["problems"] == []
    await api.works()
    return str(answer["data"]["sendMessage"]["message"]["id"])


async def test_what_jsms_posts_is_read_once_however_often_it_comes(api: Api) -> None:
    for _ in range(3):
        assert await writes(api, "TD", at=1_492_150_740_292) == 200

    (reply,) = await read(api)
    received = reply.pop("receivedAt")
    assert reply == {
        "deliveryChannel": "sms", "address": ANN, "content": "TD", "at": "2017-04-14T06:19:00.292000+00:00",
        "messageId": None,
    }  # fmt: skip
    assert received.startswith("2027-")


async def test_posts_of_one_moment_are_all_kept(api: Api) -> None:
    posts = [writes(api, content, phone=phone) for content in ("yes", "no", "yes") for phone in (ANN, BEN)]

    assert set(await asyncio.gather(*posts)) == {200}

    kept = sorted((reply["address"], reply["content"]) for reply in await read(api))
    assert kept == [(ANN, "no"), (ANN, "yes"), (BEN, "no"), (BEN, "yes")]


async def test_what_is_not_signed_is_not_kept(api: Api) -> None:
    assert await writes(api, "TD", secret="guessed") == 401

    assert await Reply.all().count() == 0


async def test_whatever_somebody_writes_is_kept_as_far_as_it_fits(api: Api) -> None:
    assert await writes(api, "好\0😀" * LONGEST) == 200

    assert [reply["content"] for reply in await read(api)] == [("好😀" * LONGEST)[:LONGEST]]


async def test_a_reply_names_the_newest_message_that_it_may_answer(api: Api) -> None:
    first = await sent(api)
    early = api.engine.clock()
    api.engine.clock.passes(DAY)  # type: ignore[attr-defined]
    second = await sent(api)
    now = api.engine.clock()
    moments = {"before both": early - 1, "to the first": now - 1, "to the second": now, "late": now + 7 * DAY + 1}
    for content, at in moments.items():
        await writes(api, content, at=at)
    await writes(api, "from elsewhere", phone=BEN, at=now)

    named = {reply["content"]: reply["messageId"] for reply in await read(api)}
    assert named == {
        "before both": None, "to the first": first, "to the second": second, "late": None, "from elsewhere": None,
    }  # fmt: skip


async def test_a_channel_reads_the_replies_of_its_delivery_channels_and_no_message_of_another(api: Api) -> None:
    ops = {"user": "ops", "password": "sandbox-ops-master-secret"}
    message = await sent(api)
    await writes(api, "thanks")
    assert (await api.answers(READ, **ops))["data"]["replies"]["edges"] == []

    declared = api.engine.settings.config / "shop.yaml"
    granted = "deliveryChannels: [app, {name: mail, enabled: false}"
    declared.write_text(declared.read_text().replace(granted, f"{granted}, sms"))
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()

    (edge,) = (await api.answers(READ, **ops))["data"]["replies"]["edges"]
    assert (edge["node"]["content"], edge["node"]["messageId"]) == ("thanks", None)
    assert [reply["messageId"] for reply in await read(api)] == [message]


async def test_replies_are_paged_and_narrowed_the_newest_first(api: Api) -> None:
    for n, phone in enumerate([ANN, BEN, ANN]):
        await writes(api, f"no {n}", phone=phone, at=1_800_000_000_000 + n)

    async def narrowed(**to: str) -> list[str]:
        return [reply["content"] for reply in await read(api, filter=to)]

    page = (await api.asks(READ, first=2))["replies"]
    assert [edge["node"]["content"] for edge in page["edges"]] == ["no 2", "no 1"]
    assert page["pageInfo"]["hasNextPage"]
    assert [reply["content"] for reply in await read(api, after=page["pageInfo"]["endCursor"])] == ["no 0"]
    assert await narrowed(address="13800000001") == await narrowed(address=ANN) == ["no 2", "no 0"]
    assert (await narrowed(deliveryChannel="app"), await narrowed(deliveryChannel="sms", address=BEN)) == ([], ["no 1"])
    middle = {"from": "2027-01-15T08:00:00.001Z", "before": "2027-01-15T08:00:00.002Z"}
    assert await narrowed(**middle) == ["no 1"]


async def test_a_viewer_reads_no_number(api: Api) -> None:
    await writes(api, f"call {BEN} instead of {ANN}")

    answer = await api.member_answers(READ, await api.token("vera"), "shop")

    node = answer["data"]["replies"]["edges"][0]["node"]
    assert (node["address"], node["content"]) == ("+86138****0001", "call +86138****0002 instead of +86138****0001")


async def test_what_the_stand_in_posts_arrives(api: Api) -> None:
    async with sandbox(free_address(), api.url) as stand_ins:
        stand_ins.play("jsms", Script.parse({"receipts": [{"match": "1$", "reply": "TD"}]}))
        recipients = [{"mobile": "13800000001"}, {"mobile": "13800000002"}]
        async with api.session.post(
            f"{stand_ins.address.http}/jsms/v1/messages/batch",
            json={"temp_id": 1, "recipients": recipients},
            headers={"authorization": aiohttp.encode_basic_auth(KEY, SECRET)},
        ) as response:
            assert response.status == 200
        async with asyncio.timeout(10):
            while not (found := await read(api)):
                await asyncio.sleep(0.02)

    assert [(reply["address"], reply["content"]) for reply in found] == [(ANN, "TD")]
