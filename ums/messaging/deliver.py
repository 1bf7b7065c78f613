"""One batch, under a lease: load what is still planned and hand it to the provider."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog

from ums.database import connection, execute, fetch_tuples, rows
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging import statements
from ums.messaging.engine import LEASE, Engine
from ums.models import Message
from ums.providers.contract import Answer, Provider, Submission, Target
from ums.snapshot import channel_type

log = structlog.get_logger()


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


async def deliver(engine: Engine, lease: Lease) -> Exchange:
    """Submit what of the batch is still planned; `conclude` writes down what came of it."""
    found = await fetch_tuples(connection(), statements.PLANNED, lease.first_id, lease.last_id)
    targets = sorted(Target(*row) for row in found)
    started = engine.clock()
    if not targets or started >= lease.deadline_at:
        return Exchange(lease, targets, started, Verdict.LATE)
    async with _kept(engine, lease):
        return await _submit(engine, lease, targets, started)


async def _submit(engine: Engine, lease: Lease, targets: Sequence[Target], started: int) -> Exchange:
    """One call to the provider, told apart by who must act when it fails."""
    key = lease.request_key
    try:
        provider, accepted = await _connect(engine, lease)
        if not key and (key := await provider.request_key()):
            await engine.together(_keep_keys, (lease.id, key))
        answer = await provider.send(Submission(key, accepted.content, targets, accepted.created_at))
    except ProviderBusy as busy:
        return Exchange(lease, targets, started, Verdict.BUSY, busy.code, busy.message, retry_after=busy.retry_after)
    except ProviderRefused as refused:
        log.error("provider_refused", delivery_channel=lease.delivery_channel, code=refused.code, words=refused.message)
        return Exchange(lease, targets, started, Verdict.REFUSED, refused.code, refused.message)
    except OutcomeUnknown as unknown:
        verdict = Verdict.BUSY if key else Verdict.UNKNOWN
        return Exchange(lease, targets, started, verdict, unknown.code, unknown.message)
    return Exchange(lease, targets, started, Verdict.ANSWERED, answer.code, answer.words, answer)


async def _keep_keys(_: Engine, keys: Sequence[tuple[int, str]]) -> Sequence[None]:
    """Idempotency keys by batch, written down before the first attempt: whoever repeats it uses the same."""
    await execute(connection(), statements.KEEP_KEYS, rows(keys))
    return [None] * len(keys)


@dataclass(frozen=True)
class Accepted:
    """What a message says on one DeliveryChannel, as it was accepted."""

    content: Mapping[str, Any]
    created_at: int


async def _connect(engine: Engine, lease: Lease) -> tuple[Provider, Accepted]:
    """The provider as declared now, and the content as accepted then."""
    snapshot = await engine.snapshots.newest()
    provider = await engine.connections.get(snapshot, lease.delivery_channel)
    kind = channel_type(snapshot.all("DeliveryChannel")[lease.delivery_channel])
    message = engine.messages.get(lease.message_id)
    if message is None:
        message = engine.messages[lease.message_id] = await Message.get(id=lease.message_id)
        if len(engine.messages) > _REMEMBERED:
            del engine.messages[next(iter(engine.messages))]
    return provider, Accepted(message.content[kind.value], message.created_at)


_REMEMBERED = 64


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
