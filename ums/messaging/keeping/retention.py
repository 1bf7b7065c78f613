"""History comes to an end: what is older than its Channel's `retentionDays` leaves the database, a little at a time.

Small messages go several at a time. Of one that takes many steps the row itself goes last, so whoever comes after a
killed worker finds it again and goes on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, execute, fetch, rows, transaction
from ums.members import audit_log
from ums.messaging import materials, pace, tokens
from ums.messaging.counts import BUCKET
from ums.messaging.delivering import replies
from ums.messaging.delivering.receipts import KEPT
from ums.messaging.engine import Engine, log_failure
from ums.messaging.sending import recurring
from ums.snapshot import Snapshot

log = structlog.get_logger()

DAY = 86_400_000
LONGEST = 60 * DAY
"""ms; the most that a Channel may ask for. It also holds for Channels that are not declared any more."""
TOLD_APART = 100 * DAY
"""ms; the counters of Channels are kept by the quarter of an hour for the longest history and the mean before it."""
AGAIN = 60.0
"""Seconds after which a failure is tried again."""


async def keep_house(engine: Engine, every: float = 3600.0, pause: float = 0.1) -> None:
    """Remove what is too old, now and every so many seconds, until `engine.stopping` is set.

    Every worker may run it: they keep out of each other's way. `pause` is the seconds between two steps.
    """
    while not engine.stopping.is_set():
        rest = every
        try:
            await _clear(engine, pause)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
            log_failure("history_stays", error, then="it is tried again")
            rest = min(every, AGAIN)
        await _rest(engine, rest)


async def _clear(engine: Engine, pause: float) -> None:
    removed = 0
    while not engine.stopping.is_set() and (step := await expire(engine)):
        removed += step
        await _rest(engine, pause)
    if removed:
        log.info("history_removed", rows=removed)


async def _rest(engine: Engine, seconds: float) -> None:
    try:
        await asyncio.wait_for(engine.stopping.wait(), seconds)
    except TimeoutError:
        return


async def expire(engine: Engine, most: int = 5_000) -> int:
    """One step, one short transaction: at most so many rows that are too old; how many it removed, 0 at the end."""
    now = engine.clock()
    if removed := await _remove_deleted(most):
        return removed
    days = _days(await engine.snapshots.newest())
    for row in await fetch(connection(), _CHANNELS):
        channel = row["channel"]
        before = now - days[channel] * DAY if channel in days else now - LONGEST
        over = _Over(channel, before, now - LONGEST)
        if row["oldest"] < before and (ids := await _oldest(over, max(1, most // _BESIDE))):
            async with transaction() as tx:
                if removed := await _remove(tx, await _locked(tx, over, ids), most):
                    return removed
    if folded := await _fold(now, most) or await pace.forget(now, most):
        return folded
    if forgotten := await _run_out(now, days, most) or await recurring.expire(now - LONGEST, most):
        return forgotten
    if dropped := await fetch(connection(), _FORGET_RECEIPTS, now - KEPT, most):
        codes, first = sorted({row["delivery_channel"] for row in dropped}), dropped[0]["provider_id"]
        log.warning("receipts_dropped", number=len(dropped), delivery_channels=codes, first=first, because=_NOBODYS)
        return len(dropped)
    return await audit_log.expire(now - engine.settings.audit_log_days * DAY, most)


_NOBODYS = "no submit of ours is known by their ids; do others send through the same account?"


async def _run_out(now: int, days: Mapping[str, int], most: int) -> int:
    """Files, what platforms call those that they were given, and what people wrote back."""
    if gone := await materials.forget(now, most) or await tokens.forget_media(now, most):
        return gone
    return await replies.expire(now - max(days.values(), default=LONGEST // DAY) * DAY, most)


async def _fold(now: int, most: int) -> int:
    """Of the counters of Channels only the sum is kept of what is too old for any page; how many rows that was."""
    async with transaction() as tx:
        old = await fetch(tx, _OLD_COUNTS, (now - TOLD_APART) // BUCKET, most)
        ids = rows([row["id"]] for row in old)
        if old:
            await execute(tx, _ADD_UP, ids)
            await execute(tx, _FORGET_COUNTS, ids)
    return len(old)


class _Over(NamedTuple):
    """Which messages may go: those of this Channel from before this time, where nothing was due since that time."""

    channel: str
    before: int
    idle_since: int


def _days(snapshot: Snapshot) -> Mapping[str, int]:
    """For how long each Channel, by name, keeps its history."""
    return {name: body["retentionDays"] for name, body in snapshot.all("Channel").items()}


async def _oldest(over: _Over, number: int) -> list[int]:
    """The first so many of the oldest messages that may go, read without the writer's lock; fewer are not the last."""
    after = 0
    while page := await fetch(connection(), _PAGE.format(over=_OVER), *over, after, number):
        if ids := [row["id"] for row in page if row["over"]]:
            return ids
        after = page[-1]["id"]
        if page[-1]["created_at"] >= over.before:
            break  # ids grow with time: all that follow are too young
    return []


async def _locked(tx: BaseDBAsyncClient, over: _Over, ids: Sequence[int]) -> Rows:
    """Those of them that nobody else is at."""
    return await fetch(tx, _LOCKED.format(over=_OVER), *over, rows([n] for n in ids))


async def _remove_deleted(most: int) -> int:
    """Of messages that their Channel deleted."""
    async with transaction() as tx:
        return await _remove(tx, await fetch(tx, _DELETED, max(1, most // _BESIDE)), most)


async def _remove(tx: BaseDBAsyncClient, expired: Rows, most: int) -> int:
    """Rows of these messages, oldest messages first, until they are gone or so many rows are; how many."""
    fitting = sum(total <= most for total in accumulate(row["size"] + _BESIDE for row in expired))
    ids = [row["id"] for row in expired[: max(fitting, 1)]]
    listed = rows((n, n << 32, ((n + 1) << 32) - 1) for n in ids)
    removed = 0
    for table, belongs in _BELONGS:
        if removed < most:
            statement = _REMOVE.format(table=table, belongs=belongs)
            removed += await execute(tx, statement, listed, most - removed)
    return removed


# Two looks into the index for each Channel that ever sent, none for each message.
_CHANNELS = """
WITH RECURSIVE sender (channel) AS (
    SELECT min(channel) FROM message
    UNION ALL
    SELECT (SELECT min(m.channel) FROM message m WHERE m.channel > sender.channel) FROM sender
    WHERE sender.channel IS NOT NULL)
SELECT channel, (SELECT m.created_at FROM message m WHERE (m.channel, m.id) > (sender.channel, 0)
                 ORDER BY m.channel, m.id LIMIT 1) AS oldest
FROM sender WHERE channel IS NOT NULL"""

_BESIDE = 7
"""Rows of a message beside its recipients and deliveries: itself, a batch, an attempt, four counters; more are rare."""

# Work is not history: what is still due stays, unless nobody took it up for longer than anything is kept.
_OVER = """
channel = $1 AND send_at < $2 AND (due_at IS NULL OR due_at < $3) AND (state <> 'auditing' OR send_at < $3)
AND NOT EXISTS (
    SELECT 1 FROM batch b WHERE b.message_id = message.id AND b.done_at IS NULL AND b.due_at >= $3)"""

# Compared and sorted as pairs: PostgreSQL would else look for the few of this Channel among the many of all.
_PAGE = """
SELECT id, created_at, ({over}) AS over FROM message
WHERE (channel, id) > ($1, $4) AND (channel, id) <= ($1, 2147483647) ORDER BY channel, id LIMIT $5"""

_LOCKED = """
SELECT id, recipients + deliveries AS size FROM message
WHERE id IN (SELECT id FROM ROWS($4: id int) AS listed) AND {over} ORDER BY id FOR UPDATE SKIP LOCKED"""

_DELETED = """
SELECT id, recipients + deliveries AS size FROM message WHERE deleted_at IS NOT NULL
ORDER BY deleted_at LIMIT $1 FOR UPDATE SKIP LOCKED"""

_TICKET = "audit_ticket ticket ON ticket.message_id = listed.id"

_BELONGS = (
    ("attempt", "batch b ON b.message_id = listed.id JOIN attempt gone ON gone.batch_id = b.id"),
    ("batch", "batch gone ON gone.message_id = listed.id"),
    ("delivery", "delivery gone ON gone.id BETWEEN listed.first_id AND listed.last_id"),
    ("recipient", "recipient gone ON gone.id BETWEEN listed.first_id AND listed.last_id"),
    ("callback", "callback gone ON gone.message_id = listed.id"),
    ("recurring_occurrence", "recurring_occurrence gone ON gone.message_id = listed.id"),
    ("audit_desk", f"{_TICKET} JOIN audit_desk gone ON gone.ticket_id = ticket.id"),
    ("audit_event", f"{_TICKET} JOIN audit_event gone ON gone.ticket_id = ticket.id"),
    ("audit_ticket", "audit_ticket gone ON gone.message_id = listed.id"),
    ("message_loss", "message_loss gone ON gone.message_id = listed.id"),
    ("message_count", "message_count gone ON gone.message_id = listed.id"),
    ("message", "message gone ON gone.id = listed.id"),
)
"""What a message consists of, by table, in the order in which it goes: a receipt finds all of its way or none."""

_REMOVE = """
DELETE FROM {table} WHERE id IN (
    SELECT gone.id FROM ROWS($1: id int, first_id bigint, last_id bigint) AS listed JOIN {belongs} LIMIT $2)"""

# Attributions SENT, HEARD and SEGMENT.
_OLD_COUNTS = """
SELECT id FROM channel_count WHERE attribution IN (0, 1, 3) AND bucket BETWEEN 1 AND $1
ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"""

_ADD_UP = """
INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
SELECT c.channel, c.attribution, 0, c.delivery_channel, c.state, c.reason, CAST(sum(c.number) AS bigint)
FROM ROWS($1: id bigint) AS listed JOIN channel_count c ON c.id = listed.id
GROUP BY c.channel, c.attribution, c.delivery_channel, c.state, c.reason ORDER BY 1, 2, 4, 5, 6
ON CONFLICT (channel, attribution, bucket, delivery_channel, state, reason)
DO UPDATE SET number = channel_count.number + excluded.number"""

_FORGET_COUNTS = "DELETE FROM channel_count WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"

_FORGET_RECEIPTS = """
WITH old AS MATERIALIZED (
    SELECT id FROM waiting_receipt WHERE received_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM waiting_receipt WHERE id IN (SELECT id FROM old) RETURNING delivery_channel, provider_id"""
