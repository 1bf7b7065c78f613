"""Story 1, config as code: load, validate, current, plan, apply."""

from pathlib import Path

from tortoise.exceptions import DBConnectionError

from ums.database import connection, fetch, opened, sqlite_file
from ums.database.upgrade import is_current, upgrade
from ums.errors import ConfigInvalid, UmsError
from ums.reconcile.apply import Note, apply
from ums.reconcile.current import current, generated_secret
from ums.reconcile.kinds import Body, Key
from ums.reconcile.load import bodies, load
from ums.reconcile.plan import Live, Plan, plan
from ums.reconcile.validate import validate
from ums.settings import Settings

__all__ = ["Note", "Plan", "SchemaMissing", "checked", "reconcile", "secret"]


class SchemaMissing(UmsError):
    """The operator must act: the database has not the tables of this version."""


class DatabaseUnreachable(UmsError):
    """The operator must act: the database is down, or database.url is wrong."""


def checked(folder: Path) -> dict[Key, Body]:
    """The canonical bodies of everything that is declared below `folder`; raises ConfigInvalid with all problems."""
    declared, problems = load(folder)
    problems += validate(declared)
    if problems:
        raise ConfigInvalid(problems)
    return bodies(declared)


async def reconcile(
    settings: Settings, *, write: bool, prune: bool = False, force: bool = False, note: Note | None = None
) -> Plan:
    """What makes the database say what the files say; with `write` it is done, and the plan's revision is live."""
    desired = checked(settings.config)
    file = sqlite_file(settings)
    if file and write:
        await upgrade(settings)
    elif file and not file.exists():
        return plan(desired, Live())
    async with opened(settings):
        await _check_schema(settings)
        changes = plan(desired, await current(), prune=prune)
        if write:
            await apply(settings, changes, note or Note(), force=force)
    return changes


async def secret(settings: Settings, kind: str, name: str, path: str) -> str:
    """A secret that UMS made for `kind`/`name`, for the operator."""
    async with opened(settings):
        await _check_schema(settings)
        return await generated_secret(settings, kind, name, path)


async def _check_schema(settings: Settings) -> None:
    try:
        await fetch(connection(), "SELECT 1")
    except (DBConnectionError, OSError) as error:
        raise DatabaseUnreachable(f"the database cannot be reached: {error}; see database.url") from error
    if not await is_current(settings):
        raise SchemaMissing("the database has not the tables of this version of UMS; run: ums db upgrade")
