"""Several openids in one Submission of WeChat: none spoils the outcome of another."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, each
from tests.providers.test_wechatoa import ANN, BEN, MESSAGE, NOTIFICATION, provider, said, submission
from tests.providers.test_wechatoa import oa as oa
from ums.errors import OutcomeUnknown, ProviderRefused
from ums.providers.contract import Common, Submission, Target
from ums.providers.wechat.official_account import REPEATABLE, Wechatoa
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State


async def test_a_quota_that_ends_in_the_middle_stops_the_rest(oa: Wechatoa, doors: Doors) -> None:
    targets = [Target(number, f"openid-{number}") for number in range(60)]
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
    for _ in range(50):
        doors.answer(200, said(45011))

    answer = await oa.send(submission(None, *targets))

    states = [outcome.state for outcome in each(answer, targets)]
    assert (states.count(State.SUBMITTED), states.count(State.PLANNED)) == (1, 59)
    assert (answer.others, answer.pause) == (Common(State.PLANNED, None, "45011", "so it is"), 60.0)
    assert doors.reports.qsize() < 25


async def test_an_account_blocked_in_the_middle_leaves_the_rest_for_later(oa: Wechatoa, doors: Doors) -> None:
    targets = [Target(number, f"openid-{number}") for number in range(30)]
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
    for _ in range(29):
        doors.answer(200, said(48004))

    answer = await oa.send(submission(None, *targets))

    assert len(answer.outcomes) == 1
    assert answer.others == Common(State.PLANNED, Reason.ACCOUNT, "48004", "so it is")


async def test_one_busy_message_does_not_stop_the_others(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, said(-1))
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})

    answer = await oa.send(submission(None, ANN, BEN))

    assert sorted(outcome.state for outcome in each(answer, [ANN, BEN])) == [State.PLANNED, State.SUBMITTED]


async def test_a_lost_answer_is_repeated_under_its_key_while_wechat_remembers_it(oa: Wechatoa, doors: Doors) -> None:
    doors.hang_up()
    with pytest.raises(OutcomeUnknown):
        await oa.send(submission())

    doors.hang_up()
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
    answer = await oa.send(submission(None, ANN, BEN))
    assert sorted(outcome.state for outcome in each(answer, [ANN, BEN])) == [State.PLANNED, State.SUBMITTED]


@pytest.mark.parametrize(
    ("content", "age"), [(MESSAGE, REPEATABLE + 5), (NOTIFICATION, 0), (NOTIFICATION, REPEATABLE + 5)]
)
async def test_a_lost_answer_that_could_reach_somebody_twice_is_not_repeated(
    oa: Wechatoa, doors: Doors, content: dict[str, Any], age: float
) -> None:
    doors.hang_up()
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})

    answer = await oa.send(submission(content, ANN, BEN, age=age))

    assert sorted(outcome.state for outcome in each(answer, [ANN, BEN])) == [State.UNKNOWN, State.SUBMITTED]


@pytest.mark.parametrize("key", ["", "-", "no-number", "0123"])
async def test_a_key_that_is_none_of_ours_promises_nothing(oa: Wechatoa, doors: Doors, key: str) -> None:
    doors.hang_up()

    answer = await oa.send(Submission(key, MESSAGE, [ANN], 0))

    assert [outcome.state for outcome in answer.outcomes] == [State.UNKNOWN]


async def test_a_stale_token_that_cannot_be_replaced_is_for_the_operator(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, said(40001))
    doors.answer(200, said(40164))

    with pytest.raises(ProviderRefused, match="40164"):
        await oa.send(submission())

    await doors.report("/cgi-bin/message/template/send")
    await doors.report("/cgi-bin/stable_token")
    assert doors.reports.empty()


async def test_a_message_repeated_with_its_key_is_sent_once(session: aiohttp.ClientSession, running: Sandbox) -> None:
    oa = provider(session, running.address)
    once = Submission(await oa.request_key(), MESSAGE, [ANN], 0)
    running.play("wechatoa", Script(lose_answer=0.5))

    first = await oa.send(once)
    with pytest.raises(OutcomeUnknown):
        await oa.send(once)
    third = await oa.send(once)

    assert third == first
    assert running.record("wechatoa").addresses == ["openid-ann"]
