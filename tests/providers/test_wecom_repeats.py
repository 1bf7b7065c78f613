"""WeCom: how often a message may come again, and how many a member may get."""

import aiohttp
import pytest

from tests.providers.conftest import Doors, body, each
from tests.providers.test_wecom import SEND, TARGETS, TEXT, provider, sent, submission
from tests.providers.test_wecom import wecom as wecom
from ums.errors import OutcomeUnknown
from ums.providers.contract import Submission
from ums.providers.wecom.own_corp import Wecom
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State, system_clock

KEY = "1700000000000-0011223344556677"
"""Made in 2023."""
MINUTES = 60_000


async def test_a_message_repeated_with_its_key_is_shown_once(session: aiohttp.ClientSession, running: Sandbox) -> None:
    wecom = provider(session, running.address)
    once = submission(key=await wecom.request_key())
    running.play("wecom", Script(lose_answer=0.5))

    first = await wecom.send(once)
    with pytest.raises(OutcomeUnknown):
        await wecom.send(once)
    third = await wecom.send(once)

    assert third == first
    assert running.record("wecom").addresses == ["Ann", "ben"]


async def test_two_messages_that_say_the_same_are_both_shown(session: aiohttp.ClientSession, running: Sandbox) -> None:
    wecom = provider(session, running.address)

    await wecom.send(submission(key="1700000000000-a"))
    await wecom.send(submission(key="1700000000000-b"))

    assert running.record("wecom").addresses == ["Ann", "ben"] * 2


async def test_the_check_looks_back_for_two_to_four_hours(wecom: Wecom, doors: Doors) -> None:
    keys = [await wecom.request_key() for _ in range(20)]
    for key in keys:
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m"})
        await wecom.send(submission(key=key))

    messages = [await sent(doors)] + [body(await doors.report(SEND)) for _ in keys[1:]]
    assert {message["enable_duplicate_check"] for message in messages} == {1}
    intervals = {message["duplicate_check_interval"] for message in messages}
    assert len(intervals) > 1
    assert 7200 <= min(intervals) <= max(intervals) < 14400


async def test_a_content_with_a_check_of_its_own_is_left_as_it_is(wecom: Wecom, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "m"})

    await wecom.send(submission(TEXT | {"enable_duplicate_check": 1, "duplicate_check_interval": 60}, key=KEY))

    message = await sent(doors)
    assert (message["enable_duplicate_check"], message["duplicate_check_interval"]) == (1, 60)


@pytest.mark.parametrize(
    ("check", "minutes", "is_repeated"),
    [
        ({}, 0, True),
        ({}, 59, True),
        ({}, 121, False),
        ({"enable_duplicate_check": 0}, 0, False),
        ({"enable_duplicate_check": 1}, 14, True),
        ({"enable_duplicate_check": 1}, 16, False),
        ({"enable_duplicate_check": 1, "duplicate_check_interval": 14400}, 119, True),
        ({"enable_duplicate_check": 1, "duplicate_check_interval": 14400}, 121, False),
    ],
)
async def test_a_lost_answer_is_worth_a_repeat_for_half_the_time_that_the_check_looks_back(
    wecom: Wecom, doors: Doors, check: dict[str, int], minutes: int, is_repeated: bool
) -> None:
    key = f"{system_clock() - minutes * MINUTES}-0011223344556677"
    doors.hang_up()
    once = submission(TEXT | check, key=key)

    assert (await outcome_of(wecom, once)) == ("raised" if is_repeated else State.UNKNOWN)


async def outcome_of(wecom: Wecom, once: Submission) -> State | str:
    try:
        return each(await wecom.send(once), once.targets)[0].state
    except OutcomeUnknown:
        return "raised"


async def test_without_a_key_a_lost_answer_stays_unknown(wecom: Wecom, doors: Doors) -> None:
    doors.hang_up()

    answer = await wecom.send(submission())

    assert {(o.state, o.reason, o.code) for o in each(answer, TARGETS)} == {
        (State.UNKNOWN, Reason.UNKNOWN, "no_answer")
    }
    assert "enable_duplicate_check" not in await sent(doors)


async def test_the_31st_message_of_a_minute_waits_and_keeps_nobody_else_waiting(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    wecom = provider(session, running.address)
    for _ in range(30):
        await wecom.send(submission(targets=TARGETS[:1]))

    told = each(await wecom.send(submission()), TARGETS)

    assert [outcome.state for outcome in told] == [State.PLANNED, State.DELIVERED]
    assert running.record("wecom").addresses == ["Ann"] * 30 + ["ben"]


async def test_an_answer_lost_while_somebody_waits_stays_unknown(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    wecom = provider(session, running.address)
    for _ in range(30):
        await wecom.send(submission(targets=TARGETS[:1]))
    running.play("wecom", Script(lose_answer=1))

    told = each(await wecom.send(submission(key=await wecom.request_key())), TARGETS)

    assert [outcome.state for outcome in told] == [State.PLANNED, State.UNKNOWN]


async def test_a_repeat_is_the_same_request_even_if_somebody_had_to_wait_by_now(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    wecom = provider(session, running.address)
    once = submission(key=await wecom.request_key())
    running.play("wecom", Script(lose_answer=1))
    with pytest.raises(OutcomeUnknown):
        await wecom.send(once)
    running.play("wecom", Script())
    for _ in range(29):
        await wecom.send(submission(targets=TARGETS[:1]))

    told = each(await wecom.send(once), TARGETS)

    assert [outcome.state for outcome in told] == [State.DELIVERED, State.DELIVERED]
    assert running.record("wecom").addresses.count("ben") == 1
