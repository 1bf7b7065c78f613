"""New versions of what AuditRules have reviewed: held, with a ticket, in the transaction that applies them.

What was approved before stays in use meanwhile; what is declared, and so what a plan compares with, is the new version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit import tickets
from ums.audit.rules import Review, levels_of
from ums.database import fetch, rows
from ums.members.roster import member, member_by_email
from ums.models import AuditTicket, Effect, HeldVersion, Resource
from ums.reconcile.change import Change
from ums.reconcile.kinds import BY_NAME, Body, Key
from ums.reconcile.reviews import demanding, same
from ums.snapshot import Snapshot


@dataclass(frozen=True)
class Applying:
    """The revision that is being written."""

    revision: int
    author: str
    message: str
    now: int

    def submitter(self, bodies: Mapping[Key, Body]) -> str:
        """The Member who is its author, by login or e-mail address; empty when that is nobody who is declared."""
        members = Snapshot(bodies={"Member": {name: body for (kind, name), body in bodies.items() if kind == "Member"}})
        found = member(members, self.author) or member_by_email(members, parseaddr(self.author)[1])
        return found.login if found else ""

    def told(self) -> str:
        """For the ticket's history."""
        return f"revision {self.revision} by {': '.join(filter(None, (self.author or 'nobody known', self.message)))}"


async def hold(tx: BaseDBAsyncClient, changes: Iterable[Change], applying: Applying) -> None:
    """Hold the versions among `changes` that must be reviewed; let go what need not be any more."""
    concerned = [one for one in changes if one.kind in BY_NAME and BY_NAME[one.kind].audited]
    if not concerned:
        return
    await fetch(tx, _LOCK)
    held = {(row.kind, row.name): row for row in await HeldVersion.all().using_db(tx)}
    bodies = {(row.kind, row.name): row.body for row in await Resource.filter(kind__in=_WANTED).using_db(tx)}
    if not held and not any(kind == "AuditRule" for kind, _ in bodies):
        return
    written = await _written(tx, concerned, applying.revision)
    for change in concerned:
        was = held.get(change.old_key)
        if was and change.moved_from:
            await _rename(tx, was, change.name)
        await _judge(tx, change, was, _Known(bodies, written.get(change.old_key), applying))


_WANTED = ("AuditRule", "DeliveryChannel", "Member")


@dataclass(frozen=True)
class _Known:
    bodies: Mapping[Key, Body]
    written: Body | None
    """The last declared version before this one."""
    applying: Applying


async def _judge(tx: BaseDBAsyncClient, change: Change, was: HeldVersion | None, known: _Known) -> None:
    in_use = was.in_use if was else known.written
    if change.after is None or same(in_use, change.after):
        return await _let_go(tx, was, known.applying.now)
    waiting = await AuditTicket.get(id=was.ticket_id, using_db=tx) if was else None
    if waiting and same(waiting.after, change.after):
        return None
    rules = demanding(change.key, change.after, known.bodies)
    await _let_go(tx, was, known.applying.now)
    if rules:
        await _hold(tx, change, _review(change, rules, known), in_use, known.applying)
    return None


def _review(change: Change, rules: Sequence[Body], known: _Known) -> Review:
    channel = change.name.partition("/")[0]
    names = [str(rule["name"]) for rule in rules]
    return Review(channel, names, levels_of(rules), known.applying.submitter(known.bodies))


async def _hold(tx: BaseDBAsyncClient, change: Change, review: Review, in_use: Body | None, applying: Applying) -> None:
    kind, name = change.key
    filed = tickets.Filed(
        review, applying.revision, kind=kind, name=name, before=in_use, after=change.after, comment=applying.told()
    )
    ticket = (await tickets.file(tx, [filed], applying.now))[0]
    await HeldVersion.create(kind=kind, name=name, ticket_id=ticket, in_use=in_use, using_db=tx)
    # What it causes at a provider waits as well.
    effects = Effect.filter(kind=kind, name=name, revision=applying.revision)
    await effects.using_db(tx).update(next_at=None)


async def _let_go(tx: BaseDBAsyncClient, was: HeldVersion | None, now: int) -> None:
    """Nobody need decide about the version that was held until now."""
    if was is None:
        return
    await HeldVersion.filter(id=was.id).using_db(tx).delete()
    await tickets.withdraw_version(tx, was.ticket_id, now)


async def _rename(tx: BaseDBAsyncClient, was: HeldVersion, name: str) -> None:
    await HeldVersion.filter(id=was.id).using_db(tx).update(name=name)
    ticket = AuditTicket.filter(id=was.ticket_id)
    await ticket.using_db(tx).update(name=name, channel=name.partition("/")[0])


async def _written(tx: BaseDBAsyncClient, changes: Sequence[Change], revision: int) -> dict[Key, Body]:
    """What the revisions before this one declared last, by the key of then."""
    found = await fetch(tx, _BEFORE, rows(change.old_key for change in changes), revision)
    read = {(row["kind"], row["name"]): _body(row["body"]) for row in found}
    return {key: body for key, body in read.items() if body is not None}


def _body(value: Any) -> Body | None:
    found: Body | None = orjson.loads(value) if isinstance(value, str | bytes) else value
    return found


# Whoever is deciding about one of them at this moment is waited for, or comes after the apply and is refused.
_LOCK = "SELECT id FROM audit_ticket WHERE id IN (SELECT ticket_id FROM held_version) ORDER BY id FOR UPDATE"

_BEFORE = """
SELECT v.kind, v.name, v.body FROM ROWS($1: kind text, name text) AS given
JOIN resource_version v ON v.kind = given.kind AND v.name = given.name AND v.revision = (
    SELECT max(w.revision) FROM resource_version w
    WHERE w.kind = given.kind AND w.name = given.name AND w.revision < $2)"""
