"""What Members decide about tickets, and what follows: a message is let go, a template's new version is used.

A message is locked before its ticket, by everybody who moves either.
"""

from typing import NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit import rules, tickets
from ums.audit.reviewers import reviewers
from ums.database import fetch, transaction
from ums.errors import CallerRefused, Problem
from ums.messaging.after.again import Changes
from ums.messaging.after.scheduled import update
from ums.messaging.engine import Engine
from ums.messaging.sending.quiet import NEVER, disturbing, quiet_until
from ums.models import AuditTicket, Effect, HeldVersion, Message
from ums.snapshot import Body, Snapshot
from ums.vocabulary import MessageState, Priority


class Decision(NamedTuple):
    """What a Member says to a ticket."""

    channel: str
    """Of which the ticket is, by name."""
    ticket: int
    seen: int
    """The version of the ticket that he saw."""
    login: str
    comment: str = ""


async def approve(engine: Engine, decision: Decision) -> AuditTicket:
    """The ticket, one level further; after the last of them what it is about takes effect. Raises CallerRefused."""
    newest, now = await engine.snapshots.newest(), engine.clock()
    async with transaction() as tx:
        ticket, message = await _held(tx, decision, newest)
        if message:
            _in_time(message, now)
        await tickets.pass_on(tx, ticket, tickets.Verdict(decision.login, decision.comment, now))
        if ticket.state == tickets.TicketState.APPROVED.value:
            await _take_effect(tx, ticket, message, newest, now)
    if message and message.state == MessageState.WAITING.value:
        engine.wake_later(Priority(message.priority))
    engine.snapshots.look_again()
    return ticket


async def reject(engine: Engine, decision: Decision) -> AuditTicket:
    """The ticket, closed; what it is about has no effect. Raises CallerRefused."""
    newest, now = await engine.snapshots.newest(), engine.clock()
    if not decision.comment.strip():
        raise _refused("comment", "comment_required", "say why, so that it can be mended")
    async with transaction() as tx:
        ticket, message = await _held(tx, decision, newest)
        if message:
            message.state, message.due_at = MessageState.REJECTED.value, None
            await message.save(using_db=tx, update_fields=["state", "due_at"])
        else:
            await HeldVersion.filter(ticket_id=ticket.id).using_db(tx).update(rejected=True)
        await tickets.turn_down(tx, ticket, tickets.Verdict(decision.login, decision.comment, now))
    engine.snapshots.look_again()
    return ticket


class Resubmission(NamedTuple):
    """A rejected send, changed and submitted again."""

    ticket: int
    changes: Changes
    login: str = ""
    """Of the Member who does; empty: the Channel's own system."""


async def resubmit(engine: Engine, channel: Body, given: Resubmission) -> AuditTicket:
    """The ticket, at its first level again, its message changed; raises CallerRefused.

    A Member must have submitted it or answer for it.
    """
    ticket = await AuditTicket.get_or_none(id=given.ticket, channel=channel["name"])
    if ticket is None or not _is_own(ticket, given.login):
        raise _unknown(given.ticket)
    if ticket.message_id is None:
        message = f"ticket {ticket.id} is about {ticket.kind} {ticket.name}; declare it otherwise and apply it again"
        raise _refused("ticket", "declared", message)
    if ticket.state != tickets.TicketState.REJECTED.value:
        raise _refused("ticket", "not_rejected", f"ticket {ticket.id} is {ticket.state}; only what was rejected can be")
    await update(engine, channel, ticket.message_id, given.changes, given.login)
    return await AuditTicket.get(id=ticket.id)


def _is_own(ticket: AuditTicket, login: str) -> bool:
    return not login or login in tickets.review_of(ticket).own


async def _held(tx: BaseDBAsyncClient, decision: Decision, newest: Snapshot) -> tuple[AuditTicket, Message | None]:
    """The ticket, which this Member may decide about, and its message, both locked."""
    found = await AuditTicket.get_or_none(id=decision.ticket, channel=decision.channel, using_db=tx)
    if found is None:
        raise _unknown(decision.ticket)
    message = None
    if found.message_id is not None:
        await fetch(tx, "SELECT id FROM message WHERE id = $1 FOR UPDATE", found.message_id)
        message = await Message.get_or_none(id=found.message_id, deleted_at=None, using_db=tx)
    await fetch(tx, "SELECT id FROM audit_ticket WHERE id = $1 FOR UPDATE", found.id)
    ticket = await AuditTicket.get(id=found.id, using_db=tx)
    if message is None and found.message_id is not None:
        raise _unknown(decision.ticket)
    if problem := rules.refusal(as_rules_see_it(ticket, newest), decision.login, decision.seen):
        raise CallerRefused([problem])
    return ticket, message


def as_rules_see_it(ticket: AuditTicket, newest: Snapshot) -> rules.Ticket:
    """For what is decided about it: whose turn it is, and who may not."""
    may = reviewers(newest, ticket.channel)
    return rules.Ticket(ticket.id, tickets.review_of(ticket), ticket.level, ticket.state, ticket.version, may)


async def _take_effect(
    tx: BaseDBAsyncClient, ticket: AuditTicket, message: Message | None, newest: Snapshot, now: int
) -> None:
    if message is None:
        await HeldVersion.filter(ticket_id=ticket.id).using_db(tx).delete()
        effects = Effect.filter(kind=ticket.kind, name=ticket.name, revision=ticket.revision, next_at=None)
        await effects.filter(status="pending").using_db(tx).update(next_at=now)
        return
    message.state, message.approved_at = MessageState.WAITING.value, now
    if message.due_at is None:
        message.send_at = message.due_at = _undisturbing(message, newest, now)
        message.deferred_from = now if message.send_at > now else None
    fields = ["state", "approved_at", "send_at", "due_at", "deferred_from"]
    await message.save(using_db=tx, update_fields=fields)


def _undisturbing(message: Message, newest: Snapshot, now: int) -> int:
    """When what was to go out at once goes out, now that it is approved."""
    channel = newest.all("Channel").get(message.channel)
    until = quiet_until(channel, Priority(message.priority), now) if channel else None
    if channel is None or until is None:
        return now
    if until < NEVER and channel["doNotDisturb"]["mode"] == "defer":
        return until
    raise _refused("ticket", "do_not_disturb", f"it would go out now, and {disturbing(channel, now, until)}")


def _in_time(message: Message, now: int) -> None:
    if message.due_at is not None and message.due_at <= now:
        raise _refused("ticket", "too_late", f"the time of message {message.id} has come, and it was not approved")


def _unknown(ticket: int) -> CallerRefused:
    return _refused("ticket", "unknown_ticket", f"this Channel has no ticket {ticket}")


def _refused(path: str, code: str, words: str) -> CallerRefused:
    return CallerRefused([Problem(path=path, code=code, message=words)])
