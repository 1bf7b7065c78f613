"""A policy step of a large message: who takes it and who does not, against a bare script that writes the same rows.

    python bench/bench_policy.py [number of people, 50000 unless given]

Everybody got a push; half of the receipts came. Measured is what the fifth minute brings: a look at every recipient,
and a text message planned for half of them. Nothing is sent. Both run on SQLite with full syncs; read the ratio.
"""

import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ums.database import connection, execute, opened, rows, transaction
from ums.database.upgrade import upgrade
from ums.messaging.delivering.drain import drain
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine
from ums.messaging.expanding.look import look
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.providers.contract import Receipt
from ums.rehearsal import declared
from ums.rehearsal.provider import Script, ScriptedConnections
from ums.rehearsal.stage import Declared, Nobody, Time
from ums.settings import Settings
from ums.vocabulary import Priority, State

CONFIG = Path(__file__).parents[1] / "config"
LANE, CHUNK = Priority.MEDIUM, 5_000


@asynccontextmanager
async def engine(settings: Settings, clock: Time) -> AsyncIterator[Engine]:
    """The real one, with providers that take everything."""
    async with opened(settings):
        known = Declared(declared(CONFIG))
        running = Engine(settings, clock, known, Nobody(), ScriptedConnections(Script(clock)))
        yield running
        await running.forget_wakes()


async def prepare(settings: Settings, clock: Time, number: int) -> None:
    """Everybody got the push, every second one's receipt came, and the five minutes are over."""
    await upgrade(settings)
    async with engine(settings, clock) as running:
        for first in range(1, number + 1, 50_000):
            part = rows([n] for n in range(first, min(first + 50_000, number + 1)))
            async with transaction() as tx:
                for statement in (_USERS, _APPS, _PHONES):
                    await execute(tx, statement, part)
        channel = (await running.snapshots.newest()).channel("shop")
        assert channel is not None
        body = {"app": {"platform": "all", "notification": {"alert": "hello"}}, "sms": {"temp_id": 1}}
        await send(running, channel, SendRequest({"broadcast": True}, body, policy="app-then-sms"))
        while await look(running, LANE):
            pass
        await drain(running, LANE)
        clock.now += 60_000
        base = 1 << 32
        told = [Receipt(f"shopapp1-{base + n}", "", State.DELIVERED, clock()) for n in range(1, number + 1, 2)]
        for n in range(0, len(told), 10_000):
            await apply(running, "shopapp1", told[n : n + 10_000])
        clock.now += 240_000
        await execute(connection(), "PRAGMA wal_checkpoint(TRUNCATE)")


async def ums(settings: Settings, clock: Time) -> tuple[float, int]:
    """Seconds, and statements."""
    number = 0

    def traced(_: str) -> None:
        nonlocal number
        number += 1

    async with engine(settings, clock) as running:
        await execute(connection(), "SELECT 1")  # which opens the one that reads
        await execute(connection(), "DELETE FROM message WHERE false")  # and the one that writes
        for client in (connection(), connection()._reader):  # type: ignore[attr-defined]  # our engine's
            await client._connection.set_trace_callback(traced)
        begun = time.perf_counter()
        while await look(running, LANE):
            pass
        return time.perf_counter() - begun, number


def floor(settings: Settings, now: int) -> float:
    """Seconds of the bare script: in as large chunks, the due ones read, the rows written, the counter moved."""
    database = sqlite3.connect(settings.path("var/ums.db"), isolation_level=None)
    database.execute("PRAGMA synchronous = FULL")
    begun, last = time.perf_counter(), database.execute("SELECT max(id) FROM delivery").fetchone()[0]
    while True:
        database.execute("BEGIN IMMEDIATE")
        due = database.execute(_DUE, (now, CHUNK)).fetchall()
        if not due:
            break
        taken = [recipient for recipient, delivered in due if delivered is None]
        database.executemany(_CHECK, [(int(delivered is None), n) for n, delivered in due])
        database.executemany(_DELIVERY, [(last + n, r, now, r) for n, r in enumerate(taken, 1)])
        database.execute(_BATCH, (last + 1, last + len(taken), now))
        database.execute(_COUNT, (len(taken),))
        database.execute("COMMIT")
        last += len(taken)
    database.close()
    return time.perf_counter() - begun


_USERS = """
INSERT INTO user_account (id, user_id, created_at, updated_at) SELECT n, 'u' || n, 1, 1 FROM ROWS($1: n bigint) AS g"""
_APPS = """
INSERT INTO address (user_id, type, bind, value)
SELECT n, 'app', 'shopapp1', 'registration-' || n FROM ROWS($1: n bigint) AS given"""
_PHONES = """
INSERT INTO address (user_id, type, bind, value)
SELECT n, 'sms', 'all', '+86138' || substr('0000000' || n, -8) FROM ROWS($1: n bigint) AS given"""
_DUE = """
SELECT r.id, d.delivered_at FROM recipient r JOIN delivery d ON d.recipient_id = r.id
WHERE r.message_id = 1 AND r.next_check_at IS NOT NULL AND r.next_check_at <= ? LIMIT ?"""
_CHECK = "UPDATE recipient SET step = ?, next_check_at = NULL WHERE id = ?"
_DELIVERY = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
SELECT ?, ?, 'shopsms', 1, a.value, 0, '', '', '', ? FROM address a JOIN recipient r ON r.user_id = a.user_id
WHERE r.id = ? AND a.type = 'sms' AND a.bind = 'all'"""
_BATCH = """
INSERT INTO batch (message_id, delivery_channel, priority, first_id, last_id, turn_at, due_at, deadline_at,
lease_until, lease_token, attempts, request_key) VALUES (1, 'shopsms', 2, ?, ?, 1, ?, 1, 0, '', 0, '')"""
_COUNT = """
INSERT INTO message_count (message_id, delivery_channel, state, reason, number) VALUES (1, 'shopsms', 0, '', ?)
ON CONFLICT DO UPDATE SET number = number + excluded.number"""


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        root, clock = Path(folder), Time()
        settings = Settings(root / "kept", CONFIG)
        asyncio.run(prepare(settings, clock, number))
        for name in ("1", "2", "3"):
            copies = [root / f"{name}-{which}" for which in ("bare", "full")]
            for copy in copies:
                shutil.copytree(root / "kept", copy)
            bare = floor(replace(settings, root=copies[0]), clock())
            full, statements = asyncio.run(ums(replace(settings, root=copies[1]), clock))
            print(
                f"{number} recipients: bare {bare:.2f} s, ums {full:.2f} s = {full / bare:.2f} x, "
                f"{number / full:,.0f} recipients/s, {statements} statements"
            )
            assert planned(copies[0]) == planned(copies[1]) == number // 2


def planned(root: Path) -> int:
    with sqlite3.connect(root / "var" / "ums.db") as database:
        (found,) = database.execute("SELECT count(*) FROM delivery WHERE delivery_channel = 'shopsms'").fetchone()
    return int(found)


if __name__ == "__main__":
    main()
