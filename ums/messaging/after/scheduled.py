"""Messages that wait for their time or for a review: changed or called off before it; and what is over, deleted."""

from dataclasses import replace

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit import tickets
from ums.database import execute, fetch, transaction
from ums.errors import CallerRefused, Problem
from ums.messaging import materials
from ums.messaging.after.again import Changes, changed, request_of
from ums.messaging.after.recall import unknown
from ums.messaging.engine import Engine
from ums.messaging.sending.draft import Draft
from ums.models import AuditTicket, Batch, Message
from ums.snapshot import Body
from ums.vocabulary import MessageState, Priority

KEPT = ("id", "created_at", "idempotency_key", "input_hash")
"""A changed message stays the one that its idempotency key stands for."""


async def update(engine: Engine, channel: Body, message_id: int, changes: Changes, by: str = "") -> Message:
    """The message as it is to be sent now, pinned to today's configuration; raises CallerRefused.

    `by` is the Member who changes it; empty: the Channel's own system. AuditRules look at it anew.
    """
    newest = await engine.snapshots.newest()
    kept = await Message.get_or_none(id=message_id, channel=channel["name"], deleted_at=None)
    pinned = await engine.snapshots.at(kept.revision) if kept else newest
    async with transaction() as tx:
        message = await _waiting(tx, channel["name"], message_id, engine.clock())
        request = changed(request_of(message, pinned), changes)
        await _rewrite(tx, message, Draft(newest, channel, request, by), engine.clock())
        await materials.check(engine, message, "input.body.template" if request.template else "input.body.content")
    engine.wake_later(Priority(message.priority))
    return message


async def _rewrite(tx: BaseDBAsyncClient, message: Message, draft: Draft, now: int) -> None:
    """The message as drafted, and its ticket: at its first level again, or withdrawn where nothing demands it now."""
    for name, value in draft.message(now):  # type: ignore[attr-defined]  # Tortoise declares too little of its iterator
        if name not in KEPT:
            setattr(message, name, value)
    ticket = await AuditTicket.get_or_none(message_id=message.id, using_db=tx)
    if draft.review:
        message.send_at = message.send_at if message.due_at else message.created_at
        submitter = draft.review.submitter or (ticket.submitter if ticket else "")
        review = replace(draft.review, submitter=submitter)
        await tickets.file(tx, [tickets.Filed(review, message.revision, message_id=message.id)], now)
    elif ticket:
        message.approved_at = now
        await tickets.withdraw(tx, message.id, now)
    await message.save(using_db=tx)


async def cancel(engine: Engine, channel: Body, message_id: int, by: str = "") -> Message:
    """The message, which is never sent; raises CallerRefused."""
    async with transaction() as tx:
        message = await _waiting(tx, channel["name"], message_id, engine.clock())
        message.state, message.due_at = MessageState.CANCELLED.value, None
        await message.save(using_db=tx, update_fields=["state", "due_at"])
        await tickets.withdraw(tx, message.id, engine.clock(), by)
    return message


async def delete(engine: Engine, channel: Body, message_id: int) -> None:
    """It is in no list any more, and its rows go; raises CallerRefused while anything of it is still to be done."""
    async with transaction() as tx:
        message = await _held(tx, channel["name"], message_id)
        over = message.state not in _UNDER_WAY
        if not over or await Batch.filter(message_id=message_id, recall_at__isnull=False).using_db(tx).exists():
            words = f"message {message_id} is {message.state}, and work on it goes on; cancel or recall it, or wait"
            raise _refused("not_over", words)
        await execute(tx, _DELETE, message_id, engine.clock())
        await tickets.forget(tx, message_id)


_UNDER_WAY = {MessageState.WAITING.value, MessageState.AUDITING.value, MessageState.SENDING.value}
_UNDER_REVIEW = {MessageState.AUDITING.value, MessageState.REJECTED.value}


async def _held(tx: BaseDBAsyncClient, channel: str, message_id: int) -> Message:
    await fetch(tx, "SELECT id FROM message WHERE id = $1 FOR UPDATE", message_id)
    message = await Message.filter(id=message_id, channel=channel, deleted_at=None).using_db(tx).first()
    if message is None:
        raise CallerRefused([unknown(message_id)])
    return message


async def _waiting(tx: BaseDBAsyncClient, channel: str, message_id: int, now: int) -> Message:
    """A message whose time has not come or that is not approved, and stays so until the transaction ends."""
    message = await _held(tx, channel, message_id)
    if message.state in _UNDER_REVIEW and (message.due_at is None or message.due_at > now):
        return message
    if message.send_at <= (message.approved_at or message.created_at):
        raise _refused("not_scheduled", f"message {message_id} was to be sent at once; it can be recalled")
    if message.state == MessageState.CANCELLED.value:
        raise _refused("already_cancelled", f"message {message_id} has been cancelled before")
    if message.state != MessageState.WAITING.value or message.recipients or message.send_at <= now:
        raise _refused("too_late", f"message {message_id} is {message.state}: its time has come; it can be recalled")
    return message


def _refused(code: str, words: str) -> CallerRefused:
    return CallerRefused([Problem(path="id", code=code, message=words)])


# Its key may be used again.
_DELETE = "UPDATE message SET deleted_at = $2, idempotency_key = NULL WHERE id = $1"
