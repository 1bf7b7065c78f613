"""Opening the database, transactions, and SQL that reads the same on SQLite and PostgreSQL."""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connections
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

from ums.errors import Problem, SettingsInvalid
from ums.settings import Settings

Rows = list[dict[str, Any]]

COLLISIONS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Two transactions stood in each other's way, and this one was rolled back; a second try is all it takes."""

_AWAY = (
    OSError, DBConnectionError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.TooManyConnectionsError, asyncpg.InterfaceError,
    asyncpg.DiskFullError,
)  # fmt: skip

# https://www.sqlite.org/rescode.html: locked for too long, no room, trouble with the disk.
_SQLITE_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


def is_away(error: BaseException | None) -> bool:
    """Whether the database, and not what it was asked, is the trouble: what was not committed may be tried again."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    return isinstance(error, _AWAY) or (error is not None and is_away(error.__cause__))


@asynccontextmanager
async def opened(settings: Settings, *, shared: bool = False) -> AsyncIterator[None]:
    """The database, for this task and those it starts.

    One context belongs to one event loop. With `shared` every task of the process finds it, which a web server
    needs, as its requests do not descend from the task that opened it; only one context of a process may be shared.
    """
    async with TortoiseContext() as context:
        await context.init(config=configuration(settings), _enable_global_fallback=shared)
        yield


MIGRATIONS = "ums.database.migrations"


def configuration(settings: Settings, migrations: str = MIGRATIONS) -> dict[str, Any]:
    """Tortoise's configuration for `settings.database_url`.

    The connection is named after its kind: Tortoise caches SQL by that name, and SQLite's is not PostgreSQL's.
    """
    url = urlsplit(settings.database_url)
    if url.scheme == "sqlite":
        name, connection = "sqlite", _sqlite(settings)
    elif url.scheme in {"postgres", "postgresql"}:
        name, connection = "postgres", _postgres(settings.database_url)
    else:
        message = f"found {url.scheme or 'no'} scheme, expected sqlite:// or postgres://; change database.url"
        raise SettingsInvalid([Problem(path="$.database.url", message=message)])
    app = {"models": ["ums.models"], "default_connection": name, "migrations": migrations}
    return {"connections": {name: connection}, "apps": {"ums": app}, "use_tz": True, "timezone": "UTC"}


def sqlite_file(settings: Settings) -> Path | None:
    """The database's file; None when it is in memory or not SQLite."""
    scheme, _, where = settings.database_url.partition("://")
    return None if scheme != "sqlite" or where == ":memory:" else settings.path(where)


def _sqlite(settings: Settings) -> dict[str, Any]:
    file = sqlite_file(settings)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    # FULL: an accepted message survives a power cut, not only a killed process.
    pragmas = {"busy_timeout": 10_000, "synchronous": "FULL", "journal_size_limit": 67_108_864}
    return {
        "engine": "ums.database.sqlite_engine",
        "credentials": {"file_path": str(file or ":memory:"), **pragmas},
    }


def _postgres(database_url: str) -> dict[str, Any]:
    url = urlsplit(database_url)
    credentials: dict[str, Any] = {
        "host": url.hostname or "localhost",
        "port": url.port or 5432,
        "user": url.username or "postgres",
        "password": url.password,
        "database": url.path.lstrip("/"),
        "minsize": 1,
        "maxsize": 8,
        "application_name": "ums",
    }
    return {"engine": "ums.database.asyncpg_engine", "credentials": credentials}


def transaction() -> AbstractAsyncContextManager[BaseDBAsyncClient]:
    """One transaction. No I/O but SQL belongs inside: on SQLite everybody else waits."""
    return in_transaction()


def connection() -> BaseDBAsyncClient:
    """The connection for statements that need no transaction of their own (inside one: that one)."""
    connections = get_connections()
    return connections.get(next(iter(connections.db_config)))


def is_sqlite(on: BaseDBAsyncClient) -> bool:
    return on.capabilities.dialect == "sqlite"


def is_crowded(on: BaseDBAsyncClient) -> bool:
    """Whether others wait while this process writes, so that its transactions had better be short."""
    client: Any = getattr(on, "_parent", on)
    return is_sqlite(on) and bool(client.turnstile.crowded)


async def fetch(on: BaseDBAsyncClient, statement: str, *values: Any) -> Rows:
    """Rows of any statement, one with RETURNING too. Parameters are written $1, $2... on both databases."""
    return await on.execute_query_dict(dialect(statement, sqlite=is_sqlite(on)), list(values))


async def fetch_tuples(on: BaseDBAsyncClient, statement: str, *values: Any) -> Sequence[Any]:
    """The rows of a statement that begins with `SELECT TUPLES(...)`, by position, in no order: for thousands of them.

    SQLite hands its rows over one by one, each with a change of thread; as one JSON array they come at once.
    """
    found = (await on.execute_query(dialect(statement, sqlite=is_sqlite(on)), list(values)))[1]
    return orjson.loads(found[0][0]) if is_sqlite(on) else found


async def execute(on: BaseDBAsyncClient, statement: str, *values: Any) -> int:
    """How many rows were changed."""
    return (await on.execute_query(dialect(statement, sqlite=is_sqlite(on)), list(values)))[0]


async def execute_many(on: BaseDBAsyncClient, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    await on.execute_many(dialect(statement, sqlite=is_sqlite(on)), [list(row) for row in rows])


async def load(on: BaseDBAsyncClient, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
    """Many new rows, none of which may be there: by COPY on PostgreSQL. `on` is a transaction."""
    if is_sqlite(on):
        names, places = ", ".join(columns), ", ".join("?" for _ in columns)
        async with on.acquire_connection() as held:
            await held.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", records)
    else:
        async with on.acquire_connection() as held:
            await held.copy_records_to_table(table, columns=columns, records=records)


def rows(values: Iterable[Sequence[Any]]) -> str:
    """The parameter behind `ROWS($n: ...)`: many rows in one statement."""
    return orjson.dumps(list(values), default=tuple).decode()  # it does not take named tuples for tuples


_ROWS = re.compile(r"ROWS\(\$(\d+): ([^)]*)\)")
_TUPLES = re.compile(r"TUPLES\(([^)]*)\)")
_FOR_UPDATE = re.compile(r"\b(ORDER BY [\w.]+ )?FOR UPDATE( OF \w+)?( SKIP LOCKED)?")


@lru_cache(maxsize=512)
def dialect(statement: str, *, sqlite: bool) -> str:
    """Our SQL in the words of one database.

    It is standard SQL with four extras: `$1` parameters, `[ORDER BY id] FOR UPDATE [OF t] [SKIP LOCKED]` (SQLite has
    one writer and needs neither the lock nor its order), `ROWS($1: id bigint, address text)`, a table of the JSON
    array of arrays given as that parameter, and `SELECT TUPLES(id, address)` for `fetch_tuples`.
    """
    statement = _ROWS.sub(_rows_sqlite if sqlite else _rows_postgres, statement)
    statement = _TUPLES.sub(r"json_group_array(json_array(\1))" if sqlite else r"\1", statement)
    if not sqlite:
        return statement
    return re.sub(r"\$(\d+)", r"?\1", _FOR_UPDATE.sub("", statement))


def _rows_sqlite(match: re.Match[str]) -> str:
    names = [column.split()[0] for column in match[2].split(", ")]
    columns = ", ".join(f"value ->> {n} AS {name}" for n, name in enumerate(names))
    # Without a limit SQLite would fold this into the query around it, and parse the JSON anew for every row of that.
    return f"(SELECT {columns} FROM json_each(${match[1]}) LIMIT -1)"


def _rows_postgres(match: re.Match[str]) -> str:
    columns = [column.split() for column in match[2].split(", ")]
    cast = ", ".join(f"(value ->> {n})::{kind} AS {name}" for n, (name, kind) in enumerate(columns))
    return f"(SELECT {cast} FROM json_array_elements(${match[1]}::json) AS given(value))"
