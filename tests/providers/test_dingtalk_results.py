"""DingTalk afterwards: a task is asked for its result, and taken back."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_dingtalk import ANN, BEN, CAT, provider, refusal, submission, token
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Receipt
from ums.providers.dingtalk.provider import Dingtalk
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State

RESULT = "/topapi/message/corpconversation/getsendresult"
RECALL = "/topapi/message/corpconversation/recall"
TASK = "256271667526"


@pytest.fixture
def ding(session: aiohttp.ClientSession, doors: Doors) -> Dingtalk:
    """Talks to `doors` as if they were DingTalk; its first token lies ready."""
    token(doors)
    return provider(session, baseUrl=doors.url)


def result(doors: Doors, **lists: object) -> None:
    """Lies ready as the answer to the next call."""
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "request_id": "1", "send_result": lists})


async def told(ding: Dingtalk, task: str = TASK) -> dict[str, tuple[State, Reason | None, str]]:
    receipts = await ding.ask(task)
    assert len({receipt.address for receipt in receipts}) == len(receipts), "somebody was told of twice"
    return {receipt.address: (receipt.state, receipt.reason, receipt.code) for receipt in receipts}


async def test_a_task_is_asked_for_by_its_number(ding: Dingtalk, doors: Doors) -> None:
    result(doors, unread_user_id_list=["ann"])
    before = time.time_ns() // 1_000_000

    [receipt] = await ding.ask(TASK)

    await doors.report("/gettoken")
    asked = await doors.report(RESULT)
    assert (asked.method, asked.query) == ("POST", {"access_token": "token-1"})
    assert body(asked) == {"agent_id": 1234567890, "task_id": 256271667526}
    assert receipt == Receipt(TASK, "ann", State.DELIVERED, receipt.at)
    assert before <= receipt.at <= time.time_ns() // 1_000_000


async def test_whoever_is_in_a_list_has_a_receipt_and_to_read_is_not_to_click(ding: Dingtalk, doors: Doors) -> None:
    result(
        doors,
        read_user_id_list=["reader"],
        unread_user_id_list=["ann", "ben"],
        failed_user_id_list=["cat"],
        invalid_user_id_list=["nobody"],
        forbidden_user_id_list=["eve", "dan"],
        forbidden_list=[{"code": "143106", "count": 1, "userid": "dan"}],
        invalid_dept_id_list=[7],
    )

    assert await told(ding) == {
        "reader": (State.DELIVERED, None, ""),
        "ann": (State.DELIVERED, None, ""),
        "ben": (State.DELIVERED, None, ""),
        "cat": (State.UNDELIVERED, Reason.PROVIDER, "failed_user_id_list"),
        "nobody": (State.UNDELIVERED, Reason.INVALID_ADDRESS, "invalid_user_id_list"),
        "eve": (State.UNDELIVERED, Reason.PROVIDER, "forbidden_user_id_list"),
        "dan": (State.UNDELIVERED, Reason.DUPLICATE, "143106"),
    }


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        *(("143103", Reason.PROVIDER), ("143104", Reason.PROVIDER), ("143105", Reason.PROVIDER)),
        ("143106", Reason.DUPLICATE),
        *(("143203", Reason.PROVIDER), ("143204", Reason.PROVIDER), ("143205", Reason.PROVIDER)),
        ("143206", Reason.DUPLICATE),
        ("1430000", Reason.INVALID_ADDRESS),
        ("1430001", Reason.ACCOUNT),
        ("1430002", Reason.CONTENT),
        ("1430003", Reason.PROVIDER),
        ("1430004", Reason.UNREACHABLE),
        ("1439999", Reason.PROVIDER),
    ],
)
@pytest.mark.parametrize("kind", [str, int])
async def test_flow_control_says_why_it_dropped_somebody(
    ding: Dingtalk, doors: Doors, code: str, reason: Reason, kind: type[str] | type[int]
) -> None:
    result(doors, forbidden_list=[{"code": kind(code), "count": 1, "userid": "dan"}])

    assert await told(ding) == {"dan": (State.UNDELIVERED, reason, code)}


@pytest.mark.parametrize("lists", [{}, {"read_user_id_list": None, "forbidden_list": None}])
async def test_who_is_in_no_list_has_no_receipt_yet(ding: Dingtalk, doors: Doors, lists: dict[str, Any]) -> None:
    result(doors, **lists)

    assert await ding.ask(TASK) == []


async def test_a_task_that_is_still_under_way_has_nothing_to_tell(ding: Dingtalk, doors: Doors) -> None:
    refusal(doors, 41052)

    assert await ding.ask(TASK) == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((90018, ProviderBusy), (-1, ProviderBusy), (500, ProviderBusy)),
        *((90020, ProviderRefused), (40035, ProviderRefused), (400002, ProviderRefused), (4711, ProviderRefused)),
    ],
)
async def test_a_refused_question_says_who_must_act(
    ding: Dingtalk, doors: Doors, code: int, error: type[Exception]
) -> None:
    refusal(doors, code)
    with pytest.raises(error, match=f"{code}: so it is"):
        await ding.ask(TASK)

    refusal(doors, code)
    with pytest.raises(error, match=f"{code}: so it is"):
        await ding.recall(TASK)


@pytest.mark.parametrize("said", [b"<html>", b"{}", b'{"errcode": 0}', b'{"errcode": 0, "send_result": []}'])
async def test_a_result_that_makes_no_sense_is_no_result(ding: Dingtalk, doors: Doors, said: bytes) -> None:
    doors.answer(200, said)

    with pytest.raises(OutcomeUnknown):
        await ding.ask(TASK)


async def test_a_task_is_taken_back_by_its_number(ding: Dingtalk, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    await ding.recall(TASK)

    await doors.report("/gettoken")
    assert body(await doors.report(RECALL)) == {"agent_id": 1234567890, "msg_task_id": 256271667526}
    assert ding.recalls


async def test_a_lost_answer_to_a_recall_leaves_it_unknown(ding: Dingtalk, doors: Doors) -> None:
    doors.hang_up()

    with pytest.raises(OutcomeUnknown):
        await ding.recall(TASK)


def test_questions_are_few_and_within_the_time_in_which_there_are_answers() -> None:
    assert len(Dingtalk.asked_after) <= 4
    assert list(Dingtalk.asked_after) == sorted(set(Dingtalk.asked_after))
    assert max(Dingtalk.asked_after) < 24 * 3600


async def test_the_stand_in_tells_what_its_script_says_when_it_is_asked(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    rules = [{"match": "ann", "delivered": 0}, {"match": "ben", "delivered": 1, "clicked": 1}, {"match": "cat"}]
    running.play("dingtalk", Script.parse({"receipts": rules}))
    ding = provider(session, running.address)

    answer = await ding.send(submission(ANN, BEN, CAT))

    assert answer.provider_id
    assert await told(ding, answer.provider_id) == {
        "ann": (State.UNDELIVERED, Reason.PROVIDER, "failed_user_id_list"),
        "ben": (State.DELIVERED, None, ""),
    }


async def test_a_delivery_is_told_when_its_time_has_come(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("dingtalk", Script.parse({"receipts": [{"delivered": 1, "after": 0.3}]}))
    ding = provider(session, running.address)
    answer = await ding.send(submission(ANN))
    assert answer.provider_id

    assert await told(ding, answer.provider_id) == {}
    await asyncio.sleep(0.35)

    assert await told(ding, answer.provider_id) == {"ann": (State.DELIVERED, None, "")}


async def test_a_repeat_after_a_lost_answer_reaches_nobody_twice_and_says_so(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("dingtalk", Script.parse({"loseAnswer": 1, "receipts": [{"delivered": 1}]}))
    ding = provider(session, running.address)
    with pytest.raises(OutcomeUnknown):
        await ding.send(submission(ANN))

    running.play("dingtalk", Script.parse({"receipts": [{"delivered": 1}]}))
    answer = await ding.send(submission(ANN, BEN))

    assert running.record("dingtalk").addresses == ["ann", "ben"]
    assert answer.provider_id
    assert await told(ding, answer.provider_id) == {
        "ann": (State.UNDELIVERED, Reason.DUPLICATE, "143106"),
        "ben": (State.DELIVERED, None, ""),
    }


async def test_what_was_sent_is_taken_back_and_what_was_not_cannot_be(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    ding = provider(session, running.address)
    answer = await ding.send(submission())
    assert answer.provider_id

    await ding.recall(answer.provider_id)
    with pytest.raises(ProviderRefused, match="400002"):
        await ding.recall("4711")

    assert running.record("dingtalk").recalled == [answer.provider_id]
