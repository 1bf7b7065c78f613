"""Accepting messages: checked, stored for good, answered; a worker does the rest."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit.rules import Review
from ums.audit.tickets import Filed, file
from ums.database import connection, fetch, rows, transaction
from ums.errors import CallerRefused, Problem
from ums.messaging import materials, outbox, statements
from ums.messaging.engine import Engine
from ums.messaging.sending.content import prepared
from ums.messaging.sending.draft import Draft
from ums.messaging.sending.request import SendRequest
from ums.models import Message
from ums.snapshot import Body
from ums.tracing import ACCEPT, Act, asked_by
from ums.vocabulary import Priority


async def send(engine: Engine, channel: Body, request: SendRequest, by: str = "") -> Message:
    """The accepted message; raises CallerRefused with every problem that was found.

    `by` is the Member who sends it; empty: the Channel's own system.
    """
    begun, fingerprint = engine.clock(), _fingerprint(request)
    if known := await _known(channel, request, fingerprint):
        return known
    message, review = await drafted(engine, channel, request, by)
    message.input_hash = fingerprint
    if await _stored(engine, message, review):
        trace(engine, message, begun)
        return message
    known = await _known(channel, request, fingerprint)  # somebody was faster with the same idempotency key
    if known is None:
        raise RuntimeError("the message was not stored, and there is none with its idempotency key")
    return known


async def drafted(engine: Engine, channel: Body, request: SendRequest, by: str = "") -> tuple[Message, Review | None]:
    """The message, not stored yet, and the review that it must pass; raises CallerRefused with every problem."""
    snapshot = await engine.snapshots.newest()
    await prepared(snapshot, channel)
    draft = Draft(snapshot, channel, request, by)
    message = draft.message(engine.clock())
    await materials.check(engine, message, "input.body.template" if request.template else "input.body.content")
    return message, draft.review


async def keep(tx: BaseDBAsyncClient, message: Message, review: Review | None, now: int) -> None:
    """Store a drafted message without an idempotency key in a transaction of the caller's; it gets its id."""
    await _keep([message])
    if review:
        await file(tx, [Filed(review, message.revision, message_id=message.id)], now)


def trace(engine: Engine, message: Message, begun: int) -> None:
    """Where somebody follows traces: that the message was accepted."""
    if engine.tracing.on:
        engine.tracing.tell(_act(message, begun, engine.clock()))


def _act(message: Message, begun: int, now: int) -> Act:
    lane = Priority(message.priority).name.lower()
    said = {"channel": message.channel, "priority": lane, "template": message.template, "policy": message.policy}
    return Act(ACCEPT, message.id, begun, now, said, key=ACCEPT, link=asked_by.get())


async def _stored(engine: Engine, message: Message, review: Review | None) -> bool:
    if review:
        return await engine.together(_store_audited, (message, review))
    return await engine.together(_store, message)


async def _store(engine: Engine, messages: Sequence[Message]) -> list[bool]:
    """Keep the messages, giving each its id; False for those whose idempotency key is taken."""
    taken = await _keep(messages)
    for lane in {Priority(message.priority) for message in messages}:
        engine.wake_later(lane)
    return taken


async def _store_audited(engine: Engine, audited: Sequence[tuple[Message, Review]]) -> list[bool]:
    """Keep messages that wait for a review, each with its ticket; nobody is woken for them."""
    async with transaction() as tx:
        taken = await _keep([message for message, _ in audited])
        new = [each for each, stored in zip(audited, taken, strict=True) if stored]
        filed = [Filed(review, message.revision, message_id=message.id) for message, review in new]
        await file(tx, filed, engine.clock())
    return taken


async def _keep(messages: Sequence[Message]) -> list[bool]:
    await outbox.know({(m.channel, m.callback_url) for m in messages if m.callback_url})
    stored = await fetch(connection(), statements.ADD_MESSAGES, rows(map(_row, messages)))
    by_key = {(row["channel"], row["idempotency_key"]): row["id"] for row in stored if row["idempotency_key"]}
    # Ids rise in the order of the rows.
    keyless = iter(sorted(row["id"] for row in stored if not row["idempotency_key"]))
    taken = []
    for message in messages:
        key = (message.channel, message.idempotency_key)
        found = by_key.pop(key, None) if message.idempotency_key else next(keyless)
        taken.append(found is not None)
        message.id = found or 0
    return taken


def _row(message: Message) -> tuple[Any, ...]:
    """As statements.ADD_MESSAGES takes it."""
    m = message
    return (
        m.channel, m.revision, m.created_at, m.priority, m.state, m.audience, m.content, m.template, m.policy, m.steps,
        m.send_no, m.owner, m.idempotency_key, m.input_hash, m.send_at, m.deferred_from, m.due_at,
        m.callback_url, m.callbacks, m.callback_params,
    )  # fmt: skip


def _fingerprint(request: SendRequest) -> str:
    """SHA-256 of what was asked for, hex."""
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()


async def _known(channel: Body, request: SendRequest, fingerprint: str) -> Message | None:
    """The message that this idempotency key already made; raises CallerRefused when it asked for something else."""
    key = request.idempotency_key
    known = await Message.get_or_none(channel=channel["name"], idempotency_key=key) if key else None
    if known and known.input_hash != fingerprint:
        message = f"{key!r} already stands for message {known.id}, whose input was different; use a new key"
        raise CallerRefused([Problem(path="input.idempotencyKey", code="idempotency_mismatch", message=message)])
    return known
