"""Making a plan true: everything in one transaction, or nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, is_sqlite, transaction
from ums.errors import PlanStale, UmsError
from ums.models import Resource, ResourceVersion, Revision, StoredSecret
from ums.reconcile.current import latest
from ums.reconcile.kinds import BY_NAME
from ums.reconcile.plan import Change, Plan, fingerprint
from ums.settings import Settings, make_secret, seal
from ums.vocabulary import Clock, system_clock


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
    if not plan.changes:
        return
    sealed = {reference: seal(settings, make_secret()) for reference in _generated(plan)}
    async with transaction() as connection:
        await _lock(connection)
        if await latest() != plan.base:
            raise PlanStale(await _moved(plan.base))
        await _write_resources(plan)
        await _write_secrets(plan, sealed)
        await Revision.create(
            number=plan.revision,
            created_at=clock(),
            author=note.author,
            commit=note.commit,
            message=note.message,
            summary=plan.summary,
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


async def _write_resources(plan: Plan) -> None:
    versions = []
    created = []
    for change in plan.changes:
        key: dict[str, Any] = {"kind": change.kind, "name": change.name}
        digest = fingerprint(change.after) if change.after is not None else ""
        now = {"body": change.after, "hash": digest, "revision": plan.revision}
        versions.append(ResourceVersion(**key, **now))
        if change.before is None:
            created.append(Resource(**key, **now))
        elif change.after is None:
            await Resource.filter(**key).delete()
        else:
            await Resource.filter(**key).update(**now)
    await Resource.bulk_create(created, batch_size=500)
    await ResourceVersion.bulk_create(versions, batch_size=500)


async def _write_secrets(plan: Plan, sealed: Mapping[tuple[str, str, str], str]) -> None:
    """A new one for each new reference, none for references that are gone; what stays keeps its secret."""
    for change in plan.changes:
        for path in _may_generate(change):
            key: dict[str, Any] = {"kind": change.kind, "name": change.name, "path": path}
            ciphertext = sealed.get((change.kind, change.name, path))
            if ciphertext is None:
                await StoredSecret.filter(**key).delete()
            elif not await StoredSecret.exists(**key):
                await StoredSecret.create(**key, ciphertext=ciphertext)


def _generated(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Kind, name and path of each `{generate: true}` among the changes."""
    for change in plan.changes:
        for path in _may_generate(change):
            if (change.after or {}).get(path) == {"generate": True}:
                yield change.kind, change.name, path


def _may_generate(change: Change) -> tuple[str, ...]:
    kind = BY_NAME.get(change.kind)
    return kind.generated if kind else ()
