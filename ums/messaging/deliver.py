"""One batch, under a lease: load what is still planned, hand it to the provider, write down every outcome."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import connection, execute, fetch, transaction
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging import receipts, statements
from ums.messaging.engine import Engine
from ums.messaging.ledger import Entry, record
from ums.models import Attempt, Message
from ums.providers.contract import Answer, Provider, Submission, Target
from ums.snapshot import channel_type
from ums.vocabulary import Priority, Reason, State

log = structlog.get_logger()

LEASE = 15_000
"""ms; renewed while the batch is in flight, so this is how long a killed worker's batch stands still."""

LADDERS = {
    Priority.HIGH: (1, 2, 5, 10, 20, 30, 60),
    Priority.MEDIUM: (2, 5, 15, 60, 180, 600),
    Priority.LOW: (5, 15, 60, 300, 900, 1800),
}
"""Seconds before each further attempt, the last for ever after; a fifth of jitter either way keeps them apart."""


@dataclass(frozen=True)
class Lease:
    """A claimed batch."""

    id: int
    message_id: int
    delivery_channel: str
    priority: int
    first_id: int
    last_id: int
    deadline_at: int
    attempts: int
    request_key: str
    token: str


@dataclass(frozen=True)
class Exchange:
    """One attempt, as it will stand in the engineers' log."""

    started_at: int
    targets: int
    verdict: str
    code: str = ""
    words: str = ""
    answer: Answer | None = None
    retry_after: float | None = None


async def deliver(engine: Engine, lease: Lease) -> None:
    """Send what of the batch is still planned; it ends done, or due again later."""
    targets = await _planned(lease)
    if not targets or engine.clock() >= lease.deadline_at:
        return await _close(engine, lease, targets)
    async with _kept(engine, lease):
        exchange = await _attempt(engine, lease, targets)
    async with transaction() as tx:
        now = engine.clock()
        await _log(tx, engine, lease, exchange)
        await record(tx, _entries(exchange, targets, now), now)
        await receipts.match_waiting(tx, lease.delivery_channel, _provider_ids(exchange.answer), now)
        await _release(tx, engine, lease, exchange)
        await execute(tx, statements.SETTLE, lease.message_id)
    return None


async def _planned(lease: Lease) -> list[Target]:
    found = await fetch(connection(), _PLANNED, lease.first_id, lease.last_id)
    return [Target(row["id"], row["address"]) for row in found]


_PLANNED = "SELECT id, address FROM delivery WHERE id BETWEEN $1 AND $2 AND state = 0 ORDER BY id"


async def _attempt(engine: Engine, lease: Lease, targets: Sequence[Target]) -> Exchange:
    """One call to the provider, told apart by who must act when it fails."""
    started, size = engine.clock(), len(targets)
    key = lease.request_key
    try:
        message = await Message.get(id=lease.message_id)
        provider, content = await _connect(engine, lease, message)
        key = key or await _keep_key(lease, await provider.request_key())
        answer = await provider.send(Submission(key, content, targets, message.created_at))
    except ProviderBusy as busy:
        return Exchange(started, size, "busy", busy.code, busy.message, retry_after=busy.retry_after)
    except ProviderRefused as refused:
        log.error(
            "provider_refused",
            delivery_channel=lease.delivery_channel,
            code=refused.code,
            words=refused.message,
        )
        return Exchange(started, size, "refused", refused.code, refused.message)
    except OutcomeUnknown as unknown:
        # With an idempotency key a repeat is harmless; without one it could reach people twice.
        return Exchange(started, size, "busy" if key else "unknown", unknown.code, unknown.message)
    return Exchange(started, size, "answered", answer.code, answer.words, answer)


async def _connect(engine: Engine, lease: Lease, message: Message) -> tuple[Provider, Any]:
    """The provider as declared now, and the content as accepted then."""
    snapshot = await engine.snapshots.newest()
    provider = await engine.connections.get(snapshot, lease.delivery_channel)
    declared = snapshot.all("DeliveryChannel")[lease.delivery_channel]
    return provider, message.content[channel_type(declared).value]


async def _keep_key(lease: Lease, key: str) -> str:
    """Written down before the first attempt: whoever repeats it uses the same."""
    if key:
        await execute(connection(), "UPDATE batch SET request_key = $2 WHERE id = $1", lease.id, key)
    return key


def _entries(exchange: Exchange, targets: Sequence[Target], now: int) -> list[Entry]:
    if exchange.answer:
        return [Entry(o.id, o.state, now, o.reason, o.code, o.words, o.provider_id) for o in exchange.answer.outcomes]
    state = State.UNKNOWN if exchange.verdict == "unknown" else State.PLANNED
    reason = Reason.UNKNOWN if state is State.UNKNOWN else None
    return [Entry(target.id, state, now, reason, exchange.code, exchange.words) for target in targets]


def _provider_ids(answer: Answer | None) -> list[str]:
    ids = [answer.provider_id, *(outcome.provider_id for outcome in answer.outcomes)] if answer else []
    return [one for one in ids if one]


async def _log(tx: BaseDBAsyncClient, engine: Engine, lease: Lease, exchange: Exchange) -> None:
    await Attempt.create(
        using_db=tx,
        batch_id=lease.id,
        delivery_channel=lease.delivery_channel,
        number=lease.attempts,
        started_at=exchange.started_at,
        took_ms=engine.clock() - exchange.started_at,
        targets=exchange.targets,
        verdict=exchange.verdict,
        code=exchange.code,
        words=exchange.words[:2000],
        provider_id=exchange.answer.provider_id if exchange.answer else None,
        worker=engine.worker,
    )


async def _release(tx: BaseDBAsyncClient, engine: Engine, lease: Lease, exchange: Exchange) -> None:
    """Give the batch back: done when nothing of it is planned any more, else due after the next rung of the ladder."""
    left = await fetch(tx, _PLANNED + " LIMIT 1", lease.first_id, lease.last_id)
    now = engine.clock()
    again = now + wait_ms(lease.priority, lease.attempts, exchange.retry_after)
    done, due = (None, min(again, lease.deadline_at)) if left else (now, now)
    await execute(tx, _RELEASE, lease.id, lease.token, done, due)


# A worker that lost its lease leaves the batch to its successor; what it learnt is in the ledger all the same.
_RELEASE = """
UPDATE batch SET done_at = $3, due_at = $4, lease_until = 0, lease_token = '' WHERE id = $1 AND lease_token = $2"""


def wait_ms(priority: int, attempts: int, retry_after: float | None) -> int:
    """ms until the next attempt, after `attempts` of them."""
    ladder = LADDERS[Priority(priority)]
    rung = ladder[min(attempts, len(ladder)) - 1]
    return int(1000 * max(rung * random.uniform(0.8, 1.2), retry_after or 0))  # noqa: S311  # not a secret


async def _close(engine: Engine, lease: Lease, targets: Sequence[Target]) -> None:
    """Nothing left to send, or no time left to send it in."""
    async with transaction() as tx:
        now = engine.clock()
        last = await Attempt.filter(batch_id=lease.id).using_db(tx).order_by("-id").first()
        code, words = (last.code, last.words) if last else ("", "no attempt was made in time")
        late = [Entry(t.id, State.REFUSED, now, Reason.TOO_LATE, code, words) for t in targets]
        await record(tx, late, now)
        await execute(tx, _RELEASE, lease.id, lease.token, now, now)
        await execute(tx, statements.SETTLE, lease.message_id)


@asynccontextmanager
async def _kept(engine: Engine, lease: Lease) -> AsyncIterator[None]:
    """The lease, renewed for as long as the call takes."""
    renewing = asyncio.create_task(_renew(engine, lease))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])


async def _renew(engine: Engine, lease: Lease) -> None:
    while True:
        await asyncio.sleep(LEASE / 3000)
        await execute(connection(), statements.RENEW, lease.id, lease.token, engine.clock() + LEASE)
