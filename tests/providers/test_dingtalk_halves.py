"""DingTalk, when a userid of a batch is wrong and it does not say which."""

import aiohttp
import pytest

from tests.providers.conftest import Doors, each
from tests.providers.test_dingtalk import (
    ANN,
    BEN,
    CAT,
    DAN,
    accepted,
    provider,
    refusal,
    sent_to,
    states,
    submission,
    token,
)
from ums.providers.contract import Target
from ums.providers.dingtalk.provider import Dingtalk
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import State


@pytest.fixture
def ding(session: aiohttp.ClientSession, doors: Doors) -> Dingtalk:
    """Talks to `doors` as if they were DingTalk; its first token lies ready."""
    token(doors)
    return provider(session, baseUrl=doors.url)


@pytest.mark.parametrize("address", ["", "ann,ben"])
async def test_what_no_list_can_name_is_never_sent(ding: Dingtalk, doors: Doors, address: str) -> None:
    accepted(doors)

    answer = await ding.send(submission(ANN, Target(9, address)))

    assert states(answer, ANN, Target(9, address)) == {"ann": State.SUBMITTED, address: State.INVALID}
    assert await sent_to(doors) == ["ann"]


async def test_when_nobody_can_be_named_nothing_is_called(ding: Dingtalk, doors: Doors) -> None:
    answer = await ding.send(submission(Target(9, "")))

    assert states(answer, Target(9, "")) == {"": State.INVALID}
    assert doors.reports.empty()


async def test_a_batch_is_halved_until_the_wrong_userid_stands_alone(ding: Dingtalk, doors: Doors) -> None:
    for _ in range(3):
        refusal(doors, 40031)
    accepted(doors, 7)

    answer = await ding.send(submission(ANN, BEN, CAT, DAN))

    assert await sent_to(doors) == ["ann,ben,cat,dan", "ann,ben", "ann", "ben"]
    expected = {"ann": State.INVALID, "ben": State.SUBMITTED, "cat": State.PLANNED, "dan": State.PLANNED}
    assert states(answer, ANN, BEN, CAT, DAN) == expected
    assert answer.provider_id == "7"


async def test_each_attempt_at_a_halved_batch_makes_one_task_and_the_last_leaves_nobody(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("dingtalk", Script.parse({"refuse": ["staff0060$"]}))
    ding = provider(session, running.address)
    left, invalid = [Target(number, f"staff{number:04}") for number in range(100)], []
    tasks = []
    while left:
        answer = await ding.send(submission(*left))
        told = dict(zip(left, each(answer, left), strict=True))
        invalid += [target.id for target, outcome in told.items() if outcome.state is State.INVALID]
        left = [target for target, outcome in told.items() if outcome.state is State.PLANNED]
        tasks.append(answer.provider_id)

    assert invalid == [60]
    assert len(set(running.record("dingtalk").addresses)) == len(running.record("dingtalk").addresses) == 99
    assert tasks == [taken["task_id"] for taken in running.record("dingtalk").accepted]


async def test_what_is_busy_half_way_does_not_forget_what_was_learnt(ding: Dingtalk, doors: Doors) -> None:
    for _ in range(3):
        refusal(doors, 40031)
    refusal(doors, 90018)

    answer = await ding.send(submission(ANN, BEN, CAT, DAN))

    expected = {"ann": State.INVALID, "ben": State.PLANNED, "cat": State.PLANNED, "dan": State.PLANNED}
    assert states(answer, ANN, BEN, CAT, DAN) == expected
    assert (answer.pause, answer.code) == (1, "90018")


async def test_an_answer_lost_half_way_is_unknown_for_that_half_alone(ding: Dingtalk, doors: Doors) -> None:
    refusal(doors, 40031)
    doors.hang_up()

    answer = await ding.send(submission(ANN, BEN, CAT, DAN))

    expected = {"ann": State.UNKNOWN, "ben": State.UNKNOWN, "cat": State.PLANNED, "dan": State.PLANNED}
    assert states(answer, ANN, BEN, CAT, DAN) == expected


async def test_content_refused_half_way_is_refused_for_the_other_half_too(ding: Dingtalk, doors: Doors) -> None:
    refusal(doors, 40031)
    refusal(doors, 41049)

    answer = await ding.send(submission(ANN, BEN))

    assert states(answer, ANN, BEN) == {"ann": State.REFUSED, "ben": State.REFUSED}
