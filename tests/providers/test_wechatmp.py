"""A WeChat Mini Program: subscription messages as they are sent, and what every answer means."""

import time
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body, each
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Receipt, Submission, Target
from ums.providers.wechat.mini_program import Wechatmp
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, SandboxAddress, State, system_clock

APP_ID, SECRET = "wxd101a85aa106f53e", "d4624c36b6795d1d99dcf0547af5443d"
MESSAGE = {"template_id": "TPL", "data": {"thing1": {"value": "Tea"}}}
ANN, BEN = Target(7, "openid-ann"), Target(8, "openid-ben")
SEND = "/cgi-bin/message/subscribe/send"

EXAMPLE = Example({"appId": "key", "appSecret": "secret"}, MESSAGE, "oMINI-{:06}")


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Wechatmp:
    return Wechatmp(Account("shopmini", {"appId": APP_ID, "appSecret": SECRET, **more}, sandbox), session)


@pytest.fixture
async def mini(session: aiohttp.ClientSession, doors: Doors) -> Wechatmp:
    """Talks to `doors` as if they were WeChat, and has its token already."""
    doors.answer(200, {"access_token": "token-1", "expires_in": 7200})
    made = provider(session, baseUrl=doors.url)
    await made._api.token()
    await doors.report("/cgi-bin/stable_token")
    return made


def submission(content: dict[str, Any] | None = None, *targets: Target) -> Submission:
    return Submission("", content or MESSAGE, targets or (ANN,), 0)


async def test_a_message_is_worded_as_the_reference_says(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})
    content = MESSAGE | {"page": "pages/order?id=1", "miniprogram_state": "trial", "lang": "en_US"}

    await mini.send(submission(content))

    sent = await doors.report(SEND)
    assert (sent.method, sent.query) == ("POST", {"access_token": "token-1"})
    assert body(sent) == {"touser": "openid-ann", **content}


async def test_what_the_content_does_not_say_is_not_sent(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    await mini.send(submission())

    assert body(await doors.report(SEND)) == {"touser": "openid-ann", **MESSAGE}


@pytest.mark.parametrize(("more", "provider_id"), [({}, None), ({"msgid": 1700827132819554304}, "1700827132819554304")])
async def test_a_message_taken_is_delivered_with_or_without_an_id(
    mini: Wechatmp, doors: Doors, more: dict[str, int], provider_id: str | None
) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", **more})

    answer = await mini.send(submission())

    assert answer.outcomes == [Outcome(7, State.DELIVERED, provider_id=provider_id)]


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (40003, State.INVALID, Reason.INVALID_ADDRESS),
        (43101, State.INVALID, Reason.UNSUBSCRIBED),
        (40037, State.REFUSED, Reason.CONTENT),
        (41030, State.REFUSED, Reason.CONTENT),
        (45168, State.REFUSED, Reason.CONTENT),
        (47001, State.REFUSED, Reason.CONTENT),
        (47003, State.REFUSED, Reason.CONTENT),
    ],
)
async def test_a_code_about_one_message_is_its_targets_fate(
    mini: Wechatmp, doors: Doors, code: int, state: State, reason: Reason
) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    answer = await mini.send(submission())

    assert answer.outcomes == [Outcome(7, state, reason, str(code), "so it is")]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (43107, ProviderRefused),
        (48001, ProviderRefused),
        (45103, ProviderRefused),
        (-1, ProviderBusy),
        (43108, ProviderBusy),
        (45009, ProviderBusy),
        (45011, ProviderBusy),
    ],
)
async def test_other_codes_stop_the_call(mini: Wechatmp, doors: Doors, code: int, error: type[Exception]) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    with pytest.raises(error, match=f"{code}: so it is"):
        await mini.send(submission())


async def test_a_code_that_nobody_knows_is_that_messages_or_the_accounts(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {"errcode": 49999, "errmsg": "so it is"})
    answer = await mini.send(submission())
    doors.answer(200, {"errcode": 99999, "errmsg": "so it is"})
    with pytest.raises(ProviderRefused, match="99999: so it is"):
        await mini.send(submission())

    assert answer.outcomes == [Outcome(7, State.REFUSED, Reason.UNKNOWN, "49999", "so it is")]


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_stale_token_is_replaced_once(mini: Wechatmp, doors: Doors, code: int) -> None:
    stale, fresh = {"errcode": code, "errmsg": "so it is"}, {"access_token": "token-2", "expires_in": 7200}
    for given in (stale, fresh, {"errcode": 0, "errmsg": "ok"}, stale, fresh, stale):
        doors.answer(200, given)

    answer = await mini.send(submission())
    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await mini.send(submission())

    assert answer.outcomes == [Outcome(7, State.DELIVERED)]
    asked = [(await doors.report(path)).query for path in (SEND, "/cgi-bin/stable_token", SEND) * 2]
    assert [query.get("access_token") for query in asked] == [
        *("token-1", None, "token-2"), *("token-2", None, "token-2"),
    ]  # fmt: skip


async def test_a_days_quota_is_full_again_at_midnight_in_china(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {"errcode": 45009, "errmsg": "so it is"})

    with pytest.raises(ProviderBusy) as busy:
        await mini.send(submission())

    assert busy.value.retry_after is not None
    midnight = (time.time() + busy.value.retry_after + 8 * 3600) % 86_400
    assert min(midnight, 86_400 - midnight) < 5


async def test_a_lost_answer_spoils_no_other_target_and_is_never_repeated(mini: Wechatmp, doors: Doors) -> None:
    doors.hang_up()
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    answer = await mini.send(submission(None, ANN, BEN))

    assert await mini.request_key() == ""
    assert sorted(outcome.state for outcome in each(answer, [ANN, BEN])) == [State.UNKNOWN, State.DELIVERED]


async def test_each_consent_is_good_for_one_message(session: aiohttp.ClientSession, running: Sandbox) -> None:
    consent = {"openid": "openid-ann", "template_id": "TPL", "left": 1}
    async with session.put(f"{running.address.http}/wechatmp/-/subscriptions", json=consent) as response:
        assert response.status == 204
    mini = provider(session, running.address)

    first, second = await mini.send(submission()), await mini.send(submission())

    assert [first.outcomes[0].state, second.outcomes[0].state] == [State.DELIVERED, State.INVALID]
    assert (second.outcomes[0].reason, second.outcomes[0].code) == (Reason.UNSUBSCRIBED, "43101")


async def test_the_stand_ins_events_are_read(session: aiohttp.ClientSession, running: Sandbox, doors: Doors) -> None:
    mini = provider(session, running.address)
    running.play("wechatmp", Script.parse({"receipts": [{"match": "ann", "delivered": 1}]}))

    answer = await mini.send(submission())

    [receipt] = mini.receipts(await doors.report("/v1/wechatmp/callback"))
    expected = Receipt(
        answer.outcomes[0].provider_id or "", "openid-ann", State.DELIVERED, receipt.at, None, "0", "success"
    )
    assert receipt == expected
    assert receipt.at == pytest.approx(system_clock(), abs=5000)
