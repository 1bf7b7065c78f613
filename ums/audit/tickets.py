"""Tickets as rows: filed, put on desks, moved from level to level, closed. Always inside the caller's transaction.

Whoever moves a ticket has locked it, or the message that it is about.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit.rules import Review
from ums.database import Rows, execute, fetch, is_sqlite, rows
from ums.models import AuditTicket


class TicketState(Enum):
    """How a ticket stands."""

    WAITING = "waiting"
    """Some level must still let it pass."""
    APPROVED = "approved"
    REJECTED = "rejected"
    """A send can be changed and submitted again; a template, declared otherwise."""
    EXPIRED = "expired"
    """The time of the send came first."""
    WITHDRAWN = "withdrawn"
    """What it was about was called off, changed, or needs no review any more."""


class TicketEvent(Enum):
    """What was done with a ticket."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RESUBMITTED = "resubmitted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class View(IntEnum):
    """The lists of a Member."""

    TO_REVIEW = 0
    """What waits for this Member."""
    REVIEWED = 1
    """What this Member has decided about."""
    MINE = 2
    """What this Member submitted, or answers for."""


@dataclass(frozen=True)
class Filed:
    """What a ticket is to be made for: a send, or a version of a declared template."""

    review: Review
    revision: int
    message_id: int | None = None
    kind: str = ""
    name: str = ""
    before: Any = None
    after: Any = None
    comment: str = ""
    """What is known of who wants it, beyond `review.submitter`."""


async def file(tx: BaseDBAsyncClient, filed: Sequence[Filed], now: int) -> list[int]:
    """The ids of the new tickets, each on the desks of its first level; of a message that had one before, its own.

    That one begins again at its first level.
    """
    if not filed:
        return []
    made = await fetch(tx, _FILE, rows(map(_row, filed)), now)
    by_key = {(row["message_id"], row["kind"], row["name"]): row for row in made}
    found = [by_key[one.message_id, one.kind, one.name] for one in filed]
    again = [row["id"] for row in found if row["version"] > 1]
    if again:
        await _clear(tx, again, (View.TO_REVIEW, View.MINE))
    desks = [desk for one, row in zip(filed, found, strict=True) for desk in _first_desks(one.review, row["id"])]
    await execute(tx, _PUT, rows(desks))
    events = [
        (row["id"], now, one.review.submitter, _filed_as(row).value, 1, one.comment)
        for one, row in zip(filed, found, strict=True)
    ]
    await execute(tx, _NOTE, rows(events))
    return [row["id"] for row in found]


class Verdict(NamedTuple):
    """Who decided about a ticket, and when."""

    login: str
    comment: str
    at: int


async def pass_on(tx: BaseDBAsyncClient, ticket: AuditTicket, verdict: Verdict) -> None:
    """A Member lets it pass: it lies on the desks of the next level, or is approved after the last."""
    await _decided(tx, ticket, TicketEvent.APPROVED, verdict)
    ticket.level += 1
    if ticket.level == len(ticket.levels):
        ticket.state, ticket.closed_at = TicketState.APPROVED.value, verdict.at
    else:
        await execute(tx, _PUT, rows(_desks(review_of(ticket), ticket.level, ticket.id)))
    await ticket.save(using_db=tx, update_fields=["level", "state", "closed_at", "version"])


async def turn_down(tx: BaseDBAsyncClient, ticket: AuditTicket, verdict: Verdict) -> None:
    """A Member rejects it."""
    await _decided(tx, ticket, TicketEvent.REJECTED, verdict)
    ticket.state, ticket.closed_at = TicketState.REJECTED.value, verdict.at
    await ticket.save(using_db=tx, update_fields=["state", "closed_at", "version"])


async def close(tx: BaseDBAsyncClient, where: Rows, how: TicketEvent, now: int, login: str = "") -> None:
    """Open and rejected tickets, as `of_messages` gives them, end without a decision."""
    ids = [row["id"] for row in where]
    if not ids:
        return
    await execute(tx, _CLOSE, rows([n] for n in ids), how.value, now)
    await _clear(tx, ids, (View.TO_REVIEW,))
    await execute(tx, _NOTE, rows((row["id"], now, login, how.value, row["level"] + 1, "") for row in where))


async def withdraw(tx: BaseDBAsyncClient, message_id: int, now: int, login: str = "") -> None:
    """Nobody need decide about that message any more; nothing happens where nobody had to."""
    await close(tx, await of_messages(tx, [message_id]), TicketEvent.WITHDRAWN, now, login)


async def of_messages(tx: BaseDBAsyncClient, message_ids: Iterable[int]) -> Rows:
    """Undecided and rejected tickets of these messages: id, message_id, level and levels (how many)."""
    length = "json_array_length" if is_sqlite(tx) else "jsonb_array_length"
    return await fetch(tx, _OF_MESSAGES.format(length=length), rows([n] for n in message_ids))


async def withdraw_version(tx: BaseDBAsyncClient, ticket_id: int, now: int) -> None:
    """Nobody need decide about that version of a template any more; a ticket that was decided stays as it is."""
    await close(tx, await fetch(tx, _WAITING, ticket_id), TicketEvent.WITHDRAWN, now)


async def forget(tx: BaseDBAsyncClient, message_id: int) -> None:
    """The ticket of a message that its Channel deleted is in no list any more."""
    found = await AuditTicket.get_or_none(message_id=message_id, using_db=tx)
    if found:
        await _clear(tx, [found.id], tuple(View))


def review_of(ticket: AuditTicket) -> Review:
    """What a ticket demands, as it was when it was made."""
    return Review(ticket.channel, ticket.rules, ticket.levels, ticket.submitter, ticket.owner)


async def _decided(tx: BaseDBAsyncClient, ticket: AuditTicket, what: TicketEvent, verdict: Verdict) -> None:
    await _clear(tx, [ticket.id], (View.TO_REVIEW,))
    await execute(tx, _PUT, rows([(verdict.login, int(View.REVIEWED), ticket.id)]))
    event = (ticket.id, verdict.at, verdict.login, what.value, ticket.level + 1, verdict.comment)
    await execute(tx, _NOTE, rows([event]))
    ticket.version += 1


async def _clear(tx: BaseDBAsyncClient, ids: Collection[int], views: Iterable[View]) -> None:
    await execute(tx, _TAKE, rows((n, int(view)) for n in ids for view in views))


def _row(one: Filed) -> tuple[Any, ...]:
    """As _FILE takes it."""
    review = one.review
    return (
        review.channel, one.message_id, one.kind, one.name, one.revision, review.rules, review.levels,
        review.submitter, review.owner, one.before, one.after,
    )  # fmt: skip


def _filed_as(row: dict[str, Any]) -> TicketEvent:
    return TicketEvent.SUBMITTED if row["version"] == 1 else TicketEvent.RESUBMITTED


def _first_desks(review: Review, ticket_id: int) -> list[tuple[str, int, int]]:
    return [*_desks(review, 0, ticket_id), *((login, int(View.MINE), ticket_id) for login in sorted(review.own))]


def _desks(review: Review, level: int, ticket_id: int) -> list[tuple[str, int, int]]:
    """Those of a level, but not of whose own it is."""
    return [(login, int(View.TO_REVIEW), ticket_id) for login in review.levels[level] if login not in review.own]


_FILE = """
INSERT INTO audit_ticket (channel, message_id, kind, name, revision, rules, levels, submitter, owner, before, after,
    level, state, version, created_at)
SELECT channel, message_id, kind, name, revision, rules, levels, submitter, owner, before, after, 0, 'waiting', 1,
    CAST($2 AS bigint)
FROM ROWS($1: channel text, message_id int, kind text, name text, revision int, rules jsonb, levels jsonb, \
submitter text, owner text, before jsonb, after jsonb) AS given WHERE true
ON CONFLICT (message_id) DO UPDATE SET revision = excluded.revision, rules = excluded.rules, levels = excluded.levels,
    submitter = excluded.submitter, owner = excluded.owner, level = 0, state = 'waiting', closed_at = NULL,
    version = audit_ticket.version + 1
RETURNING id, message_id, kind, name, version"""

_PUT = """
INSERT INTO audit_desk (login, view, ticket_id)
SELECT login, view, ticket_id FROM ROWS($1: login text, view int, ticket_id int) AS given WHERE true
ON CONFLICT (login, view, ticket_id) DO NOTHING"""

_TAKE = """
DELETE FROM audit_desk WHERE id IN (
    SELECT d.id FROM ROWS($1: ticket_id int, view int) AS listed
    JOIN audit_desk d ON d.ticket_id = listed.ticket_id AND d.view = listed.view)"""

_NOTE = """
INSERT INTO audit_event (ticket_id, at, login, what, level, comment)
SELECT ticket_id, at, login, what, level, comment
FROM ROWS($1: ticket_id int, at bigint, login text, what text, level int, comment text) AS given"""

_CLOSE = """
UPDATE audit_ticket SET state = $2, closed_at = CAST($3 AS bigint), version = version + 1
WHERE id IN (SELECT id FROM ROWS($1: id int) AS listed)"""

_OF_MESSAGES = """
SELECT t.id, t.message_id, t.level, {length}(t.levels) AS levels FROM ROWS($1: id int) AS listed
JOIN audit_ticket t ON t.message_id = listed.id WHERE t.state IN ('waiting', 'rejected')"""

_WAITING = "SELECT id, level FROM audit_ticket WHERE id = $1 AND state = 'waiting'"
