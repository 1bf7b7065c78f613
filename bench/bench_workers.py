"""One, two and four workers on PostgreSQL and Redis, with a provider that takes 20 ms to answer.

    python bench/bench_workers.py [single messages, 500 unless given] [people, 100,000 unless given] [rounds, 1]

All messages are accepted before, to be sent at one moment at which all workers are up; from that moment until the last
one is submitted. Each worker makes two calls at a time (`--capacity 1`, two threads), so that the provider's latency is
what it waits for: with more, one worker alone keeps a small machine busy. Beside it as many bare workers
(bare_worker.py) over the same addresses, which begin at one moment too. Read the ratio of one worker's time to that of
four (target for the single messages: 3.5), and what the bare workers make of the same machine.

The servers are those of the tests: UMS_TEST_POSTGRES, where a database is made and dropped, and UMS_BENCH_REDIS, whose
database (15 unless named) is emptied.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import asyncpg
import bare_worker
import orjson
import redis
from application import PUSH, application, direct
from installation import SECRETS, api, end, forget, installation, play, record, submitted, upload, worker

from ums.settings import Settings

POSTGRES = os.environ.get("UMS_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("UMS_BENCH_REDIS", "redis://127.0.0.1:6379/15")
WORKERS = (1, 2, 4)


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """The URLs of a database of its own, dropped at the end, and of an empty queue."""
    name = f"ums_bench_{uuid4().hex[:12]}"
    with redis.Redis.from_url(REDIS) as queue:
        queue.flushdb()
        asyncio.run(_sql(f"CREATE DATABASE {name}"))
        try:
            yield {"database_url": POSTGRES.rpartition("/")[0] + f"/{name}", "queue_url": REDIS}
        finally:
            asyncio.run(_sql(f"DROP DATABASE {name} WITH (FORCE)"))
            queue.flushdb()


async def _sql(statement: str, *values: int, database: str = POSTGRES) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def accepted(settings: Settings, audiences: Sequence[object]) -> float:
    """The moment at which they are all due, epoch seconds: an hour from now, brought forward once all are accepted."""
    send_at = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    waiting = iter(audiences)
    async with application(settings, 8) as shop:

        async def lane() -> None:
            for audience in waiting:
                await shop.sends(audience, PUSH, sendAt=send_at)

        await asyncio.gather(*(lane() for _ in range(8)))
    at = int(time.time() * 1000) + 500
    await _sql("UPDATE message SET send_at = $1, due_at = $1 WHERE due_at > $1", at, database=settings.database_url)
    return at / 1000


def ums(settings: Settings, workers: int, audiences: Sequence[object], targets: int) -> float:
    """Seconds."""
    asyncio.run(forget(settings))
    before = asyncio.run(submitted(settings))
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(worker(settings, "--capacity", "1"))
        at = asyncio.run(accepted(settings, audiences))
        time.sleep(max(0.0, at - time.time()))
        asyncio.run(submitted(settings, before + targets))
        seconds = time.time() - at
    assert asyncio.run(record(settings))["targets"] == targets, "everybody is sent to, once"
    return seconds


def bare(settings: Settings, workers: int, jobs: Sequence[Sequence[str]]) -> float:
    """Seconds."""
    asyncio.run(_queued(settings, jobs))
    authorization = aiohttp.encode_basic_auth("app-key", SECRETS["APP_SECRET"])
    command = [sys.executable, bare_worker.__file__, settings.database_url, settings.sandbox, authorization]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(workers)]
    try:
        assert [one.stdout.readline() for one in running] == ["ready\n"] * workers, "every bare worker is up"
        at = time.time() + 0.5
        for one in running:
            one.stdin.write(f"{at}\n")
            one.stdin.flush()
        assert [one.wait(120) for one in running] == [0] * workers, "every bare worker ends well"
        return time.time() - at
    finally:
        for one in running:
            end(one)


async def _queued(settings: Settings, jobs: Sequence[Sequence[str]]) -> None:
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(bare_worker.TABLE)
    rows = [(orjson.dumps(addresses).decode(),) for addresses in jobs]
    await connection.executemany("INSERT INTO job (addresses) VALUES ($1)", rows)
    await connection.close()


def compared(settings: Settings, audiences: Sequence[object], jobs: Sequence[Sequence[str]]) -> str:
    full = [ums(settings, workers, audiences, sum(map(len, jobs))) for workers in WORKERS]
    floor = [bare(settings, workers, jobs) for workers in WORKERS]
    times = [" / ".join(f"{seconds:.2f}" for seconds in found) for found in (full, floor)]
    return (
        f"ums {times[0]} s, bare {times[1]} s, 1 over {WORKERS[-1]} workers: "
        f"ums {full[0] / full[-1]:.2f}, bare {floor[0] / floor[-1]:.2f}"
    )


def main() -> None:
    singles = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    people = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    try:
        asyncio.run(_sql("SELECT 1"))
        redis.Redis.from_url(REDIS).ping()
    except (OSError, redis.ConnectionError) as error:
        print(f"not measured, without PostgreSQL and Redis: {error}")
        return
    with servers() as urls, installation(**urls) as installed, api(installed) as (settings, _):
        asyncio.run(upload(settings, people))
        # As autovacuum does within a minute on most servers: without statistics plans may take a thousand times longer.
        asyncio.run(_sql("ANALYZE", database=settings.database_url))
        asyncio.run(play(settings, latency=0.02))
        ids = [f"registration-{n}" for n in range(1, max(singles, people) + 1)]
        parts = [ids[start : min(start + 1000, people)] for start in range(0, people, 1000)]
        for _ in range(rounds):
            found = compared(
                settings, [direct("APP", [one]) for one in ids[:singles]], [[one] for one in ids[:singles]]
            )
            print(f"{singles} single messages by {WORKERS} workers: {found}")
            print(f"a broadcast to {people} by {WORKERS} workers: {compared(settings, [{'broadcast': True}], parts)}")


if __name__ == "__main__":
    main()
