"""Who goes first: nobody waits for another's huge message, and many small ones cost little more than one."""

import asyncio

from tests.shop import SECOND, Shop, person
from ums.database import connection, execute, execute_many, fetch, opened, rows, transaction
from ums.messaging import statements
from ums.messaging.delivering.drain import drain, sweep
from ums.messaging.delivering.limits import claim
from ums.messaging.expanding.expand import CHUNK
from ums.messaging.expanding.look import look
from ums.messaging.reading.history import Funnel
from ums.models import Batch, Message
from ums.settings import Settings
from ums.vocabulary import MessageState, Priority, State

PEOPLE = """
INSERT INTO user_account (id, user_id, created_at, updated_at) SELECT n, 'u' || n, 1, 1 FROM ROWS($1: n int) AS given"""
PHONES = (
    "INSERT INTO address (user_id, type, bind, value) SELECT n, 'app', 'app', 'rid-' || n FROM ROWS($1: n int) AS g"
)


async def knows_many(number: int) -> None:
    for statement in (PEOPLE, PHONES):
        await execute(connection(), statement, rows([n] for n in range(1, number + 1)))


async def test_a_small_message_that_comes_later_goes_before_most_of_a_huge_one(shop: Shop) -> None:
    await knows_many(8000)
    await shop.sends({"broadcast": True})
    while await look(shop.engine, Priority.MEDIUM):
        pass
    shop.time.passes(2 * SECOND)
    small = await shop.sends({"users": {"userIds": ["u1"]}})
    await look(shop.engine, Priority.MEDIUM)

    turns = [(await claim(shop.engine, Priority.MEDIUM, 1))[0][0].message_id for _ in range(9)]

    assert turns.index(small.id) == 3


async def test_two_huge_messages_go_side_by_side(shop: Shop) -> None:
    await knows_many(3000)
    both = [await shop.sends({"broadcast": True}) for _ in range(2)]
    while await look(shop.engine, Priority.MEDIUM):
        pass

    turns = [(await claim(shop.engine, Priority.MEDIUM, 1))[0][0].message_id for _ in range(6)]

    assert turns == [both[0].id, both[1].id] * 3


async def test_a_small_message_is_worked_out_between_the_chunks_of_a_huge_one(shop: Shop) -> None:
    await knows_many(CHUNK + 5)
    huge = await shop.sends({"broadcast": True})
    await look(shop.engine, Priority.MEDIUM)
    shop.time.passes(1)
    small = await shop.sends({"users": {"userIds": ["u1"]}})

    await look(shop.engine, Priority.MEDIUM)

    assert (await Message.get(id=small.id)).expanded
    assert (await Message.get(id=huge.id)).recipients == CHUNK + 5


async def test_many_small_messages_are_worked_out_in_one_transaction(shop: Shop) -> None:
    await shop.knows(person("ann", app=["phone", "tablet"]), person("bob", app=["rid-bob"], phone="13800000001"))
    users = await shop.sends({"users": {"userIds": ["ann", "bob", "nobody"]}})
    policy = await shop.sends(
        {"users": {"userIds": ["bob"]}}, policy="app-then-sms", template="shipped", variables={"name": "Bob"}
    )
    group = {"type": "app", "deliveryChannel": None, "addresses": ["rid-1", "rid-2", "rid-1"]}
    direct = await shop.sends({"addresses": [group, {**group, "addresses": ["rid-3"]}]})

    await look(shop.engine, Priority.MEDIUM)

    assert all(message.expanded for message in await Message.all())
    assert await shop.states(users) == {"ann": State.PLANNED, "bob": State.PLANNED, "nobody": State.LOST}
    assert sorted(address for _, address, _ in await shop.deliveries(users)) == ["phone", "rid-bob", "tablet"]
    assert [address for _, address, _ in await shop.deliveries(policy)] == ["rid-bob"]
    assert [address for _, address, _ in await shop.deliveries(direct)] == ["rid-1", "rid-2", "rid-3"]
    assert (await shop.numbers(users)).users == Funnel(3, 2, 0, 0, 0)
    assert (await shop.numbers(direct)).users == Funnel(4, 3, 0, 0, 0)
    assert sorted(batch.message_id for batch in await Batch.all()) == [users.id, policy.id, direct.id]


async def test_a_message_that_cannot_be_worked_out_keeps_no_other_from_it(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    broken = await shop.sends({"users": {"userIds": ["ann"]}})
    fine = await shop.sends({"users": {"userIds": ["ann"]}})
    await execute(connection(), "UPDATE message SET channel = 'gone' WHERE id = $1", broken.id)

    await drain(shop.engine, Priority.MEDIUM)

    assert await shop.states(fine) == {"ann": State.SUBMITTED}


async def test_what_a_killed_worker_did_not_call_done_is_called_done_by_the_next(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    await execute(connection(), "UPDATE message SET state = 'sending' WHERE id = $1", message.id)

    sweeping = asyncio.create_task(sweep(shop.engine, every=0.01))
    async with asyncio.timeout(5):
        while (await Message.get(id=message.id)).state != MessageState.DONE.value:
            await asyncio.sleep(0.01)

    shop.engine.stopping.set()
    await sweeping


async def test_a_drain_of_one_lane_leaves_the_others_alone(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}}, priority=Priority.LOW)

    await drain(shop.engine, Priority.HIGH)
    await drain(shop.engine, Priority.MEDIUM)
    before = await shop.states(message)
    await drain(shop.engine, Priority.LOW)

    assert (before, await shop.states(message)) == ({}, {"ann": State.SUBMITTED})


async def test_a_claim_takes_no_more_than_asked_for_however_the_planner_joins(
    postgres_settings: Settings,
) -> None:
    """A subquery in place of the materialized one is run anew for every row that a nested loop looks at."""
    async with opened(postgres_settings):
        batches = [(n, n, n) for n in range(50)]
        await execute_many(connection(), _BATCH, batches)
        async with transaction() as tx:
            for join in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
                await execute(tx, f"SET LOCAL enable_{join} = off")
            claimed = await fetch(tx, statements.CLAIM_BATCHES, 2, 100, 200, "token", 3, rows([]))

    assert len(claimed) == 3


_BATCH = """
INSERT INTO batch (message_id, delivery_channel, priority, first_id, last_id, turn_at, due_at, deadline_at, lease_until,
    lease_token, attempts, request_key) VALUES (1, 'app', 2, $1, $2, $3, 1, 1, 0, '', 0, '')"""
