"""The stand-in for WeCom's linked companies, request by request."""

from typing import Any

import aiohttp
import pytest

from ums.sandbox import Sandbox
from ums.sandbox.script import Script

MEMBERS = ["wwLinked1/Ann", "wwLinked1/Bad", "Cas"]
TEXT = {"touser": MEMBERS, "msgtype": "text", "agentid": 1000002, "text": {"content": "Hello"}}


async def send(running: Sandbox, session: aiohttp.ClientSession, sent: object) -> Any:
    base = f"{running.address.http}/wecom-linked/cgi-bin"
    async with session.get(f"{base}/gettoken?corpid=ww1&corpsecret=s1") as response:
        token = (await response.json())["access_token"]
    async with session.post(f"{base}/linkedcorp/message/send?access_token={token}", json=sent) as response:
        assert response.status == 200
        return await response.json()


async def test_everything_is_an_array_and_a_message_has_no_id(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("wecom-linked", Script.parse({"refuse": ["Bad"], "receipts": [{"match": "Cas", "delivered": 0}]}))

    answer = await send(running, session, TEXT | {"toparty": ["L1/7"]})

    assert answer == {
        "errcode": 0,
        "errmsg": "ok",
        "invaliduser": ["cas", "wwLinked1/bad"],
        "invalidparty": ["L1/7"],
        "invalidtag": [],
    }
    assert running.record("wecom-linked").addresses == ["wwLinked1/Ann"]


async def test_a_message_for_nobody_valid_is_not_sent(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("wecom-linked", Script.parse({"refuse": [""]}))

    answer = await send(running, session, TEXT)

    assert (answer["errcode"], answer["invaliduser"]) == (81013, ["cas", "wwLinked1/ann", "wwLinked1/bad"])
    assert running.record("wecom-linked").submissions == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"touser": "wwLinked1/Ann"}, 40058),
        ({"touser": [7]}, 40058),
        ({"touser": []}, 82001),
        ({"touser": [f"ww1/u{number}" for number in range(1001)]}, 40032),
        ({"msgtype": "template_card", "template_card": {"card_type": "text_notice"}}, 40008),
    ],
)
async def test_what_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any], code: int
) -> None:
    assert (await send(running, session, TEXT | change))["errcode"] == code
    assert running.record("wecom-linked").submissions == 0


async def test_there_is_no_duplicate_check(running: Sandbox, session: aiohttp.ClientSession) -> None:
    for _ in range(2):
        await send(running, session, TEXT | {"enable_duplicate_check": 1})

    assert running.record("wecom-linked").submissions == 2
