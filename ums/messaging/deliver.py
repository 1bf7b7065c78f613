"""One batch, under a lease: load what is still planned and hand it to the provider."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import structlog

from ums.database import connection, execute, execute_many, fetch
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging import statements
from ums.messaging.engine import Engine
from ums.models import Message
from ums.providers.contract import Answer, Provider, Submission, Target
from ums.snapshot import channel_type

log = structlog.get_logger()

LEASE = 15_000
"""ms; renewed while the batch is in flight, so this is how long a killed worker's batch stands still."""


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


class Verdict(Enum):
    """How an exchange with a provider ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    """Nothing was accepted; or, under an idempotency key, nobody knows: a repeat is harmless."""
    REFUSED = "refused"
    """The account is at fault: the operator must act."""
    UNKNOWN = "unknown"
    """It may have been accepted, and a repeat could reach people twice."""
    LATE = "late"
    """No attempt: its deadline has come."""


@dataclass(frozen=True)
class Exchange:
    """What became of a claimed batch; `targets` is what of it was still planned."""

    lease: Lease
    targets: Sequence[Target]
    started_at: int
    verdict: Verdict
    code: str = ""
    words: str = ""
    answer: Answer | None = None
    retry_after: float | None = None
    """Seconds, as the provider asked."""


async def prepared(engine: Engine, leases: Sequence[Lease]) -> list[Lease]:
    """The leases with their idempotency keys, written down before the first attempt: whoever repeats it uses the same.

    A key that cannot be had now is asked for again by `deliver`, which knows what to do about the reason.
    """
    known = [await _with_key(engine, lease) for lease in leases]
    fresh = [(new.id, new.request_key) for new, old in zip(known, leases, strict=True) if new is not old]
    if fresh:
        await execute_many(connection(), _KEEP_KEY, fresh)
    return known


async def _with_key(engine: Engine, lease: Lease) -> Lease:
    if lease.request_key:
        return lease
    try:
        provider = await engine.connections.get(await engine.snapshots.newest(), lease.delivery_channel)
        key = await provider.request_key()
    except (ProviderBusy, ProviderRefused):
        return lease
    return replace(lease, request_key=key) if key else lease


_KEEP_KEY = "UPDATE batch SET request_key = $2 WHERE id = $1"


async def deliver(engine: Engine, lease: Lease) -> Exchange:
    """Submit what of the batch is still planned; `conclude` writes down what came of it."""
    found = await fetch(connection(), PLANNED, lease.first_id, lease.last_id)
    targets = [Target(row["id"], row["address"]) for row in found]
    started = engine.clock()
    if not targets or started >= lease.deadline_at:
        return Exchange(lease, targets, started, Verdict.LATE)
    async with _kept(engine, lease):
        return await _submit(engine, lease, targets, started)


PLANNED = "SELECT id, address FROM delivery WHERE id BETWEEN $1 AND $2 AND state = 0 ORDER BY id"


async def _submit(engine: Engine, lease: Lease, targets: Sequence[Target], started: int) -> Exchange:
    """One call to the provider, told apart by who must act when it fails."""
    key = lease.request_key
    try:
        message = await Message.get(id=lease.message_id)
        provider, content = await _connect(engine, lease, message)
        if not key and (key := await provider.request_key()):
            await execute(connection(), _KEEP_KEY, lease.id, key)
        answer = await provider.send(Submission(key, content, targets, message.created_at))
    except ProviderBusy as busy:
        return Exchange(lease, targets, started, Verdict.BUSY, busy.code, busy.message, retry_after=busy.retry_after)
    except ProviderRefused as refused:
        log.error("provider_refused", delivery_channel=lease.delivery_channel, code=refused.code, words=refused.message)
        return Exchange(lease, targets, started, Verdict.REFUSED, refused.code, refused.message)
    except OutcomeUnknown as unknown:
        verdict = Verdict.BUSY if key else Verdict.UNKNOWN
        return Exchange(lease, targets, started, verdict, unknown.code, unknown.message)
    return Exchange(lease, targets, started, Verdict.ANSWERED, answer.code, answer.words, answer)


async def _connect(engine: Engine, lease: Lease, message: Message) -> tuple[Provider, Any]:
    """The provider as declared now, and the content as accepted then."""
    snapshot = await engine.snapshots.newest()
    provider = await engine.connections.get(snapshot, lease.delivery_channel)
    declared = snapshot.all("DeliveryChannel")[lease.delivery_channel]
    return provider, message.content[channel_type(declared).value]


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
