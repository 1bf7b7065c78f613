"""How fast each DeliveryChannel may go, and whether it may at all: kept by all workers together, in the database.

Declared limits (`limits: {perSecond, concurrency}`) bound what is claimed. A provider that says "not now" closes its
DeliveryChannel for as long as it says; one that keeps failing opens a breaker, and one call at a time tries it again.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, execute, fetch, rows, transaction
from ums.messaging import ledger, statements
from ums.messaging.delivering.deliver import Exchange, Lease, Verdict
from ums.messaging.engine import LEASE, Engine
from ums.snapshot import Snapshot
from ums.vocabulary import Priority

log = structlog.get_logger()

FAILURES = 5
"""Calls that fail one after the other until the breaker opens."""

AHEAD = {Priority.HIGH: 1000, Priority.MEDIUM: 600, Priority.LOW: 300}
"""ms that a lane may use up in advance: what a lower lane leaves of a second is there for a higher one."""


@dataclass(frozen=True)
class Limit:
    per_second: int | None = None
    """Addresses."""
    concurrency: int | None = None
    """Calls under way."""


async def claim(engine: Engine, lane: Priority, most: int) -> tuple[list[Lease], int]:
    """Due batches of the lane, at most so many, leased to this worker; and in how many ms there may be more, or 0."""
    if most < 1:
        return [], 0
    limited = await _limits(await engine.snapshots.newest())
    now, token = engine.clock(), uuid.uuid4().hex
    names = rows([code] for code in limited)
    claimed = await fetch(connection(), statements.CLAIM_BATCHES, int(lane), now, now + LEASE, token, most, names)
    waits = []
    for code, limit in limited.items():
        if len(claimed) < most:
            found, wait = await _claim_limited(Asked(lane, now, token, most - len(claimed)), code, limit)
            claimed += found
            waits.append(wait)
    return [Lease(**row, token=token, until=now + LEASE) for row in claimed], min(
        (wait for wait in waits if wait), default=0
    )


@dataclass(frozen=True)
class Asked:
    lane: Priority
    now: int
    token: str
    most: int


async def _claim_limited(asked: Asked, code: str, limit: Limit) -> tuple[Rows, int]:
    """As many batches of this DeliveryChannel as its limit leaves room for; ms until the rate leaves more, or 0."""
    until = asked.now + AHEAD[asked.lane]
    async with transaction() as tx:
        await execute(tx, _BEGIN, code)
        status = (await fetch(tx, _HOLD, code))[0]
        next_at = max(status["next_at"], asked.now)
        room = 0 if status["closed_until"] > asked.now else await _room(tx, asked, code, limit)
        if room < 1:
            return [], 0
        due = await fetch(tx, statements.CANDIDATES, int(asked.lane), asked.now, code, room)
        taken = []
        for batch in due:
            if next_at > until:
                break
            taken.append([batch["id"]])
            next_at += batch["targets"] * 1000 // limit.per_second if limit.per_second else 0
        await execute(tx, _MOVE, code, next_at)
        found = await fetch(tx, statements.CLAIM_LISTED, rows(taken), asked.now + LEASE, asked.token) if taken else []
    return found, max(next_at - until, 1) if len(taken) < len(due) else 0


async def _room(tx: BaseDBAsyncClient, asked: Asked, code: str, limit: Limit) -> int:
    """Calls that may be begun; the low lane leaves one to the others."""
    if limit.concurrency is None:
        return asked.most
    reserved = int(asked.lane is Priority.LOW and limit.concurrency > 1)
    under_way: int = (await fetch(tx, _UNDER_WAY, code, asked.now))[0]["number"]
    return min(asked.most, limit.concurrency - reserved - under_way)


async def learn(tx: BaseDBAsyncClient, landed: Iterable[Exchange], now: int) -> None:
    """What the exchanges say about how their DeliveryChannels are."""
    of: dict[str, list[Exchange]] = {}
    for exchange in landed:
        if exchange.verdict is not Verdict.LATE:
            of.setdefault(exchange.lease.delivery_channel, []).append(exchange)
    for code, exchanges in sorted(of.items()):
        failed = [exchange for exchange in exchanges if exchange.verdict is not Verdict.ANSWERED]
        pause = max(_asked_for(exchange) for exchange in exchanges)
        if len(failed) < len(exchanges):
            if await execute(tx, _WORKS, code, FAILURES):
                log.info("provider_works_again", delivery_channel=code)
        elif failed:
            await _count_failure(tx, code, failed[-1], now)
        if pause:
            await execute(tx, _CLOSE, code, now + int(1000 * pause))
            log.warning("provider_wants_pause", delivery_channel=code, seconds=pause)


async def _count_failure(tx: BaseDBAsyncClient, code: str, last: Exchange, now: int) -> None:
    said = {"code": ledger.code(last.code), "words": last.words[:300]}
    [status] = await fetch(tx, _FAILS, code, now, said["code"], said["words"], FAILURES)
    if status["failures"] >= FAILURES:
        shut = max(status["closed_until"] - now, 0) / 1000
        log.error("breaker_open", delivery_channel=code, failures=status["failures"], seconds=shut, **said)


def _asked_for(exchange: Exchange) -> float:
    """Seconds for which the provider wants to be left alone."""
    return exchange.answer.pause if exchange.answer else exchange.retry_after or 0


async def _limits(snapshot: Snapshot) -> dict[str, Limit]:
    """Of those that have any; one whose breaker was open takes a single call until that succeeds."""
    found = {
        code: Limit(declared["limits"].get("perSecond"), declared["limits"].get("concurrency"))
        for code, declared in snapshot.all("DeliveryChannel").items()
        if declared.get("limits")
    }
    for row in await fetch(connection(), _FAILING, FAILURES):
        code = row["delivery_channel"]
        found[code] = replace(found.get(code, Limit()), concurrency=1)
    return found


_BEGIN = """
INSERT INTO delivery_channel_status (delivery_channel) VALUES ($1) ON CONFLICT (delivery_channel) DO NOTHING"""

_HOLD = "SELECT next_at, closed_until FROM delivery_channel_status WHERE delivery_channel = $1 FOR UPDATE"

_MOVE = "UPDATE delivery_channel_status SET next_at = $2 WHERE delivery_channel = $1"

_UNDER_WAY = """
SELECT count(*) AS number FROM batch WHERE done_at IS NULL AND delivery_channel = $1 AND lease_until > $2"""

_FAILING = "SELECT delivery_channel FROM delivery_channel_status WHERE failures >= $1"

_WORKS = """
UPDATE delivery_channel_status SET failures = 0, code = '', words = '',
    closed_until = CASE WHEN failures >= $2 THEN 0 ELSE closed_until END
WHERE delivery_channel = $1 AND failures > 0"""

# The breaker opens for 5 s, and for longer after each try that fails too.
_FAILS = """
INSERT INTO delivery_channel_status AS s (delivery_channel, failures, since, code, words) VALUES ($1, 1, $2, $3, $4)
ON CONFLICT (delivery_channel) DO UPDATE SET code = excluded.code, words = excluded.words,
    failures = s.failures + 1, since = CASE WHEN s.failures = 0 THEN excluded.since ELSE s.since END,
    closed_until = CASE WHEN s.failures + 1 < $5 THEN s.closed_until ELSE excluded.since + CASE s.failures + 1 - $5
        WHEN 0 THEN 5000 WHEN 1 THEN 10000 WHEN 2 THEN 20000 WHEN 3 THEN 40000 ELSE 60000 END END
RETURNING failures, closed_until"""

_CLOSE = """
INSERT INTO delivery_channel_status AS s (delivery_channel, closed_until) VALUES ($1, $2)
ON CONFLICT (delivery_channel) DO UPDATE SET closed_until = excluded.closed_until
WHERE s.closed_until < excluded.closed_until"""
