"""Making a plan true: everything in one transaction, or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.fields.data import JSON_DUMPS

from ums.database import execute, is_sqlite, rows, transaction
from ums.errors import PlanStale, UmsError
from ums.models import Making, Override, Resource, ResourceVersion, Revision, StoredSecret
from ums.reconcile.change import Change, fingerprint
from ums.reconcile.current import latest
from ums.reconcile.effects import intend
from ums.reconcile.holding import Applying, hold
from ums.reconcile.kinds import BY_NAME
from ums.reconcile.members import keep_members
from ums.reconcile.plan import Plan
from ums.settings import Settings, make_secret, seal
from ums.vocabulary import Clock, system_clock

_UPDATE = """
UPDATE resource SET name = given.name, body = given.body, hash = given.hash, revision = $2
FROM ROWS($1: kind text, old_name text, name text, body jsonb, hash text) AS given
WHERE resource.kind = given.kind AND resource.name = given.old_name"""


class TooMuchDeleted(UmsError):
    """The operator must act: look again, or force it."""


@dataclass(frozen=True)
class Note:
    """What a Revision says about itself."""

    author: str = ""
    commit: str = ""
    message: str = ""


async def apply(
    settings: Settings, plan: Plan, note: Note, *, force: bool = False, clock: Clock = system_clock
) -> None:
    """Write `plan` and its Revision; a plan without changes writes nothing.

    Raises PlanStale, saying what moved, when another revision came in between, and TooMuchDeleted unless forced.
    """
    if plan.excessive and not force:
        raise TooMuchDeleted(f"not applied: {'; '.join(plan.excessive)}; if that is meant, use --force")
    if plan.is_empty:
        return
    sealed = {reference: seal(settings, make_secret()) for reference in _generated(plan)}
    async with transaction() as connection:
        await _lock(connection)
        if await latest() != plan.base:
            raise PlanStale(await _moved(plan.base))
        await _write_resources(connection, plan)
        await keep_members(connection, plan.changes)
        await _write_secrets(plan, sealed)
        await _write_overrides(plan)
        for moved_one in (one for one in plan.changes if one.moved_from):
            await Making.filter(kind=moved_one.kind, name=moved_one.moved_from).update(name=moved_one.name)
        await intend(plan, clock())
        await hold(connection, plan.changes, Applying(plan.revision, note.author, note.message, clock()))
        moved = {f"{one.kind}/{one.name}": one.moved_from for one in plan.changes if one.moved_from}
        await Revision.create(
            number=plan.revision,
            created_at=clock(),
            author=note.author,
            commit=note.commit,
            message=note.message,
            summary={**plan.summary, **({"moved": moved} if moved else {})},
        )


async def _lock(connection: BaseDBAsyncClient) -> None:
    """One apply at a time, while everybody may go on reading. SQLite has one writer anyway."""
    if not is_sqlite(connection):
        await execute(connection, "LOCK TABLE revision IN SHARE ROW EXCLUSIVE MODE")


async def _moved(base: int) -> str:
    """What was applied after `base`, as a message."""
    before = {
        (row.kind, row.name): row.body for row in await ResourceVersion.filter(revision__lte=base).order_by("revision")
    }
    lines = [f"the plan was made on revision {base}, which is not the latest any more; plan again. Since then:"]
    for revision in await Revision.filter(number__gt=base).order_by("number"):
        said = ": ".join(filter(None, (revision.author, revision.message)))
        lines.append(f"revision {revision.number} ({said})" if said else f"revision {revision.number}")
        for row in await ResourceVersion.filter(revision=revision.number).order_by("id"):
            key = row.kind, row.name
            lines.append(f"  {Change(*key, before.get(key), row.body)}")
            before[key] = row.body
    return "\n".join(lines)


async def _write_resources(connection: BaseDBAsyncClient, plan: Plan) -> None:
    versions = [ResourceVersion(kind=one.kind, name=one.name, **_version(one, plan)) for one in plan.changes]
    renamed = [one for one in plan.changes if one.moved_from]
    versions += [ResourceVersion(kind=one.kind, name=one.moved_from, revision=plan.revision) for one in renamed]
    created = [one for one in plan.changes if one.before is None]
    await _update(connection, [one for one in plan.changes if one.before is not None and one.after is not None], plan)
    await _delete([one for one in plan.changes if one.after is None])
    await Resource.bulk_create(
        [Resource(kind=one.kind, name=one.name, **_row(one, plan)) for one in created], batch_size=500
    )
    await ResourceVersion.bulk_create(versions, batch_size=500)


def _row(change: Change, plan: Plan) -> dict[str, Any]:
    digest = fingerprint(change.after) if change.after is not None else ""
    return {"body": change.after, "hash": digest, "revision": plan.revision}


def _version(change: Change, plan: Plan) -> dict[str, Any]:
    """The row, and where it was declared; a rollback has that from no file."""
    place = plan.places.get(change.key) if change.after is not None else None
    return {**_row(change, plan), **({"file": place.file[:500], "lines": dict(place.lines)} if place else {})}


async def _update(connection: BaseDBAsyncClient, changes: Sequence[Change], plan: Plan) -> None:
    """Change, or rename, the rows that the plan saw."""
    for first in range(0, len(changes), 500):
        some = changes[first : first + 500]
        # As Tortoise writes it, so that what was not changed compares equal as text.
        given = (
            (one.kind, one.old_key[1], one.name, JSON_DUMPS(one.after), fingerprint(one.after or {})) for one in some
        )
        if await execute(connection, _UPDATE, rows(given), plan.revision) != len(some):
            raise PlanStale(await _vanished(some))


async def _delete(changes: Sequence[Change]) -> None:
    for change in changes:
        if not await Resource.filter(kind=change.kind, name=change.name).delete():
            raise PlanStale(await _vanished([change]))


async def _vanished(changes: Sequence[Change]) -> str:
    there = set(await Resource.all().values_list("kind", "name"))
    names = ["/".join(one.old_key) for one in changes if not there & {one.key, one.old_key}]
    return f"{', '.join(names)}: not there any more, although no apply deleted it; plan again"


async def _write_secrets(plan: Plan, sealed: Mapping[tuple[str, str, str], str]) -> None:
    """A new one for each new reference, none for references that are gone; what stays keeps its secret."""
    for change in plan.changes:
        if change.moved_from:
            await StoredSecret.filter(kind=change.kind, name=change.moved_from).update(name=change.name)
        for path in _may_generate(change):
            key: dict[str, Any] = {"kind": change.kind, "name": change.name, "path": path}
            ciphertext = sealed.get((change.kind, change.name, path))
            if ciphertext is None:
                await StoredSecret.filter(**key).delete()
            elif not await StoredSecret.exists(**key):
                await StoredSecret.create(**key, ciphertext=ciphertext)


async def _write_overrides(plan: Plan) -> None:
    """What is switched at runtime goes with its object, by whatever name."""
    for one in plan.ended:
        await Override.filter(kind=one.kind, name=one.name, path=one.path).delete()
    switched = {one.key for one in plan.overrides}
    for change in plan.changes:
        if change.moved_from and change.old_key in switched:
            await Override.filter(kind=change.kind, name=change.moved_from).update(name=change.name)


def _generated(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Kind, name and path of each `{generate: true}` among the changes."""
    for change in plan.changes:
        for path in _may_generate(change):
            if (change.after or {}).get(path) == {"generate": True}:
                yield change.kind, change.name, path


def _may_generate(change: Change) -> tuple[str, ...]:
    kind = BY_NAME.get(change.kind)
    return kind.generated if kind else ()
