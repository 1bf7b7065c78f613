"""DingTalk's stand-in, request by request."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from ums.sandbox import Sandbox
from ums.sandbox.dingtalk.tasks import A_DAY, Purse, Task, Today
from ums.sandbox.script import Script

API = "/topapi/message/corpconversation"
MSG = {"msgtype": "text", "text": {"content": "Hello"}}
CALL = {"agent_id": 1, "userid_list": "ann,ben", "msg": MSG}


async def call(
    running: Sandbox, session: aiohttp.ClientSession, path: str, sent: object, token: str | None = None
) -> Any:
    """The JSON of the answer; its HTTP status is always 200."""
    query = {"access_token": await gettoken(running, session) if token is None else token}
    raw, kind = sent if isinstance(sent, bytes) else json.dumps(sent), {"Content-Type": "application/json"}
    url = f"{running.address.http}/dingtalk{API}{path}"
    async with session.post(url, params=query, data=raw, headers=kind) as response:
        assert response.status == 200
        return await response.json()


async def asked(running: Sandbox, session: aiohttp.ClientSession, secret: str = "secret") -> Any:
    """The JSON of the answer to who wants a token."""
    query = {"appkey": "key", "appsecret": secret}
    async with session.get(f"{running.address.http}/dingtalk/gettoken", params=query) as response:
        return await response.json()


async def gettoken(running: Sandbox, session: aiohttp.ClientSession) -> str:
    return str((await asked(running, session))["access_token"])


async def result(running: Sandbox, session: aiohttp.ClientSession, task: int) -> Any:
    answer = await call(running, session, "/getsendresult", {"agent_id": 1, "task_id": task})
    return {name: listed for name, listed in answer["send_result"].items() if listed}


async def test_an_application_gets_the_same_token_again(running: Sandbox, session: aiohttp.ClientSession) -> None:
    first, second = await asked(running, session), await asked(running, session)

    assert first["access_token"] == second["access_token"]
    assert (first["errcode"], first["errmsg"], first["expires_in"]) == (0, "ok", 7200)
    assert (await asked(running, session, "another"))["access_token"] != first["access_token"]


async def test_a_wrong_secret_gets_no_token(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("dingtalk", Script.parse({"accounts": {"key": "another"}}))

    answer = await asked(running, session)

    assert (answer["errcode"], "access_token" in answer) == (40089, False)


@pytest.mark.parametrize("path", ["/asyncsend_v2", "/getsendresult", "/recall"])
@pytest.mark.parametrize(("token", "code"), [("", "41001"), ("stolen", "40014")])
async def test_nothing_is_done_for_strangers(
    running: Sandbox, session: aiohttp.ClientSession, path: str, token: str, code: str
) -> None:
    answer = await call(running, session, path, CALL, token)

    assert (answer["errcode"], answer["sub_code"]) == (88, code)
    assert f"subcode={code}" in answer["errmsg"]


async def test_a_token_dies_with_its_secret(running: Sandbox, session: aiohttp.ClientSession) -> None:
    token = await gettoken(running, session)
    running.play("dingtalk", Script.parse({"accounts": {"key": "another"}}))

    assert (await call(running, session, "/asyncsend_v2", CALL, token))["sub_code"] == "40014"


def test_a_token_is_good_until_nobody_asked_for_it_long_enough() -> None:
    purse, owner = Purse(), ("key", "secret")
    token = purse.give(owner, 0)

    assert purse.give(owner, 5000) == token
    assert purse.owner(token, 12_199) == owner
    assert purse.owner(token, 12_200) == ("", "")
    assert purse.give(owner, 12_200) != token


async def test_a_call_makes_a_task(running: Sandbox, session: aiohttp.ClientSession) -> None:
    answer = await call(running, session, "/asyncsend_v2", CALL)

    assert (answer["errcode"], type(answer["task_id"])) == (0, int)
    [accepted] = running.record("dingtalk").accepted
    assert (accepted["targets"], accepted["account"], accepted["msg"]) == (["ann", "ben"], "key", MSG)
    assert accepted["task_id"] == str(answer["task_id"])


async def test_a_form_says_the_same_as_json(running: Sandbox, session: aiohttp.ClientSession) -> None:
    query = {"access_token": await gettoken(running, session)}
    form = {"agent_id": "1", "userid_list": "ann", "msg": json.dumps(MSG)}
    async with session.post(f"{running.address.http}/dingtalk{API}/asyncsend_v2", params=query, data=form) as response:
        answer = await response.json()

    assert answer["errcode"] == 0
    assert running.record("dingtalk").accepted[0]["msg"] == MSG


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"agent_id": None}, 40056),
        ({"agent_id": "mine"}, 40056),
        ({"userid_list": ""}, 400002),
        ({"userid_list": "ann,,ben"}, 400002),
        ({"userid_list": ",".join(map(str, range(101)))}, 40035),
        ({"userid_list": None, "to_all_user": True}, 400002),
        ({"dept_id_list": "1"}, 400002),
        ({"msg": None}, 34004),
        ({"msg": {"msgtype": "video", "video": {}}}, 34004),
        ({"msg": {"msgtype": "markdown", "text": {"content": "Hello"}}}, 34014),
        ({"msg": {"msgtype": "text", "text": {"content": "x" * 2048}}}, 45002),
    ],
)
async def test_a_call_that_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any], code: int
) -> None:
    answer = await call(running, session, "/asyncsend_v2", CALL | change)

    assert answer["errcode"] == code
    assert (running.record("dingtalk").submissions, running.record("dingtalk").turned_away) == (0, 1)


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]"])
async def test_what_is_no_json_object_is_refused(running: Sandbox, session: aiohttp.ClientSession, raw: bytes) -> None:
    assert (await call(running, session, "/asyncsend_v2", raw))["errcode"] == 43007


async def test_one_wrong_userid_refuses_the_call(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("dingtalk", Script.parse({"refuse": ["^ben$"]}))

    assert (await call(running, session, "/asyncsend_v2", CALL))["errcode"] == 40031
    assert running.record("dingtalk").submissions == 0


async def test_the_rate_is_kept_at_the_gate(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("dingtalk", Script(per_minute=1))
    answers = [await call(running, session, "/asyncsend_v2", CALL | {"userid_list": name}) for name in "ab"]

    assert [answer["errcode"] for answer in answers] == [0, 88]
    assert answers[1]["sub_code"] == "90018"


async def test_faults_are_worded_as_the_provider_words_them(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("dingtalk", Script.parse({"busy": 1, "errorRate": 1}))
    answers = [await call(running, session, "/asyncsend_v2", CALL) for _ in range(2)]

    assert [(answer["errcode"], answer.get("sub_code")) for answer in answers] == [(88, "90018"), (-1, None)]
    assert running.record("dingtalk").turned_away == 2


async def test_unread_becomes_read_and_failed_stays_failed(running: Sandbox, session: aiohttp.ClientSession) -> None:
    rules = [{"match": "ann", "delivered": 1, "clicked": 1, "clickedAfter": 0.3}, {"match": "", "delivered": 0}]
    running.play("dingtalk", Script.parse({"receipts": rules}))
    task = (await call(running, session, "/asyncsend_v2", CALL))["task_id"]

    assert await result(running, session, task) == {"unread_user_id_list": ["ann"], "failed_user_id_list": ["ben"]}
    await asyncio.sleep(0.35)

    assert await result(running, session, task) == {"read_user_id_list": ["ann"], "failed_user_id_list": ["ben"]}


async def test_identical_content_reaches_a_person_once_and_the_call_is_a_success_all_the_same(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("dingtalk", Script.parse({"receipts": [{"delivered": 1}]}))
    await call(running, session, "/asyncsend_v2", CALL | {"userid_list": "ann"})

    again = await call(running, session, "/asyncsend_v2", CALL)

    assert again["errcode"] == 0
    assert await result(running, session, again["task_id"]) == {
        "unread_user_id_list": ["ben"],
        "forbidden_user_id_list": ["ann"],
        "forbidden_list": [{"code": "143106", "count": 1, "userid": "ann"}],
    }
    assert running.record("dingtalk").addresses == ["ann", "ben"]
    assert running.record("dingtalk").accepted[1]["dropped"] == {"ann": "143106"}


def test_a_person_gets_so_many_messages_a_day_and_may_get_the_same_again_tomorrow() -> None:
    today, evening, midnight = Today(), 15 * 3600, 16 * 3600  # UTC, as it is in China
    codes = [today.takes("key", "ann", str(number).encode(), evening) for number in range(A_DAY + 1)]

    assert (set(codes[:A_DAY]), codes[A_DAY]) == ({""}, "143105")
    assert today.takes("key", "ann", b"0", midnight - 1) == "143106"
    assert today.takes("key", "ben", b"0", evening) == today.takes("another", "ann", b"0", evening) == ""
    assert today.takes("key", "ann", b"0", midnight) == ""


def test_after_a_day_nobody_may_ask_for_a_task() -> None:
    task = Task("key", 100.0, {}, {})

    assert task.open(100 + 86_399)
    assert not task.open(100 + 86_400)


@pytest.mark.parametrize("task", [4711, "many", None])
async def test_there_is_no_result_of_what_was_never_sent(
    running: Sandbox, session: aiohttp.ClientSession, task: object
) -> None:
    answer = await call(running, session, "/getsendresult", {"agent_id": 1, "task_id": task})

    assert answer["errcode"] == 40035


async def test_a_task_is_of_one_application_alone(running: Sandbox, session: aiohttp.ClientSession) -> None:
    task = (await call(running, session, "/asyncsend_v2", CALL))["task_id"]
    query = {"appkey": "other", "appsecret": "secret"}
    async with session.get(f"{running.address.http}/dingtalk/gettoken", params=query) as response:
        other = (await response.json())["access_token"]

    answer = await call(running, session, "/recall", {"agent_id": 1, "msg_task_id": task}, other)

    assert answer["errcode"] == 400002
    assert running.record("dingtalk").recalled == []


def test_whom_it_had_reached_before_it_was_recalled_stays_in_the_lists() -> None:
    fates = {"ann": [(1.0, "delivered"), (3.0, "clicked")], "ben": [(3.0, "delivered")]}

    lists = Task("key", 0.0, fates, {}, recalled_at=2.0).result(10.0)

    assert {name: listed for name, listed in lists.items() if listed} == {"unread_user_id_list": ["ann"]}


async def test_a_recall_is_recorded(running: Sandbox, session: aiohttp.ClientSession) -> None:
    task = (await call(running, session, "/asyncsend_v2", CALL))["task_id"]

    answer = await call(running, session, "/recall", {"agent_id": 1, "msg_task_id": task})

    assert answer["errcode"] == 0
    assert running.record("dingtalk").recalled == [str(task)]
