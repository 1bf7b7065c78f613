"""A receipt in the very moment of the step: decided one way, once, whoever comes first."""

import asyncio

from tests.shop import MINUTE, Shop, person
from ums.database import connection, fetch
from ums.messaging.delivering.receipts import apply
from ums.messaging.expanding.look import look
from ums.messaging.keeping.recount import differences
from ums.models import Message
from ums.providers.contract import Receipt
from ums.vocabulary import Priority, State

PEOPLE = 200


async def sent(shop: Shop) -> Message:
    """To people with an app and a phone; their five minutes are over now, and no receipt came yet."""
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"], phone=f"138{n:08}") for n in range(PEOPLE)))
    message = await shop.sends({"broadcast": True}, template="shipped", variables={"name": "x"}, policy="app-then-sms")
    await shop.works()
    shop.time.passes(5 * MINUTE)
    return message


async def receipts(shop: Shop, message: Message) -> list[Receipt]:
    """For everybody: delivered in the last millisecond that is in time."""
    rows = await fetch(connection(), _APPS, message.id << 32, (message.id + 1) << 32)
    return [Receipt(row["provider_id"], row["address"], State.DELIVERED, shop.time()) for row in rows]


_APPS = """
SELECT d.address, coalesce(d.provider_id, a.provider_id) AS provider_id FROM delivery d
JOIN batch b ON d.id BETWEEN b.first_id AND b.last_id JOIN attempt a ON a.batch_id = b.id
WHERE d.id > $1 AND d.id < $2 AND d.delivery_channel = 'app' ORDER BY d.id"""


async def texted(message: Message) -> list[str]:
    """Who was planned a text message."""
    rows = await fetch(connection(), _TEXTED, message.id)
    return [row["target"] for row in rows]


_TEXTED = """
SELECT r.target FROM recipient r JOIN delivery d ON d.recipient_id = r.id
WHERE r.message_id = $1 AND d.delivery_channel = 'sms' ORDER BY r.target"""


async def test_a_receipt_that_races_with_the_step_is_decided_one_way_and_once(shop: Shop) -> None:
    for _ in range(4):
        message = await sent(shop)
        told = await receipts(shop, message)
        parts = [told[n : n + 10] for n in range(0, PEOPLE, 10)]

        await asyncio.gather(
            *(apply(shop.engine, "app", part) for part in parts[:10]),
            look(shop.engine, Priority.MEDIUM),
            look(shop.engine, Priority.MEDIUM),
            *(apply(shop.engine, "app", part) for part in parts[10:]),
        )
        decided = await texted(message)
        await shop.works()
        shop.time.passes(60 * MINUTE)
        await shop.works()

        assert len(set(decided)) == len(decided)
        assert await texted(message) == decided
        assert set((await shop.states(message)).values()) == {State.DELIVERED}
        assert (await shop.numbers(message)).delivery_channels["app"].delivered == PEOPLE
        assert await _undecided(message) == []
    assert [found async for found in differences({"shop": 60}, shop.time())] == []


async def _undecided(message: Message) -> list[str]:
    """Whom anybody would look at again, or whose step is not what was sent."""
    rows = await fetch(connection(), _UNDECIDED, message.id)
    return [row["target"] for row in rows]


_UNDECIDED = """
SELECT r.target FROM recipient r WHERE r.message_id = $1 AND (r.next_check_at IS NOT NULL OR r.step <> (
    SELECT max(d.step) FROM delivery d WHERE d.recipient_id = r.id))"""
