"""Receipts of a push broadcast, posted to the real door -> counted as delivered, against bare updates of the same rows.

    python bench/bench_receipts.py [number of deliveries, 100,000 unless given]

Nine tenths of them come 1,000 in a body, the last tenth 10 in a body, over 8 connections, as JPush posts them. The bare
floor updates a table of as many rows by their primary key, a transaction with its counter for each of the same bodies.
Both on SQLite with synchronous = FULL. Three rounds, each with a broadcast of its own; read the ratio (the target is
20,000 receipts/s on the machine of docs/performance.md).
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import orjson
from application import PUSH, Application, application
from installation import SECRETS, api, forget, installation, peak_mb, record, upload, worker

from ums.settings import Settings

CONNECTIONS = 8
LARGE, SMALL = 1000, 10

Addressed = tuple[str, str]
"""The provider's id of the push, and the registration id."""


async def submitted(settings: Settings, shop: Application) -> tuple[str, list[Addressed]]:
    """A broadcast that is with the provider: the message's id and what receipts will name."""
    await forget(settings)
    message = await shop.sends({"broadcast": True}, PUSH)
    await shop.ended(message)
    accepted = (await record(settings, 20_000))["accepted"]
    return message, [(push["msg_id"], target) for push in accepted for target in push["targets"]]


def parts(addressed: Sequence[Addressed], size: int) -> list[Sequence[Addressed]]:
    return [addressed[start : start + size] for start in range(0, len(addressed), size)]


async def ums(settings: Settings, shop: Application, message: str, told: Sequence[Sequence[Addressed]]) -> float:
    """Receipts a second."""
    number = sum(map(len, told))
    before, now = await shop.delivered(message), int(time.time() * 1000)
    bodies = iter(
        [
            orjson.dumps(
                [{"msg_id": msg, "registration_id": rid, "type": "delivered", "time": now} for msg, rid in part]
            )
            for part in told
        ]
    )
    headers = {"authorization": aiohttp.encode_basic_auth("app-key", SECRETS["APP_SECRET"])}
    async with asyncio.timeout(120), aiohttp.ClientSession(settings.public_url, headers=headers) as session:

        async def post() -> None:
            for body in bodies:
                async with session.post("/v1/app/callback", data=body) as response:
                    assert response.status == 200, await response.text()

        begun = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
        while await shop.delivered(message) < before + number:
            await asyncio.sleep(0.02)
        return number / (time.perf_counter() - begun)


class Floor:
    """As many rows as there are deliveries, and a counter."""

    def __init__(self, file: Path, number: int) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _DELIVERY, _COUNT):
            self._database.execute(statement)
        self._database.execute("BEGIN")
        rows = ((n, f"registration-{n}") for n in range(number))
        self._database.executemany("INSERT INTO delivery VALUES (?, ?, 40, NULL)", rows)
        self._database.executemany("INSERT INTO message_count VALUES (?, ?)", ((40, number), (60, 0)))
        self._database.execute("COMMIT")

    def rate(self, first: int, sizes: Sequence[int]) -> float:
        """Receipts a second, for bodies of these sizes, from row `first` on."""
        begun, number = time.perf_counter(), first
        for size in sizes:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(_DELIVERED, [(1, n) for n in range(number, number + size)])
            self._database.executemany(_MOVED, ((-size, 40), (size, 60)))
            self._database.execute("COMMIT")
            number += size
        return sum(sizes) / (time.perf_counter() - begun)

    def close(self) -> None:
        self._database.close()


_DELIVERY = "CREATE TABLE delivery (id INTEGER PRIMARY KEY, address TEXT, state INT, delivered_at INT)"
_COUNT = "CREATE TABLE message_count (state INTEGER PRIMARY KEY, number INT)"
_DELIVERED = "UPDATE delivery SET state = 60, delivered_at = ? WHERE id = ? AND state < 60"
_MOVED = "UPDATE message_count SET number = number + ? WHERE state = ?"


async def rounds(settings: Settings, number: int, pid: int) -> None:
    async with application(settings) as shop:
        for n in range(3):
            message, addressed = await submitted(settings, shop)
            assert len(addressed) == number, "the broadcast reaches everybody"
            large = number - number // 10
            floor, said = Floor(settings.root / f"floor-{n}.db", number), []
            for first, told in ((0, parts(addressed[:large], LARGE)), (large, parts(addressed[large:], SMALL))):
                bare = floor.rate(first, [len(part) for part in told])
                rate = await ums(settings, shop, message, told)
                size = len(told[0])
                said.append(f"{size} in a body: ums {rate:.0f}/s, bare {bare:.0f}/s, ratio {rate / bare:.2f}")
            floor.close()
            print(f"{number} receipts, {'; '.join(said)}; API {peak_mb(pid)} MB")


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with installation() as installed:
        asyncio.run(upload(installed, number))
        with worker(installed), api(installed) as (settings, serving):
            asyncio.run(rounds(settings, number, serving.pid))


if __name__ == "__main__":
    main()
