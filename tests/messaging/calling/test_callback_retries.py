"""Callbacks: slow or dead receivers hold up nobody, and what could not be told is told again, in order."""

import asyncio

from tests.developers import Tells, left
from tests.shop import MINUTE, SECOND, person
from ums.messaging.calling import dead_letters
from ums.messaging.calling.callback_door import opened_door
from ums.messaging.calling.callbacks import HOUR, RETRIES, call, keep_calling, wait_ms
from ums.messaging.calling.dead_letters import CallbackState
from ums.messaging.engine import running
from ums.messaging.outbox import PATIENCE
from ums.models import Callback, Message
from ums.vocabulary import State


async def test_what_could_not_be_told_is_tried_three_times_more_then_kept_and_told_again_on_demand(
    tells: Tells,
) -> None:
    shop, developer = tells.shop, tells.developer
    developer.statuses = [500, 301, 204, 404]
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    await tells.call()
    for seconds in RETRIES:
        before = len(developer.posts)
        await tells.call(seconds * SECOND - 1)
        assert len(developer.posts) == before
        await tells.call(1)

    dead = await dead_letters.page("shop", CallbackState.DEAD, first=10, after_id=None)
    assert [(row["type"], row["target"], row["failure"], row["attempts"]) for row in dead] == [
        (0, "ann", "HTTP 404", 4),
        (2, "ann", "HTTP 404", 4),
    ]
    developer.posts.clear()
    assert await dead_letters.replay(shop.engine, "ops", None) == 0
    assert await dead_letters.replay(shop.engine, "shop", [dead[0]["id"]]) == 1
    assert await dead_letters.replay(shop.engine, "shop", None) == 1
    await tells.call(0)
    assert developer.told("ann") == [0, 2]


def test_the_longer_ladder() -> None:
    assert [wait_ms(n, 0, 0) // 1000 for n in range(1, 6)] == [50, 50, 50, 0, 0]
    assert [wait_ms(n, HOUR, 2) // 1000 for n in range(1, 10)] == [50, 50, 50, 300, 900, 1800, 3600, 3600, 3600]
    assert wait_ms(9, 2 * HOUR, 2) == 0


async def test_what_happened_later_to_a_target_waits_for_what_could_not_be_told_and_others_do_not(
    tells: Tells,
) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    developer.statuses = [500]
    await tells.call()
    developer.posts.clear()
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await shop.knows(person("bob", app=["rid-bob"]))
    await shop.sends({"users": {"userIds": ["bob"]}})
    await shop.works()

    await tells.call()
    first = (developer.told("ann"), developer.told("bob"))
    await tells.call(RETRIES[0] * SECOND)

    assert first == ([], [0, 2])
    assert developer.told("ann") == [0, 2, 4]


async def test_several_workers_tell_everything_once_and_in_order(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(300)))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await shop.hears(message, State.DELIVERED, *(f"rid-{n}" for n in range(300)))
    shop.time.passes(PATIENCE)
    settings = shop.engine.settings

    async def worker() -> None:
        async with running(settings, shop.time) as engine, opened_door(settings) as door:
            for _ in range(10):
                await call(engine, door)

    await asyncio.gather(*(asyncio.create_task(worker()) for _ in range(3)))

    assert all(developer.told(f"u{n}") == [0, 2, 4] for n in range(300))
    assert await left() == 0


async def test_what_a_killed_worker_was_telling_is_told_by_another(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    developer.gate.clear()
    calling = asyncio.create_task(tells.call())
    while not await Callback.filter(attempts=1).exists():
        await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    developer.gate.set()
    await asyncio.sleep(0.1)  # that call may have reached the developer

    await tells.call()
    before = len(developer.posts)
    await tells.call(MINUTE)

    assert before <= 1
    assert developer.told("ann")[-2:] == [0, 2]
    assert len(developer.posts) == before + 1


async def test_a_receiver_that_never_answers_holds_up_neither_sends_nor_other_receivers(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    developer.gate.clear()
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(200)))
    calling = asyncio.create_task(keep_calling(shop.engine, 0.02))
    await shop.sends({"broadcast": True})
    await shop.works()
    message = await shop.sends({"broadcast": True}, callback={"url": tells.other.url})
    await asyncio.wait_for(shop.works(), 10)
    async with asyncio.timeout(10):
        while len(tells.other.posts) < 4:
            await asyncio.sleep(0.01)

    assert (await Message.get(id=message.id)).state == "done"
    assert developer.posts == []
    developer.gate.set()
    shop.engine.stopping.set()
    await calling


async def test_a_receiver_that_is_down_or_answers_garbage_for_as_long_as_the_ladder_hears_everything_in_order(
    tells: Tells,
) -> None:
    shop, developer = tells.shop, tells.developer
    people = [f"u{n}" for n in range(250)]
    await shop.knows(*(person(name, app=[f"rid-{name}"]) for name in people))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    developer.statuses = [500, 503, 404, 302, 204, 500, 418, 403, 500]

    await tells.call()
    await shop.hears(message, State.DELIVERED, *(f"rid-{name}" for name in people))
    for seconds in RETRIES:
        await tells.call(seconds * SECOND)
        await tells.call()

    del developer.posts[:9]  # those that it refused
    assert [name for name in people if developer.told(name) != [0, 2, 4]] == []
    assert (await left(), await Callback.filter(dead_at__isnull=False).count()) == (0, 0)
