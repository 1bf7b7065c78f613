"""The open database, known to be there and to have the tables of this version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.exceptions import DBConnectionError

from ums.database import connection, fetch, opened, sqlite_file
from ums.database.upgrade import is_current, upgrade
from ums.errors import UmsError
from ums.settings import Settings


class SchemaMissing(UmsError):
    """The operator must act: the database has not the tables of this version."""


class DatabaseUnreachable(UmsError):
    """The operator must act: the database is down, or database.url is wrong."""


@asynccontextmanager
async def ready(settings: Settings, *, write: bool = False) -> AsyncIterator[None]:
    """`opened`, checked; with `write` an embedded installation's schema is brought up to date first."""
    if write and sqlite_file(settings):
        await upgrade(settings)
    async with opened(settings):
        await _check_schema(settings)
        yield


def never_ran(settings: Settings) -> bool:
    """Whether this is an embedded installation without a database yet."""
    file = sqlite_file(settings)
    return file is not None and not file.exists()


async def _check_schema(settings: Settings) -> None:
    try:
        await fetch(connection(), "SELECT 1")
    except (DBConnectionError, OSError) as error:
        raise DatabaseUnreachable(f"the database cannot be reached: {error}; see database.url") from error
    if not await is_current(settings):
        raise SchemaMissing("the database has not the tables of this version of UMS; run: ums db upgrade")
