"""What was applied: every revision, what one of them changed, and what everything was as of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ums.database import connection, fetch
from ums.errors import UmsError
from ums.models import Effect, ResourceVersion, Revision
from ums.reconcile.change import Change
from ums.reconcile.kinds import Body, Key
from ums.schemas import did_you_mean

_AS_OF = """
SELECT v.kind, v.name, v.body FROM resource_version v
WHERE v.revision = (
    SELECT max(w.revision) FROM resource_version w WHERE w.kind = v.kind AND w.name = v.name AND w.revision <= $1)"""


class RevisionUnknown(UmsError):
    """The caller must act: there is no such revision."""


@dataclass(frozen=True)
class Step:
    """One revision, as the history tells it."""

    number: int
    at: int
    author: str
    commit: str
    message: str
    summary: Mapping[str, Any]
    effects: Mapping[str, int]
    """How many effects of it are pending, done or failed."""


@dataclass(frozen=True)
class EffectSeen:
    kind: str
    name: str
    what: str
    status: str
    attempts: int
    last_error: str


@dataclass(frozen=True)
class Shown:
    """What one revision changed, and what that caused."""

    step: Step
    changes: tuple[Change, ...]
    effects: tuple[EffectSeen, ...] = ()


async def history(limit: int = 50) -> list[Step]:
    """The latest revisions of the open database, the newest first."""
    revisions = await Revision.all().order_by("-number").limit(limit)
    effects = await _effects([one.number for one in revisions])
    return [_step(one, effects.get(one.number, [])) for one in revisions]


async def shown(number: int) -> Shown:
    """What revision `number` changed; raises RevisionUnknown."""
    revision = await _revision(number)
    effects = (await _effects([number])).get(number, [])
    before = await bodies_at(number - 1)
    moved: Mapping[str, str] = revision.summary.get("moved", {})
    gone = {(name.partition("/")[0], old) for name, old in moved.items()}
    changes = []
    for row in await ResourceVersion.filter(revision=number).order_by("id"):
        old = moved.get(f"{row.kind}/{row.name}", "")
        if (row.kind, row.name) not in gone:
            changes.append(Change(row.kind, row.name, before.get((row.kind, old or row.name)), row.body, old))
    return Shown(_step(revision, effects), tuple(changes), tuple(map(_seen, effects)))


async def bodies_as_of(number: int) -> dict[Key, Body]:
    """Everything that was live as of revision `number`; raises RevisionUnknown."""
    await _revision(number)
    return await bodies_at(number)


async def bodies_at(number: int) -> dict[Key, Body]:
    rows = await fetch(connection(), _AS_OF, number)
    found = {(row["kind"], row["name"]): row["body"] for row in rows if row["body"] is not None}
    # SQLite gives the text, PostgreSQL may give what it stands for; `null` is a deleted one either way.
    parsed = {key: orjson.loads(body) if isinstance(body, str | bytes) else body for key, body in found.items()}
    return {key: body for key, body in parsed.items() if body is not None}


async def _revision(number: int) -> Revision:
    revision = await Revision.get_or_none(number=number)
    if revision is None:
        known = [
            str(one) for one in await Revision.all().order_by("-number").limit(20).values_list("number", flat=True)
        ]
        raise RevisionUnknown(f"there is no revision {number}{did_you_mean(str(number), known)}")
    return revision


async def _effects(revisions: list[int]) -> dict[int, list[Effect]]:
    found: dict[int, list[Effect]] = {}
    for effect in await Effect.filter(revision__in=revisions).order_by("id"):
        found.setdefault(effect.revision, []).append(effect)
    return found


def _step(one: Revision, effects: list[Effect]) -> Step:
    statuses = [effect.status for effect in effects]
    counted = {status: statuses.count(status) for status in sorted(set(statuses))}
    return Step(one.number, one.created_at, one.author, one.commit, one.message, one.summary, counted)


def _seen(one: Effect) -> EffectSeen:
    return EffectSeen(one.kind, one.name, one.what, one.status, one.attempts, one.last_error)
