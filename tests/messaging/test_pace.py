"""How many messages a member may get, counted by all workers together."""

import asyncio

import pytest

from tests.shop import SECOND, Time
from ums.database import connection, fetch
from ums.messaging.pace import LONGEST, STRETCH, SharedPace, forget
from ums.providers.wecom.application import MEMBER_BOUNDS

pytestmark = pytest.mark.usefixtures("database")
APPLICATION = "corp/1000002"


async def rows() -> int:
    return int((await fetch(connection(), "SELECT count(*) AS number FROM member_pace"))[0]["number"])


async def test_two_workers_together_admit_thirty_a_minute() -> None:
    time = Time()
    workers = [SharedPace(time), SharedPace(time)]
    admitted = 0
    for number in range(40):
        admitted += len(await workers[number % 2].admit(APPLICATION, ["ann"], MEMBER_BOUNDS))
        time.passes(SECOND)

    assert admitted == 30


async def test_workers_at_the_same_moment_admit_no_more() -> None:
    time = Time()
    workers = [SharedPace(time) for _ in range(8)]

    calls = [worker.admit(APPLICATION, ["ann", "ben"], MEMBER_BOUNDS) for worker in workers for _ in range(5)]
    admitted = await asyncio.gather(*calls)

    assert sum("ann" in one for one in admitted) == sum("ben" in one for one in admitted) == 30


async def test_a_minute_and_at_most_a_stretch_later_there_is_room_again() -> None:
    time = Time()
    pace = SharedPace(time)
    for _ in range(30):
        await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS)

    time.passes(60 * SECOND - 1)
    assert await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS) == set()
    time.passes(STRETCH + 1)
    assert await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS) == {"ann"}


async def test_a_thousand_an_hour_are_admitted() -> None:
    time = Time()
    pace = SharedPace(time)
    for _ in range(1000):
        assert await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS) == {"ann"}
        time.passes(3 * SECOND)

    assert await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS) == set()
    time.passes(10 * 60 * SECOND + STRETCH)
    assert await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS) == {"ann"}


async def test_members_do_not_wait_for_each_other_and_neither_do_applications() -> None:
    pace = SharedPace(Time())
    for _ in range(30):
        await pace.admit(APPLICATION, ["ann"], MEMBER_BOUNDS)

    assert await pace.admit(APPLICATION, ["ann", "ben"], MEMBER_BOUNDS) == {"ben"}
    assert await pace.admit("corp/7", ["ann"], MEMBER_BOUNDS) == {"ann"}


async def test_counts_that_nobody_looks_at_any_more_are_forgotten() -> None:
    time = Time()
    pace = SharedPace(time)
    await pace.admit(APPLICATION, ["ann", "ben"], MEMBER_BOUNDS)
    time.passes(LONGEST // 2)
    await pace.admit(APPLICATION, ["cat"], MEMBER_BOUNDS)

    assert await forget(time(), 10) == 0
    time.passes(LONGEST // 2 + STRETCH)
    assert await forget(time(), 1) == 1
    assert await forget(time(), 10) == 1
    assert await rows() == 1
