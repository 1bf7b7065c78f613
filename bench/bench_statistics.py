"""Whether a message's statistics cost the same however many deliveries it has, and a Channel's pages with them.

    python bench/bench_statistics.py [deliveries of the large message, 1,000,000 unless given]

Needs a PostgreSQL server (UMS_TEST_POSTGRES; a database of its own is made there and dropped), and for ten million
deliveries about 5 GB of disk. Read the ratios: of the funnel with its losses, and of the whole page, most of which is
the comparison with thirty days of a busy Channel and has nothing to do with the message's size.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg

from ums.database import connection, execute, opened, transaction
from ums.database.upgrade import upgrade
from ums.messaging.counts import Tally
from ums.messaging.keeping.recount import differences
from ums.messaging.reading.history import numbers
from ums.messaging.reading.statistics import means, messages, today
from ums.models import Message
from ums.settings import Settings

SERVER = os.environ.get("UMS_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
NOW = 1_800_000_000_000
DAY = 86_400_000
SMALL = 10_000
CHANNEL = {"name": "shop", "key": "shop", "timeZone": "Asia/Shanghai"}

MESSAGE = """
INSERT INTO message (id, channel, revision, created_at, priority, state, audience, content, template, policy, steps,
    send_no, owner, input_hash, send_at, lease_until, lease_token, expanded, cursor, recipients, deliveries)
VALUES ($1, 'shop', 1, $2, 1, 'done', '{}', '{}', '', '', '[]', '', '', '', $2, 0, '', true, 0, $3, $3)"""
RECIPIENTS = """
INSERT INTO recipient (id, message_id, target, state, reason, step)
SELECT (CAST($1 AS bigint) << 32) + n, $1, 'u' || n,
       CASE WHEN n % 3 = 0 THEN 60 WHEN n % 7 = 0 THEN 50 ELSE 40 END, '', 0
FROM generate_series(1, CAST($2 AS bigint)) AS n"""
DELIVERIES = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT id, id, 'app', 0, target, state, CASE WHEN state = 50 THEN 'unreachable' ELSE '' END,
       CASE WHEN state = 50 THEN '4009' ELSE '' END, '', 1 FROM recipient WHERE message_id = $1"""
CELLS = """
SELECT '' AS code, state, '' AS reason, count(*) AS number FROM recipient WHERE message_id = $1 GROUP BY state
UNION ALL SELECT 'app', state, CASE WHEN state = 50 THEN 'unreachable' ELSE '' END, count(*)
FROM recipient WHERE message_id = $1 GROUP BY state"""


async def sent(number: int, deliveries: int) -> None:
    """A message with its rows and its counters."""
    await execute(connection(), MESSAGE, number, NOW, deliveries)
    await execute(connection(), RECIPIENTS, number, deliveries)
    await execute(connection(), DELIVERIES, number)
    async with transaction() as tx:
        tally = Tally()
        tally.cells[number, "", -1, ""] = 1
        for row in await connection().execute_query_dict(CELLS, [number]):
            tally.cells[number, row["code"], row["state"], row["reason"]] += row["number"]
            if row["code"] and row["state"] == 50:
                tally.answers[number, "app", 50, "unreachable", "4009"] += row["number"]
        await tally.count(tx, NOW)


async def a_month() -> None:
    """The counters of a busy Channel: each quarter of an hour of thirty days, three DeliveryChannels, five states."""
    await execute(
        connection(),
        """INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
        SELECT 'shop', 0, CAST($1 AS int) - n, code, state, '', 1000 FROM generate_series(1, 2880) AS n,
        unnest(ARRAY['app', 'sms', 'mail', '']) AS code, unnest(ARRAY[0, 40, 50, 60, 70]) AS state
        ON CONFLICT DO NOTHING""",
        NOW // 900_000,
    )


async def took(*works: Callable[[], Awaitable[object]]) -> list[float]:
    """ms, the median of each; by turns, so that whatever else the machine does is in all of them."""
    measured: list[list[float]] = [[] for _ in works]
    for _ in range(15):
        for work, of in zip(works, measured, strict=True):
            begun = time.perf_counter()
            await work()
            of.append((time.perf_counter() - begun) * 1000)
    return [statistics.median(of) for of in measured]


async def own(number: int) -> None:
    """The funnel and the losses alone."""
    await numbers([number])


@asynccontextmanager
async def without_indexes() -> AsyncIterator[None]:
    """Rows go in by the million; their indexes are made anew at the end, as they were."""
    made = await connection().execute_query_dict(INDEXES)
    for index in made:
        await execute(connection(), f"DROP INDEX {index['name']}")
    yield
    for index in made:
        await execute(connection(), index["definition"])


INDEXES = """
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE schemaname = 'public' AND tablename IN ('recipient', 'delivery') AND indexdef LIKE 'CREATE INDEX%'"""


async def page(number: int) -> None:
    """All that a message's statistics show."""
    message = await Message.get(id=number)
    await means(message, (await numbers([number]))[number])


async def measure(settings: Settings, large: int) -> None:
    await upgrade(settings)
    async with opened(settings):
        begun = time.perf_counter()
        async with without_indexes():
            await sent(1, SMALL)
            await sent(2, large)
        await a_month()
        await execute(connection(), "ANALYZE")
        print(f"made in {time.perf_counter() - begun:.0f} s")
        for what, work in (("funnel and losses", own), ("a message's statistics", page)):
            small, big = await took(partial(work, 1), partial(work, 2))
            print(f"{what}: {SMALL} deliveries {small:.1f} ms, {large} deliveries {big:.1f} ms, ", end="")
            print(f"ratio {big / small:.2f} (target 1.5)")
        month, day = await took(lambda: messages(CHANNEL, NOW - 30 * DAY, NOW, "day"), lambda: today(CHANNEL, NOW))
        print(f"a Channel's thirty days: {month:.1f} ms; today: {day:.1f} ms")
        begun = time.perf_counter()
        wrong = [d async for d in differences({"shop": 60}, NOW) if d.counter != "channel_count"]
        print(f"ums check of all of it: {time.perf_counter() - begun:.1f} s, {len(wrong)} counters of messages wrong")


async def run(large: int) -> None:
    name = f"ums_bench_{uuid4().hex[:12]}"
    server = await asyncpg.connect(SERVER)
    await server.execute(f"CREATE DATABASE {name}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            url = f"{SERVER.rpartition('/')[0]}/{name}"
            await measure(Settings(Path(folder), Path(folder), database_url=url), large)
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
