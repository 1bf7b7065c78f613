"""History goes when its Channel says so, and work never does."""

import pytest

from tests.shop import APP, MINUTE, Shop, person
from ums.database import connection, execute, fetch
from ums.messaging.delivering import replies
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine
from ums.messaging.keeping.retention import expire
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.providers.contract import Receipt, Replied
from ums.reconcile import reconcile
from ums.vocabulary import MessageState, State

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
TABLES = ("message", "recipient", "delivery", "batch", "attempt", "message_count", "waiting_receipt", "reply")


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


async def _keeps_thirty_days(shop: Shop) -> None:
    """The Channel `ops`; the others keep seven."""
    declared = shop.engine.settings.config / "shop.yaml"
    declared.write_text(declared.read_text().replace("name: ops\n", "name: ops\nretentionDays: 30\n"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()


async def test_each_channel_keeps_what_it_asks_for(shop: Shop, sent: Message) -> None:
    await _keeps_thirty_days(shop)
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


async def test_what_people_wrote_back_is_kept_as_long_as_any_channel_keeps_anything_and_goes_in_steps(
    shop: Shop,
) -> None:
    await _keeps_thirty_days(shop)
    told = [Replied("+8613800000001", f"no {n}", shop.time()) for n in range(25)]
    await replies.keep(shop.engine, "sms", told)
    shop.time.passes(30 * DAY)
    assert await cleared(shop.engine) == []
    await replies.keep(shop.engine, "sms", told[:5])  # a repeat does not make it younger
    await replies.keep(shop.engine, "sms", [Replied("+8613800000001", "yes", shop.time())])

    shop.time.passes(1)

    assert await cleared(shop.engine, 10) == [10, 10, 5]
    assert await kept() == {"reply": 1}


async def test_what_platforms_call_files_goes_once_it_is_over(shop: Shop) -> None:
    row = ("corp", "media/file/aa", "sealed", shop.time() + MINUTE)
    await execute(connection(), _ADD_TOKEN, *row)
    assert await cleared(shop.engine) == []

    shop.time.passes(MINUTE)

    assert await cleared(shop.engine) == [1]


_ADD_TOKEN = """
INSERT INTO provider_token (delivery_channel, name, ciphertext, expires_at, lease_until, lease_token)
VALUES ($1, $2, $3, $4, 0, '')"""
