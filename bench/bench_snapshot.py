"""How long a process takes to load the configuration, and to notice that it changed.

    python bench/bench_snapshot.py [documents, 10,000 unless given]

The bare floor reads the same rows with asyncpg or sqlite3 alone and parses them with orjson; read the ratio. On SQLite
unless UMS_DATABASE_URL names an empty PostgreSQL database.
"""

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import orjson

from ums.database import opened, sqlite_file
from ums.database.upgrade import upgrade
from ums.reconcile import reconcile
from ums.reconcile.overrides import switch
from ums.settings import Settings
from ums.snapshot import Snapshot, Snapshots, read
from ums.vocabulary import system_clock

OWNERS = """
apiVersion: ums/v1
kind: DeliveryChannel
name: app
platform: jpush
credentials: {appKey: app-key, masterSecret: {env: APP_SECRET}}
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {env: SHOP_SECRET}
deliveryChannels: [app]
"""
TEMPLATE = """---
apiVersion: ums/v1
kind: Template
channel: shop
name: t%d
title: Template %d
description: One of many, with a text of a usual length
labels: {team: orders, area: shipping}
variables: {name: {}, carrier: {default: our own van}}
content:
  app: {platform: all, notification: {alert: "{{name}}, parcel %d left with {{carrier}}; it should be with you soon"}}
"""
BARE = "SELECT kind, name, body FROM resource"


def declare(settings: Settings, number: int, edited: int = 0) -> None:
    settings.config.mkdir(exist_ok=True)
    (settings.config / "owners.yaml").write_text(OWNERS)
    for start in range(0, number - 2, 1000):
        some = (TEMPLATE % (n, n + edited * number * (n == 0), n) for n in range(start, min(start + 1000, number - 2)))
        (settings.config / f"templates-{start}.yaml").write_text("".join(some))


async def bare(settings: Settings) -> int:
    """How many objects: their rows, read and parsed, and nothing else."""
    if file := sqlite_file(settings):
        with sqlite3.connect(file) as connection:
            rows = connection.execute(BARE).fetchall()
    else:
        connection = await asyncpg.connect(settings.database_url)
        rows = await connection.fetch(BARE)
        await connection.close()
    found = {(kind, name): orjson.loads(body) for kind, name, body in rows}
    return len(found)


async def took(work: Callable[[], Awaitable[object]], times: int = 5) -> float:
    """ms, the median."""
    measured = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        measured.append((time.perf_counter() - begun) * 1000)
    return statistics.median(measured)


async def noticed() -> list[float]:
    """ms from a switch to the first request that sees it, where one comes every 5 ms."""
    snapshots = Snapshots(system_clock)
    found = []
    for n in range(10):
        await snapshots.newest()
        await asyncio.sleep(0.037 * n)  # anywhere between two looks
        begun, enabled = time.perf_counter(), bool(n % 2)
        await switch("shop", "app", enabled, author="bench", now=0)
        while bool((await snapshots.newest()).drift) == enabled:
            await asyncio.sleep(0.005)
        found.append((time.perf_counter() - begun) * 1000)
    return sorted(found)


async def megabytes(load: Callable[[], Awaitable[object]]) -> float:
    tracemalloc.start()
    kept = await load()
    size = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    del kept
    return size


async def measure(settings: Settings, number: int) -> None:
    declare(settings, number)
    await reconcile(settings, write=True)
    async with opened(settings):
        floor, load = await took(lambda: bare(settings)), await took(lambda: read(1))
        print(f"{number} documents: load {load:.0f} ms, bare {floor:.0f} ms, ratio {load / floor:.2f}")
        print(f"memory of a snapshot: {await megabytes(lambda: read(1)):.1f} MB")
    for edited in range(1, 4):
        declare(settings, number, edited)
        await reconcile(settings, write=True)
    async with opened(settings):
        await measure_next(await read(3))
        delays = await noticed()
        print(f"a switch is noticed after {statistics.median(delays):.0f} ms (median), {delays[-1]:.0f} ms at most")


async def measure_next(near: Snapshot) -> None:
    newer, older = await took(lambda: read(4, near)), await took(lambda: read(2, near))
    print(f"one document changed: the next revision {newer:.1f} ms, an older one {older:.1f} ms")
    print(f"memory of an older revision beside it: {await megabytes(lambda: read(2, near)):.2f} MB")


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        url = os.environ.get("UMS_DATABASE_URL", "sqlite://ums.db")
        settings = Settings(root=root, config=root / "config", database_url=url)
        asyncio.run(upgrade(settings))
        asyncio.run(measure(settings, number))


if __name__ == "__main__":
    main()
