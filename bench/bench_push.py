"""A push broadcast, accepted -> all submitted, against a bare script that does the same inserts, posts and updates.

    python bench/bench_push.py [number of people, 100000 unless given]

Both run on SQLite against the same sandbox on this machine, one after the other, three times; read the ratio.
"""

import asyncio
import shutil
import sqlite3
import sys
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
from installation import installation, peak_mb, process, upload

from ums.database import opened
from ums.messaging.engine import running
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.settings import Settings
from ums.vocabulary import system_clock

CONTENT = {"platform": "all", "notification": {"alert": "hello"}}
BATCH, AT_ONCE = 1000, 8


async def ums(settings: Settings) -> tuple[float, int]:
    """Seconds until a real worker process has submitted everything, and its peak memory in MB."""
    with process(settings, "worker") as worker:
        await asyncio.sleep(2)
        async with running(settings, system_clock) as engine:
            channel = (await engine.snapshots.newest()).channel("shop")
            assert channel is not None
            begun = time.perf_counter()
            message = await send(engine, channel, SendRequest({"broadcast": True}, {"app": CONTENT}))
            while (await Message.get(id=message.id)).state != "done":
                await asyncio.sleep(0.05)
            return time.perf_counter() - begun, peak_mb(worker.pid)


async def floor(settings: Settings) -> float:
    """Seconds of the bare script: rows in, posts out, states and counters updated, nothing else."""
    database = sqlite3.connect(settings.path("var/ums.db"), isolation_level=None)
    database.execute("PRAGMA synchronous = FULL")
    begun, base = time.perf_counter(), 77 << 32
    addresses = database.execute("SELECT user_id, value FROM address ORDER BY user_id").fetchall()
    for first in range(0, len(addresses), 10_000):
        part = list(enumerate(addresses[first : first + 10_000], base + first + 1))
        database.execute("BEGIN IMMEDIATE")
        database.executemany(_RECIPIENT, [(n, user, f"u{user}") for n, (user, _) in part])
        database.executemany(_DELIVERY, [(n, n, address) for n, (_, address) in part])
        database.execute("COMMIT")
    headers = {"authorization": aiohttp.encode_basic_auth("app-key", "sandbox-app-secret")}
    room = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(f"http://{settings.sandbox}", headers=headers) as session:

        async def post(first: int) -> None:
            ids = [address for _, address in addresses[first : first + BATCH]]
            async with (
                room,
                session.post("/jpush/v3/push", json={**CONTENT, "audience": {"registration_id": ids}}) as r,
            ):
                answer = await r.json()
            low, high = base + first + 1, base + first + len(ids)
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE delivery SET state = 40, submitted_at = 1 WHERE id BETWEEN ? AND ?", (low, high))
            database.execute("UPDATE recipient SET state = 40 WHERE id BETWEEN ? AND ?", (low, high))
            database.execute(_COUNT, (len(ids),))
            database.execute(_ATTEMPT, (first, len(ids), answer["msg_id"]))
            database.execute("COMMIT")

        await asyncio.gather(*(post(first) for first in range(0, len(addresses), BATCH)))
    database.close()
    return time.perf_counter() - begun


_RECIPIENT = """
INSERT INTO recipient (id, message_id, user_id, target, state, reason, step) VALUES (?, 77, ?, ?, 0, '', 0)"""
_DELIVERY = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
VALUES (?, ?, 'app', 0, ?, 0, '', '', '', 1)"""
_COUNT = """
INSERT INTO message_count (message_id, delivery_channel, state, reason, number) VALUES (77, 'app', 40, '', ?)
ON CONFLICT DO UPDATE SET number = number + excluded.number"""
_ATTEMPT = """
INSERT INTO attempt (batch_id, delivery_channel, number, started_at, took_ms, targets, verdict, code, words,
provider_id, worker) VALUES (?, 'app', 1, 1, 1, ?, 'answered', '', '', ?, '')"""


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with installation() as settings:
        asyncio.run(upload(settings, number))
        asyncio.run(_checkpoint(settings))
        kept = settings.root / "var"
        for _ in range(3):
            copies = [Path(shutil.copytree(kept, settings.root / name / "var")) for name in ("bare", "full")]
            bare = asyncio.run(floor(replace(settings, root=copies[0].parent)))
            shutil.copytree(settings.root / "config", copies[1].parent / "config")
            shutil.copy(settings.root / "ums.yaml", copies[1].parent)
            seconds, peak = asyncio.run(ums(replace(settings, root=copies[1].parent)))
            print(
                f"{number} people: ums {seconds:.2f} s, bare {bare:.2f} s, ratio {seconds / bare:.2f}, worker {peak} MB"
            )
            for copy in copies:
                shutil.rmtree(copy.parent)


async def _checkpoint(settings: Settings) -> None:
    async with opened(settings):
        await Message.all().count()


if __name__ == "__main__":
    main()
