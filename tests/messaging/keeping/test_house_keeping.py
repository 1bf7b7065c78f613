"""What is too old goes in small steps, by several workers at once, whoever is killed."""

import asyncio
from collections.abc import Awaitable, Callable

from structlog.testing import capture_logs

from tests.messaging.keeping.test_retention import DAY, cleared, kept
from tests.messaging.keeping.test_retention import sent as sent
from tests.shop import Shop, person
from ums.database import connection, execute
from ums.messaging.engine import running
from ums.messaging.keeping.retention import expire, keep_house
from ums.models import Message
from ums.vocabulary import State


async def large(shop: Shop) -> Message:
    """A message to 600 people, older than its Channel keeps it."""
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(600)))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    shop.time.passes(8 * DAY)
    return message


async def test_a_large_message_goes_in_small_steps_its_own_row_last_and_sends_go_on(shop: Shop) -> None:
    message = await large(shop)
    before = sum((await kept()).values())

    steps = []
    while await Message.exists(id=message.id):
        steps.append(await expire(shop.engine, 250))
        new = await shop.sends({"users": {"userIds": ["u1"]}})
        await shop.works()
        assert await shop.states(new) == {"u1": State.SUBMITTED}

    assert steps == [250, 250, 250, 250, before - 1000]
    assert await shop.deliveries(message) == []
    assert (await kept())["message"] == len(steps)


async def test_whoever_comes_after_a_killed_worker_goes_on(shop: Shop) -> None:
    await large(shop)
    before = sum((await kept()).values())
    removed = [await expire(shop.engine, 100) for _ in range(3)]

    async with running(shop.engine.settings, shop.time) as successor:
        removed += await cleared(successor, 500)

    assert removed[:3] == [100, 100, 100]
    assert sum(removed) == before
    assert await kept() == {}


async def test_small_messages_go_several_at_a_time_each_as_a_whole(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    for _ in range(7):
        await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    shop.time.passes(8 * DAY)

    left = []
    while await expire(shop.engine, 30):
        left.append(await kept())

    assert [rows.get("message", 0) for rows in left] == [4, 1, 0]
    assert [rows.get("delivery", 0) for rows in left] == [4, 1, 0]
    assert [rows.get("message_count", 0) for rows in left] == [16, 4, 0]


async def test_several_workers_at_once_remove_everything_once(shop: Shop) -> None:
    await large(shop)
    for n in range(30):
        await shop.sends({"users": {"userIds": [f"u{n}"]}})
    await shop.works()
    shop.time.passes(8 * DAY)
    before = sum((await kept()).values())

    async def worker() -> int:
        async with running(shop.engine.settings, shop.time) as engine:
            return sum(await cleared(engine, 100))

    removed = await asyncio.gather(*(asyncio.create_task(worker()) for _ in range(3)))

    removed.append(sum(await cleared(shop.engine)))  # who found all taken by others left early
    assert sum(removed) == before
    assert await kept() == {}


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    while not await claim():
        await asyncio.sleep(0.02)


async def gone() -> bool:
    return not await kept()


async def test_a_worker_keeps_house_at_its_start_and_every_so_often_until_it_stops(shop: Shop, sent: Message) -> None:
    shop.time.passes(8 * DAY)
    keeping = asyncio.create_task(keep_house(shop.engine, every=0.1, pause=0))
    await until(gone)
    await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    shop.time.passes(8 * DAY)
    await until(gone)

    shop.engine.stopping.set()

    await asyncio.wait_for(keeping, 5)


async def test_a_worker_that_is_to_stop_does_not_begin_another_step(shop: Shop, sent: Message) -> None:
    shop.time.passes(8 * DAY)
    shop.engine.stopping.set()

    await keep_house(shop.engine)

    assert (await kept())["message"] == 1


async def test_a_failure_is_logged_and_tried_again(shop: Shop, sent: Message) -> None:
    shop.time.passes(8 * DAY)
    await execute(connection(), "ALTER TABLE recipient RENAME TO hidden")
    with capture_logs() as logs:
        keeping = asyncio.create_task(keep_house(shop.engine, every=0.1))
        while not logs:
            await asyncio.sleep(0.02)
        await execute(connection(), "ALTER TABLE hidden RENAME TO recipient")
        await until(gone)
        shop.engine.stopping.set()
        await keeping

    assert [entry["event"] for entry in (logs[0], logs[-1])] == ["history_stays", "history_removed"]
    assert logs[-1]["rows"] == 9
