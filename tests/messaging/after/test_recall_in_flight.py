"""A recall, and workers that are sending or recalling at that very moment, or were killed over it."""

import asyncio

from tests.messaging.after.test_recall import LANE, called_back, parts, seen_to
from tests.shop import MINUTE, Shop, person
from ums.database import connection, execute
from ums.messaging.after.recall import RecallOutcome, recall
from ums.messaging.after.take_back import take_back
from ums.messaging.delivering.conclude import conclude
from ums.messaging.delivering.deliver import deliver
from ums.messaging.delivering.limits import claim
from ums.messaging.expanding.look import look
from ums.models import Batch
from ums.vocabulary import State


async def test_a_batch_in_flight_is_recalled_after_its_answer(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)
    (lease,), _ = await claim(shop.engine, LANE, 10)
    exchange = await deliver(shop.engine, lease)

    await called_back(shop, message)
    assert await shop.states(message) == {"ann": State.PLANNED}
    await conclude(shop.engine, [exchange])
    await seen_to(shop)

    assert await shop.states(message) == {"ann": State.TAKEN_BACK}
    assert len(shop.sandbox.record("jpush").recalled) == 1


async def test_a_batch_in_flight_that_a_provider_turned_away_is_not_sent_again(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1)
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)
    (lease,), _ = await claim(shop.engine, LANE, 10)
    exchange = await deliver(shop.engine, lease)
    await called_back(shop, message)

    await conclude(shop.engine, [exchange])
    shop.time.passes(MINUTE)
    await seen_to(shop)

    assert await shop.states(message) == {"ann": State.RECALLED}
    assert shop.sandbox.record("jpush").addresses == []


async def test_what_a_killed_worker_was_sending_is_unknown_and_recalled_when_its_answer_comes_late(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)
    (lease,), _ = await claim(shop.engine, LANE, 10)
    exchange = await deliver(shop.engine, lease)
    await called_back(shop, message)

    shop.time.passes(MINUTE)  # it stands still, and its lease runs out
    await seen_to(shop)
    assert await shop.states(message) == {"ann": State.UNKNOWN}
    assert (await parts(message))["app"][:2] == (RecallOutcome.UNANSWERED, (0, 0, 0, 1))
    await conclude(shop.engine, [exchange])  # it was not dead after all
    await seen_to(shop)

    assert await shop.states(message) == {"ann": State.TAKEN_BACK}


async def test_a_worker_that_stood_still_sends_nothing_of_a_recalled_message(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)
    (lease,), _ = await claim(shop.engine, LANE, 10)
    shop.time.passes(MINUTE)
    await called_back(shop, message)

    await conclude(shop.engine, [await deliver(shop.engine, lease)])

    assert shop.sandbox.record("jpush").addresses == []


async def test_what_a_killed_worker_was_recalling_is_recalled_by_another(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await recall(shop.engine, "shop", message.id)
    asking = asyncio.create_task(take_back(shop.engine))
    while not shop.sandbox.record("jpush").recalled:
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await execute(connection(), "UPDATE batch SET recall_at = 0, recall_verdict = '', recalled_at = NULL")
    await execute(connection(), "UPDATE delivery SET state = 40")

    await seen_to(shop)

    assert len(shop.sandbox.record("jpush").recalled) == 2
    assert {state for *_, state in await shop.deliveries(message)} == {State.TAKEN_BACK}


async def test_a_recall_in_the_middle_of_a_broadcast_loses_nobody(shop: Shop) -> None:
    """Several drains and a recall at once: everybody was either stopped or taken back, and the counters agree."""
    for start in range(0, 5000, 1000):
        await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(start, start + 1000)))
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)

    async def send() -> None:
        leases, _ = await claim(shop.engine, LANE, 1)
        for lease in leases:
            await conclude(shop.engine, [await deliver(shop.engine, lease)])

    await asyncio.gather(send(), send(), recall(shop.engine, "shop", message.id), send())
    await seen_to(shop)

    states = [state for *_, state in await shop.deliveries(message)]
    pushed, left = len(shop.sandbox.record("jpush").addresses), set(states) - {State.RECALLED, State.TAKEN_BACK}
    assert (len(states), left) == (5000, set())
    assert states.count(State.TAKEN_BACK) == pushed
    assert (await parts(message))["app"][1] == (5000 - pushed, pushed, 0, 0)
    assert await Batch.filter(recall_at__isnull=False).count() == 0
