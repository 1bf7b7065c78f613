"""Counters are the rows, counted: whatever happens, in whatever order, however many engines work at the same time."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.shop import MINUTE, Shop, person
from ums.database import connection, execute, fetch
from ums.errors import CallerRefused
from ums.messaging.after.recall import recall
from ums.messaging.after.take_back import take_back
from ums.messaging.counts import BUCKET, Attribution
from ums.messaging.delivering.drain import drain, is_due
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine
from ums.messaging.expanding.look import look
from ums.messaging.keeping.forget import forget
from ums.messaging.keeping.recount import Difference, differences
from ums.models import Message
from ums.providers.contract import Receipt
from ums.snapshot import Snapshots
from ums.vocabulary import Priority, Reason, State

KEPT = {"shop": 7, "ops": 7}
SEGMENT = """
apiVersion: ums/v1
kind: Segment
channel: shop
name: early
members: [u1, u2, u3, u4, u5, u6, nobody]
"""
PEOPLE = [person(f"u{n}", app=[f"rid-{n}"] * (n % 5 > 0), phone=f"+8613800000{n:03}" * (n % 3 > 0)) for n in range(40)]

ROWS = """
SELECT message_id, '' AS code, state, reason, '' AS said FROM recipient
UNION ALL SELECT id >> 32, delivery_channel, state, reason, CASE WHEN state IN (20, 30, 50) THEN code ELSE '' END
FROM delivery"""


@pytest.fixture
def more_declared() -> str:
    return SEGMENT


async def wrong(shop: Shop, *, repair: bool = False) -> list[Difference]:
    return [found async for found in differences(KEPT, shop.time(), repair=repair)]


async def counted() -> tuple[Counter[Any], ...]:
    """From the rows alone: by message, what providers said, and by quarter of an hour of Channel and Segment."""
    messages = {message.id: message for message in await Message.all()}
    by_message, said, by_channel, by_segment = (Counter[Any]() for _ in range(4))
    for row in await fetch(connection(), ROWS):
        key, of = (row["code"], row["state"], row["reason"]), messages[row["message_id"]]
        by_message[(of.id, *key)] += 1
        by_channel[(of.channel, of.send_at // BUCKET, *key)] += 1
        by_segment[of.send_at // BUCKET, *key] += names_segment(of)
        if row["code"] and row["state"] in {State.INVALID, State.REFUSED, State.UNDELIVERED}:
            said[(of.id, *key, row["said"])] += 1
    for of in messages.values():
        if of.expanded:
            by_channel[of.channel, of.send_at // BUCKET, "", -1, ""] += 1
            by_segment[of.send_at // BUCKET, "", -1, ""] += names_segment(of)
    return by_message, said, by_channel, +by_segment


def names_segment(message: Message) -> bool:
    return "segment" in message.audience.get("users", {})


async def kept(table: str, *key: str, where: str = "") -> Counter[Any]:
    found = await fetch(connection(), f"SELECT * FROM {table} WHERE number <> 0 {where}")  # noqa: S608 - our own names
    return Counter({tuple(row[name] for name in key): row["number"] for row in found})


CELL = ("delivery_channel", "state", "reason")


async def assert_counters_are_the_rows() -> Counter[Any]:
    """Returns what was counted by Channel."""
    by_message, said, by_channel, by_segment = await counted()
    assert await kept("message_count", "message_id", *CELL) == by_message
    assert await kept("message_loss", "message_id", *CELL, "code") == said
    sent = f"AND attribution = {int(Attribution.SENT)}"
    assert await kept("channel_count", "channel", "bucket", *CELL, where=sent) == by_channel
    to_segment = f"AND attribution = {int(Attribution.SEGMENT)}"
    assert await kept("channel_count", "bucket", *CELL, where=to_segment) == by_segment
    ever = f"AND attribution = {int(Attribution.EVER)}"
    assert await kept("channel_count", "channel", *CELL, where=ever) == summed(by_channel)
    return by_channel


def summed(by_channel: Counter[Any]) -> Counter[Any]:
    """Without their time."""
    sums = Counter[Any]()
    for (channel, _, *cell), number in by_channel.items():
        sums[channel, *cell] += number
    return sums


class Chance:
    """What may happen to a shop; always the same for a seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.rng = shop, random.Random(seed)

    async def happens(self, *engines: Engine) -> None:
        """One thing for each engine, at the same time."""
        often = [self.sends, self.works, self.works, self.hears, self.hears, self.hears]
        acts = [*often, *often, self.recalls, self.forgets]
        await asyncio.gather(*(self.rng.choice(acts)(engine) for engine in engines))

    async def sends(self, _: Engine) -> None:
        someone: list[dict[str, Any]] = [
            {"broadcast": True},
            {"users": {"userIds": [f"u{self.rng.randrange(50)}" for _ in range(5)]}},
            {"users": {"userIds": [f"u{self.rng.randrange(50)}"], "segment": "early"}},
            {"addresses": [{"type": "app", "deliveryChannel": "app", "addresses": ["a", "b", "a"]}]},
        ]
        audience = self.rng.choice(someone)
        options: dict[str, Any] = {"priority": self.rng.choice(list(Priority))}
        segment = "segment" in audience.get("users", {})
        if "addresses" not in audience and self.rng.random() < 0.6:
            options |= {"template": "shipped", "variables": {"name": "Ann"}, "policy": "app-then-sms"}
        if self.rng.random() < 0.2:
            options["send_at"] = self.shop.time() + self.rng.randrange(40) * MINUTE
        channel = "shop" if segment or "policy" in options else self.rng.choice(["shop", "ops"])
        await self.shop.sends(audience, channel, **options)

    async def works(self, engine: Engine) -> None:
        for lane in Priority:
            while await is_due(engine, lane):
                await drain(engine, lane)

    async def hears(self, engine: Engine) -> None:
        code = self.rng.choice(["app", "sms"])
        known = await fetch(connection(), SENT, code)
        told = [self._receipt(row) for row in self.rng.choices(known, k=12)] if known else []
        unknown = Receipt("early", "x", State.DELIVERED, self.shop.time())
        await apply(engine, code, [*told, *told[:3], unknown])

    async def recalls(self, engine: Engine) -> None:
        """Any message, whether that can be or not."""
        for message in self.rng.sample(await Message.all().order_by("id"), k=1) if await Message.exists() else []:
            with suppress(CallerRefused):
                await recall(engine, message.channel, message.id)
        while await take_back(engine):
            pass

    async def forgets(self, engine: Engine) -> None:
        """Somebody is erased, with what was to be sent to him."""
        if self.rng.random() < 0.3:
            await forget(await engine.snapshots.newest(), f"u{self.rng.randrange(40)}", self.shop.time())

    def _receipt(self, row: dict[str, Any]) -> Receipt:
        state = self.rng.choice([State.DELIVERED, State.UNDELIVERED, State.UNDELIVERED, State.CLICKED])
        reason = self.rng.choice([Reason.UNREACHABLE, Reason.CONTENT]) if state is State.UNDELIVERED else None
        code = self.rng.choice(["4001", "4002"]) if reason else ""
        words = f"no {code}" if code else ""
        return Receipt(row["provider_id"], row["address"], state, self.shop.time(), reason, code, words)

    def weather(self) -> None:
        """How the providers behave from now on."""
        refuse = ["rid-1.$"] * (self.rng.random() < 0.5)
        self.shop.plays("jpush", refuse=refuse, loseAnswer=self.rng.choice([0, 0, 0.5]))
        self.shop.plays("jsms", refuse=["000007"] * (self.rng.random() < 0.5), busy=self.rng.choice([0, 1]))


SENT = """
SELECT d.address, coalesce(d.provider_id, a.provider_id) AS provider_id FROM delivery d
JOIN batch b ON d.id BETWEEN b.first_id AND b.last_id JOIN attempt a ON a.batch_id = b.id
WHERE d.delivery_channel = $1 AND d.state >= 40 AND coalesce(d.provider_id, a.provider_id) IS NOT NULL
ORDER BY d.id, a.id"""


@pytest.mark.parametrize("seed", range(4))
async def test_counters_equal_a_count_over_the_ledger_after_whatever_happens(shop: Shop, seed: int) -> None:
    await shop.knows(*PEOPLE)
    chance, heard = Chance(shop, seed), Counter[Any]()
    before = Counter[Any]()
    await shop.sends({"users": {"segment": "early"}})
    await shop.sends({"broadcast": True}, template="shipped", variables={"name": "Ann"}, policy="app-then-sms")
    await shop.sends({"users": {"userIds": ["nobody"]}})
    planned = await shop.sends({"users": {"userIds": ["u1", "u2"]}})
    await look(shop.engine, Priority.MEDIUM)
    await recall(shop.engine, "shop", planned.id)
    await take_back(shop.engine)
    for _ in range(30):
        chance.weather()
        await chance.happens(shop.engine)
        now = summed(await assert_counters_are_the_rows())
        for (channel, *cell), number in now.items():
            heard[channel, shop.time() // BUCKET, *cell] += number
        for (channel, *cell), number in before.items():
            heard[channel, shop.time() // BUCKET, *cell] -= number
        before = now
        shop.time.passes(chance.rng.randrange(12) * MINUTE)

    attribution = f"AND attribution = {int(Attribution.HEARD)}"
    told = await kept("channel_count", "channel", "bucket", *CELL, where=attribution)
    assert told == Counter({cell: number for cell, number in heard.items() if number})
    states = {state for _, _, _, state, _ in told}
    assert states >= {State.PLANNED, State.LOST, State.SUBMITTED, State.DELIVERED, State.UNDELIVERED, State.RECALLED}
    assert await wrong(shop) == []


@pytest.fixture
async def engines(shop: Shop) -> AsyncIterator[list[Engine]]:
    """Three workers at the same database."""
    made = [
        replace(
            shop.engine,
            worker=f"worker {n}",
            snapshots=Snapshots(shop.time),
            said={},
            _rounds={},
            _timers={},
            _waking={},
        )
        for n in range(3)
    ]
    yield made
    for engine in made:
        await engine.forget_wakes()


@pytest.mark.parametrize("seed", range(3))
async def test_counters_equal_a_count_over_the_ledger_with_engines_at_the_same_time(
    shop: Shop, engines: list[Engine], seed: int
) -> None:
    await shop.knows(*PEOPLE)
    chance = Chance(shop, 100 + seed)
    await chance.sends(shop.engine)
    for _ in range(15):
        await chance.happens(*engines, *engines)
        shop.time.passes(chance.rng.randrange(5) * MINUTE)

    await assert_counters_are_the_rows()
    assert await wrong(shop) == []


async def test_a_counter_that_is_wrong_is_found_and_set_right(shop: Shop) -> None:
    await shop.knows(*PEOPLE)
    chance = Chance(shop, 7)
    for _ in range(12):
        await chance.happens(shop.engine)
    await chance.sends(shop.engine)
    await chance.works(shop.engine)
    assert await wrong(shop) == []
    right = await assert_counters_are_the_rows()

    await execute(connection(), "UPDATE message_count SET number = number + 3 WHERE delivery_channel = 'app'")
    await execute(connection(), "DELETE FROM message_count WHERE delivery_channel = ''")
    await execute(connection(), "UPDATE channel_count SET number = 0 WHERE state = -1")

    found = await wrong(shop)
    assert {difference.counter for difference in found} == {"message_count", "channel_count"}
    assert any(str(difference).startswith("message_count ") and " app " in str(difference) for difference in found)
    await wrong(shop, repair=True)
    assert await wrong(shop) == []
    assert await assert_counters_are_the_rows() == right


async def test_counters_survive_the_messages_and_lose_only_their_time(shop: Shop) -> None:
    from ums.messaging.keeping.retention import TOLD_APART, expire  # noqa: PLC0415 - only here

    await shop.knows(*PEOPLE)
    await shop.sends({"broadcast": True})
    await shop.works()
    ever = await kept("channel_count", *CELL, where=f"AND attribution = {int(Attribution.EVER)}")

    shop.time.passes(8 * 86_400_000)
    while await expire(shop.engine):
        pass
    assert await Message.all().count() == 0
    sent = f"AND attribution = {int(Attribution.SENT)}"
    assert await kept("channel_count", *CELL, where=f"{sent} AND bucket > 0") == ever
    assert await wrong(shop) == []

    shop.time.passes(TOLD_APART)
    while await expire(shop.engine, 2):
        pass
    assert await kept("channel_count", *CELL, where=f"{sent} AND bucket > 0") == Counter()
    assert await kept("channel_count", *CELL, where=f"{sent} AND bucket = 0") == ever
    assert await wrong(shop) == []
