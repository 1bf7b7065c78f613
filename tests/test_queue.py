"""The lanes: a wake-up reaches a worker, on SQLite and on Redis, and may be lost without harm."""

import asyncio
from dataclasses import replace

import orjson
import pytest
from huey.registry import Message

from ums.queue import JsonSerializer, Lanes
from ums.settings import Settings
from ums.vocabulary import Priority


async def test_a_wake_up_reaches_the_worker_of_its_lane(settings: Settings) -> None:
    lanes, woken = Lanes(settings), asyncio.Queue[Priority]()
    consumers = lanes.consumers(woken.put, dict.fromkeys(Priority, 1))
    consumers.start()

    for lane in (Priority.LOW, Priority.HIGH):
        await lanes.wake(lane)
        assert await asyncio.wait_for(woken.get(), 5) is lane

    await consumers.stop()
    lanes.close()


async def test_many_wake_ups_are_one(settings: Settings) -> None:
    lanes, woken = Lanes(settings), asyncio.Queue[Priority]()
    for _ in range(10):
        await lanes.wake(Priority.HIGH)
    consumers = lanes.consumers(woken.put, {Priority.HIGH: 1})
    consumers.start()

    await asyncio.wait_for(woken.get(), 5)
    await asyncio.sleep(0.3)

    assert woken.empty()
    await consumers.stop()
    lanes.close()


async def test_a_worker_whose_work_breaks_goes_on_with_the_next(sqlite_settings: Settings) -> None:
    lanes, seen = Lanes(sqlite_settings), asyncio.Queue[int]()

    async def breaks_once(_: Priority) -> None:
        await seen.put(1)
        if seen.qsize() == 1:
            raise RuntimeError("broken")

    consumers = lanes.consumers(breaks_once, {Priority.HIGH: 1})
    consumers.start()
    for expected in (1, 2):
        await lanes.wake(Priority.HIGH)
        async with asyncio.timeout(5):
            while seen.qsize() < expected:
                await asyncio.sleep(0.01)

    await consumers.stop()
    lanes.close()


async def test_a_broker_that_is_down_costs_the_caller_nothing(sqlite_settings: Settings) -> None:
    lanes = Lanes(replace(sqlite_settings, queue_url="redis://127.0.0.1:1/0"))

    await lanes.wake(Priority.HIGH)

    lanes.close()


def test_what_goes_through_the_broker_is_json_not_pickle() -> None:
    message = Message("1", "drain", None, 0, 0, None, (1,), {}, None, None, None, None, None, None, None)

    written = JsonSerializer().serialize(message)

    assert orjson.loads(written)["m"]["args"] == [1]
    assert JsonSerializer().deserialize(written) == message
    with pytest.raises(orjson.JSONDecodeError):
        JsonSerializer().deserialize(b"\x80\x04N.")
