"""Messages that are due: their audiences are worked out, their recipients take the next policy step."""

import uuid
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit import tickets
from ums.database import connection, execute, fetch, is_away, rows, transaction
from ums.messaging import outbox, statements
from ums.messaging.counts import REQUEST, USERS
from ums.messaging.engine import LEASE, Engine
from ums.messaging.expanding.advance import advance
from ums.messaging.expanding.expand import expand, fail, is_named, unsendable
from ums.messaging.expanding.fan_out import FanOut, Pinned
from ums.messaging.expanding.stop import stop
from ums.models import Message
from ums.snapshot import Snapshot
from ums.tracing import Act
from ums.vocabulary import MessageState, Priority

log = structlog.get_logger()

MOST = 64
"""Messages a transaction."""


async def look(engine: Engine, lane: Priority) -> bool:
    """Expand or advance messages that are due; whether there were any."""
    now, token = engine.clock(), uuid.uuid4().hex
    claimed = await fetch(connection(), statements.CLAIM_MESSAGES, int(lane), now, now + LEASE, token, MOST)
    ids = [row["id"] for row in claimed]
    try:
        await _work_out(engine, ids, now)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("messages_not_worked_out", messages=ids, then="one by one")
        await _one_by_one(engine, ids, now)
    return bool(ids)


async def _one_by_one(engine: Engine, ids: Sequence[int], now: int) -> None:
    """So that one that cannot be worked out keeps no other from it."""
    for n in ids:
        try:
            await _work_out(engine, [n], now)
        except Exception:
            log.exception("message_not_worked_out", message=n, then="its lease runs out, and it is tried again")


async def settle(message_ids: Sequence[int]) -> None:
    """Messages of which nothing is left to do are done. Not in a transaction with the last of it: two may be last."""
    if message_ids:
        await execute(connection(), statements.SETTLE, rows([n] for n in message_ids))


async def _work_out(engine: Engine, ids: Sequence[int], now: int) -> None:
    if not ids:
        return
    newest = await engine.snapshots.newest()
    async with transaction() as tx:
        messages = await _held(tx, ids)
        ended = [m for m in messages if m.recalled_at is not None]
        going = [m for m in messages if m not in ended and m.due_at is not None and m.due_at <= now]
        pinned = {m.id: Pinned(m, await engine.snapshots.at(m.revision)) for m in going}
        out = FanOut(tx, pinned, newest, now)
        before = {m.id: m.recipients for m in messages if m.callback_url}
        begun = [m for m in going if not m.expanded]
        moving = [each for each in pinned.values() if each.message.expanded]
        await _expire(out, going)
        await expand(out, _beginning(pinned.values(), newest), newest)
        if moving:
            await advance(out, moving)
        for message in ended:
            await stop(out, message)
        if before:
            new = [((m.id << 32) + before[m.id] + 1, (m.id << 32) + m.recipients) for m in messages if m.id in before]
            await outbox.add_lost(tx, new, out.lost, now)
        await execute(tx, statements.KEEP_EXPANSIONS, rows(map(_kept, messages)))
        if policies := [[m.id] for m in going if m.expanded and len(m.steps) > 1]:
            await execute(tx, statements.NEXT_DUE, rows(policies))
        for message in begun:
            if message.expanded or message.state == MessageState.FAILED.value:
                out.cells[message.id, USERS, REQUEST, ""] += 1
        await out.counted()
    if engine.tracing.on:
        engine.tracing.tell(*_acts(going, {m.id for m in begun}, now, engine.clock()))
    # What has deliveries is settled when the last of them is.
    await settle([m.id for m in messages if moving or ended or not m.deliveries])


def _acts(messages: Iterable[Message], begun: Set[int], now: int, end: int) -> Iterator[Act]:
    """A part of an audience worked out, or steps of a policy taken."""
    for m in messages:
        reached = {"recipients": m.recipients, "deliveries": m.deliveries}
        yield Act("expand" if m.id in begun else "advance", m.id, now, end, reached, failure=m.failure)


async def _held(tx: BaseDBAsyncClient, ids: Sequence[int]) -> list[Message]:
    """The messages as they are, and as they stay until the transaction ends."""
    await fetch(tx, statements.LOCK_MESSAGES, rows([n] for n in ids))
    return await Message.filter(id__in=ids).using_db(tx).order_by("id")


async def _expire(out: FanOut, messages: Sequence[Message]) -> None:
    """Those whose time has come before the last of their reviewers end here."""
    audited = {m.id: m for m in messages if m.state == MessageState.AUDITING.value}
    for message in audited.values():
        fail(message, "it was not approved by its time")
    found = await tickets.of_messages(out.tx, audited) if audited else []
    for row in found:
        level = f"level {row['level'] + 1} of {row['levels']}"
        fail(audited[row["message_id"]], f"it was not approved by its time: ticket {row['id']} waited for {level}")
    await tickets.close(out.tx, found, tickets.TicketEvent.EXPIRED, out.now)


def _beginning(pinned: Iterable[Pinned], newest: Snapshot) -> Iterator[Pinned]:
    """Those to be expanded now: of the large ones only the first, the others have their turn after its chunk."""
    large = 0
    for each in pinned:
        if each.message.expanded or each.message.state == MessageState.FAILED.value:
            continue
        if reason := unsendable(each.message, newest):
            fail(each.message, reason)
            continue
        large += not is_named(each.message)
        if is_named(each.message) or large == 1:
            yield each


def _kept(m: Message) -> tuple[Any, ...]:
    return m.id, m.cursor, m.recipients, m.deliveries, m.segment, m.expanded, m.state, m.failure, m.due_at
