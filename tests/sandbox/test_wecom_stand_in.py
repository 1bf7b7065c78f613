"""WeCom's stand-in, request by request."""

import json
from typing import Any

import aiohttp
import pytest

from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wecom import application
from ums.sandbox.wecom import own_corp as stand_in

TEXT = {"touser": "Ann|ben", "msgtype": "text", "agentid": 1000002, "text": {"content": "Hello"}}
CARD = {
    "card_type": "button_interaction",
    "task_id": "order-7",
    "main_title": {"title": "Order"},
    "button_list": [{"text": "Yes", "key": "yes"}],
}


async def get(running: Sandbox, session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(f"{running.address.http}/wecom/cgi-bin/{path}") as response:
        assert response.status == 200
        return await response.json()


async def post(running: Sandbox, session: aiohttp.ClientSession, path: str, sent: object) -> Any:
    raw = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    async with session.post(f"{running.address.http}/wecom/cgi-bin/{path}", data=raw) as response:
        assert response.status == 200
        return await response.json()


async def token(running: Sandbox, session: aiohttp.ClientSession, secret: str = "s1") -> str:
    given = await get(running, session, f"gettoken?corpid=ww1&corpsecret={secret}")
    return str(given["access_token"])


async def send(running: Sandbox, session: aiohttp.ClientSession, sent: object) -> Any:
    return await post(running, session, f"message/send?access_token={await token(running, session)}", sent)


async def test_a_token_is_the_same_until_it_expires(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [await get(running, session, "gettoken?corpid=ww1&corpsecret=s1") for _ in range(2)]
    assert first["access_token"] == second["access_token"]
    assert 7190 <= second["expires_in"] <= 7200
    assert await token(running, session, "s2") != first["access_token"]

    monkeypatch.setattr(application, "TOKEN_SECONDS", -1)
    old = await token(running, session, "s3")
    assert (await post(running, session, f"message/send?access_token={old}", TEXT))["errcode"] == 42001
    assert await token(running, session, "s3") != old


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("corpsecret=s1", 41002),
        ("corpid=ww1", 41004),
        ("corpid=ww2&corpsecret=s1", 40013),
        ("corpid=ww1&corpsecret=s2", 40001),
    ],
)
async def test_strangers_get_no_token(running: Sandbox, session: aiohttp.ClientSession, query: str, code: int) -> None:
    running.play("wecom", Script(accounts={"ww1": "s1"}))

    answer = await get(running, session, f"gettoken?{query}")

    assert answer["errcode"] == code
    assert answer["errmsg"].endswith(f"more info at https://open.work.weixin.qq.com/devtool/query?e={code}")
    assert "access_token" not in answer


@pytest.mark.parametrize("path", ["message/send", "message/recall"])
async def test_nothing_is_done_without_a_valid_token(
    running: Sandbox, session: aiohttp.ClientSession, path: str
) -> None:
    assert (await post(running, session, path, TEXT))["errcode"] == 41001
    assert (await post(running, session, f"{path}?access_token=nonsense", TEXT))["errcode"] == 40014
    assert running.record("wecom").submissions == 0


async def test_a_token_dies_with_its_secret(running: Sandbox, session: aiohttp.ClientSession) -> None:
    given = await token(running, session)
    running.play("wecom", Script(accounts={"ww1": "another"}))
    assert (await post(running, session, f"message/send?access_token={given}", TEXT))["errcode"] == 40014

    running.play("wecom", Script())
    assert (await post(running, session, f"message/send?access_token={given}", TEXT))["errcode"] == 40014


async def test_a_message_is_taken_and_gets_an_id(running: Sandbox, session: aiohttp.ClientSession) -> None:
    answer = await send(running, session, TEXT)

    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
    assert answer.keys() == {"errcode", "errmsg", "msgid"}
    [stored] = running.record("wecom").accepted
    assert (stored["targets"], stored["msgid"]) == (["Ann", "ben"], answer["msgid"])
    assert (stored["account"], stored["agentid"]) == ("ww1", 1000002)
    assert stored["message"] == {"msgtype": "text", "text": {"content": "Hello"}}


async def test_members_are_told_apart_in_lower_case(running: Sandbox, session: aiohttp.ClientSession) -> None:
    script = {"refuse": ["^Bad", "^Ill"], "receipts": [{"match": "^Poor", "delivered": 0}]}
    running.play("wecom", Script.parse(script))

    answer = await send(running, session, TEXT | {"touser": "Ann|Ill|Bad|Poor", "toparty": "1|2", "totag": "3"})

    assert (answer["invaliduser"], answer["unlicenseduser"]) == ("bad|ill", "poor")
    assert (answer["invalidparty"], answer["invalidtag"]) == ("1|2", "3")
    assert running.record("wecom").addresses == ["Ann"]


async def test_a_message_for_nobody_valid_is_not_sent(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("wecom", Script.parse({"refuse": [""]}))

    answer = await send(running, session, TEXT)

    assert (answer["errcode"], answer["invaliduser"]) == (81013, "ann|ben")
    assert (running.record("wecom").submissions, running.record("wecom").turned_away) == (0, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"touser": ""}, 82001),
        ({"touser": ["Ann"]}, 40058),
        ({"touser": "|".join(f"u{n}" for n in range(1001))}, 40032),
        ({"toparty": "|".join(map(str, range(101)))}, 82002),
        ({"totag": "|".join(map(str, range(101)))}, 82003),
    ],
)
async def test_whom_a_call_names_must_be_in_order(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any], code: int
) -> None:
    assert (await send(running, session, TEXT | change))["errcode"] == code
    assert running.record("wecom").submissions == 0


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]"])
async def test_what_is_no_json_object_is_refused(running: Sandbox, session: aiohttp.ClientSession, raw: bytes) -> None:
    assert (await send(running, session, raw))["errcode"] == 47001


async def test_the_same_request_is_sent_once_while_it_is_remembered(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = TEXT | {"enable_duplicate_check": 1, "duplicate_check_interval": 60}

    first, second = [await send(running, session, checked) for _ in range(2)]
    await send(running, session, checked | {"duplicate_check_interval": 61})

    assert first == second
    assert running.record("wecom").submissions == 2

    monkeypatch.setattr(stand_in, "LONGEST_CHECK", -1)
    late = checked | {"duplicate_check_interval": 62}
    assert await send(running, session, late) != await send(running, session, late)


async def test_without_the_check_every_request_is_sent(running: Sandbox, session: aiohttp.ClientSession) -> None:
    first, second = [await send(running, session, TEXT) for _ in range(2)]

    assert first["msgid"] != second["msgid"]
    assert running.record("wecom").submissions == 2


async def test_what_is_too_much_for_a_member_is_lost_in_silence(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    for _ in range(30):
        await send(running, session, TEXT | {"touser": "Ann"})

    answer = await send(running, session, TEXT)

    assert answer.keys() == {"errcode", "errmsg", "msgid"}
    newest = running.record("wecom").accepted[-1]
    assert (newest["targets"], newest["dropped"]) == (["ben"], ["Ann"])
    await send(running, session, TEXT | {"touser": "Ann", "agentid": 1000003})
    assert running.record("wecom").accepted[-1]["targets"] == ["Ann"]


async def test_only_a_card_that_can_change_gets_a_response_code(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    answer = await send(running, session, TEXT | {"msgtype": "template_card", "template_card": CARD})

    assert answer["response_code"]


async def test_a_message_is_recalled_for_a_day(
    running: Sandbox, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    msgid = (await send(running, session, TEXT))["msgid"]
    path = f"message/recall?access_token={await token(running, session)}"
    assert (await post(running, session, path, {"msgid": msgid}))["errcode"] == 0
    assert running.record("wecom").recalled == [msgid]

    assert (await post(running, session, path, {"msgid": "another"}))["errcode"] == 40058
    monkeypatch.setattr(stand_in, "RECALL_SECONDS", -1)
    assert (await post(running, session, path, {"msgid": msgid}))["errcode"] == 40058


async def test_faults_are_worded_as_wecom_does(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("wecom", Script(busy=1))
    assert (await send(running, session, TEXT))["errcode"] == 45009

    running.play("wecom", Script(error_rate=1))
    assert (await send(running, session, TEXT))["errcode"] == -1

    running.play("wecom", Script(per_minute=1))
    assert [(await send(running, session, TEXT))["errcode"] for _ in range(2)] == [0, 45009]
