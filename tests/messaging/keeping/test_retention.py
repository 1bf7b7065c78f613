"""History goes when its Channel says so, in small steps, and work never does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from tests.shop import APP, MINUTE, Shop, person
from ums.database import connection, execute, fetch
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine, running
from ums.messaging.keeping.retention import expire, keep_house
from ums.messaging.sending.draft import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.providers.contract import Receipt
from ums.reconcile import reconcile
from ums.vocabulary import MessageState, State

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
TABLES = ("message", "recipient", "delivery", "batch", "attempt", "message_count", "waiting_receipt")


async def kept() -> dict[str, int]:
    """How many rows there are, by table, of those that have any."""
    counted = " UNION ALL ".join(f"SELECT '{table}' AS name, count(*) AS number FROM {table}" for table in TABLES)  # noqa: S608 - our own names
    return {row["name"]: row["number"] for row in await fetch(connection(), counted) if row["number"]}


async def cleared(engine: Engine, most: int = 5_000) -> list[int]:
    """What each step removes, until nothing is left to remove."""
    steps = []
    while step := await expire(engine, most):
        steps.append(step)
    return steps


@pytest.fixture
async def sent(shop: Shop) -> Message:
    """A message that has gone out to one person."""
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    return message


async def test_a_message_is_kept_until_the_day_and_goes_after_it_with_all_that_belongs_to_it(
    shop: Shop, sent: Message
) -> None:
    everything = {"message": 1, "recipient": 1, "delivery": 1, "batch": 1, "attempt": 1, "message_count": 4}
    shop.time.passes(7 * DAY)
    assert await cleared(shop.engine) == []
    assert await kept() == everything

    shop.time.passes(1)

    assert await cleared(shop.engine) == [sum(everything.values())]
    assert await kept() == {}


async def test_each_channel_keeps_what_it_asks_for(shop: Shop, sent: Message) -> None:
    declared = shop.engine.settings.config / "shop.yaml"
    declared.write_text(declared.read_text().replace("name: ops\n", "name: ops\nretentionDays: 30\n"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()
    channel = (await shop.engine.snapshots.newest()).channel("ops")
    assert channel is not None
    longer = await send(shop.engine, channel, SendRequest(audience={"broadcast": True}, content={"app": APP}))
    await shop.works()
    before = await shop.numbers(longer)

    shop.time.passes(30 * DAY)
    await cleared(shop.engine)
    assert [message.id for message in await Message.all()] == [longer.id]
    assert await shop.numbers(longer) == before
    assert await shop.states(longer) == {"ann": State.SUBMITTED}

    shop.time.passes(1)
    await cleared(shop.engine)
    assert await kept() == {}


async def test_what_belongs_to_no_declared_channel_is_kept_for_sixty_days(shop: Shop, sent: Message) -> None:
    await execute(connection(), "UPDATE message SET channel = 'gone'")
    shop.time.passes(60 * DAY)
    assert await cleared(shop.engine) == []

    shop.time.passes(1)

    assert await cleared(shop.engine) == [9]
    assert await kept() == {}


async def test_a_message_that_waits_for_its_time_is_kept(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    later = await shop.sends({"users": {"userIds": ["ann"]}}, send_at=shop.time() + 20 * DAY)

    shop.time.passes(20 * DAY)
    assert await cleared(shop.engine) == []
    await shop.works()
    assert await shop.states(later) == {"ann": State.SUBMITTED}
    shop.time.passes(7 * DAY)
    assert await cleared(shop.engine) == []

    shop.time.passes(1)
    assert await cleared(shop.engine) == [9]


async def test_a_message_that_is_still_sending_is_kept_until_it_is_done(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    shop.time.passes(30 * DAY)
    assert await cleared(shop.engine) == []

    await shop.works()

    assert (await Message.get(id=message.id)).state == MessageState.DONE.value
    assert sum(await cleared(shop.engine)) > 0
    assert await kept() == {}


async def test_a_message_whose_next_step_is_to_come_is_kept(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"))
    content = {"app": APP, "sms": {"temp_id": 1}}
    message = await shop.sends({"users": {"userIds": ["ann"]}}, policy="app-then-sms", content=content)
    await shop.works()

    shop.time.passes(8 * DAY)
    assert await cleared(shop.engine) == []
    await shop.works()

    assert [code for code, _, _ in await shop.deliveries(message)] == ["app", "sms"]


async def test_what_nobody_takes_up_for_sixty_days_goes(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.sends({"broadcast": True})
    shop.time.passes(60 * DAY)
    assert await cleared(shop.engine) == []

    shop.time.passes(1)

    assert sum(await cleared(shop.engine)) > 0
    assert await kept() == {}


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


async def test_a_receipt_for_a_message_that_is_gone_harms_nobody_and_goes_after_an_hour(
    shop: Shop, sent: Message
) -> None:
    (attempt,) = await fetch(connection(), "SELECT provider_id FROM attempt")
    shop.time.passes(8 * DAY)
    await cleared(shop.engine)

    await apply(shop.engine, "app", [Receipt(attempt["provider_id"], "rid-ann", State.DELIVERED, shop.time())])
    shop.time.passes(HOUR)
    assert await cleared(shop.engine) == []
    assert await kept() == {"waiting_receipt": 1}

    shop.time.passes(1)
    assert await cleared(shop.engine) == [1]


async def test_receipts_that_nobody_waits_for_go_in_steps_too(shop: Shop) -> None:
    told = [Receipt(f"id-{n}", "rid-1", State.DELIVERED, shop.time()) for n in range(25)]
    await apply(shop.engine, "app", told)
    shop.time.passes(HOUR + 1)
    await apply(shop.engine, "app", told[:3])

    assert await cleared(shop.engine, 10) == [10, 10, 5]
    assert await kept() == {"waiting_receipt": 3}


async def test_what_platforms_call_files_goes_once_it_is_over(shop: Shop) -> None:
    row = ("corp", "media/file/aa", "sealed", shop.time() + MINUTE)
    await execute(connection(), _ADD_TOKEN, *row)
    assert await cleared(shop.engine) == []

    shop.time.passes(MINUTE)

    assert await cleared(shop.engine) == [1]


_ADD_TOKEN = """
INSERT INTO provider_token (delivery_channel, name, ciphertext, expires_at, lease_until, lease_token)
VALUES ($1, $2, $3, $4, 0, '')"""


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
