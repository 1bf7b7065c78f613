"""Real databases for every test that asks: an SQLite file, and a database of its own on a real PostgreSQL server.

`UMS_TEST_POSTGRES` and `UMS_TEST_REDIS` say where the servers are. Without them those tests are skipped, visibly;
with `UMS_TEST_SERVERS=required` (as in CI) a missing server is a failure.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import redis
import structlog

from ums import sandbox
from ums.database import opened
from ums.database.upgrade import upgrade
from ums.settings import Settings

pytest_plugins = ["tests.shop", "tests.developers"]

# The stock one shows every local variable, at a length that takes seconds to lay out.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])

# Two test processes that look for free ports at the same moment must not find the same ones.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
sandbox.PORTS = range(10_000 + _WORKER % 4 * 5_500, 15_400 + _WORKER % 4 * 5_500)

POSTGRES = os.environ.get("UMS_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("UMS_TEST_REDIS", "redis://127.0.0.1:6379")


def unavailable(what: str, error: Exception) -> None:
    """Skip, or fail where the servers are required."""
    message = f"no {what}: {error}"
    if os.environ.get("UMS_TEST_SERVERS") == "required":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the schema and nothing in it, to be copied."""
    root = tmp_path_factory.mktemp("empty")
    asyncio.run(upgrade(Settings(root=root, config=root, database_url="sqlite://ums.db")))
    return root / "ums.db"


async def _sql(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _database(name: str) -> str:
    return POSTGRES.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="session")
def empty_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a PostgreSQL database with the schema and nothing in it, to be used as a template."""
    name = f"ums_empty_{uuid4().hex[:12]}"
    try:
        asyncio.run(_sql(f"CREATE DATABASE {name}"))
    except OSError as error:
        unavailable("PostgreSQL", error)
    root = tmp_path_factory.mktemp("postgres")
    asyncio.run(upgrade(Settings(root=root, config=root, database_url=_database(name))))
    yield name
    asyncio.run(_sql(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_settings(empty_sqlite: Path, tmp_path: Path) -> Settings:
    """An installation on its own SQLite file, in the test's folder."""
    shutil.copy(empty_sqlite, tmp_path / "ums.db")
    return Settings(
        root=tmp_path,
        config=tmp_path / "config",
        database_url="sqlite://ums.db",
        queue_url="sqlite://queue.db",
    )


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis database of this test run's own kind, emptied before and after."""
    url = f"{REDIS}/{9 + _WORKER % 6}"
    with redis.Redis.from_url(url) as client:
        try:
            client.flushdb()
        except redis.ConnectionError as error:
            unavailable("Redis", error)
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def postgres_databases(empty_postgres: str) -> Iterator["Databases"]:
    databases = Databases(empty_postgres)
    yield databases
    asyncio.run(databases.drop())


@pytest.fixture
def postgres_settings(postgres_databases: "Databases", tmp_path: Path, redis_url: str) -> Iterator[Settings]:
    """An installation on a PostgreSQL database that nobody else uses now, and on Redis."""
    name = asyncio.run(postgres_databases.take())
    yield Settings(root=tmp_path, config=tmp_path / "config", database_url=_database(name), queue_url=redis_url)
    asyncio.run(postgres_databases.give_back())


class Databases:
    """One empty database after the other. To empty one takes milliseconds, to make one half a second."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._name = ""
        self._uses = 0
        self._shape: object = None

    async def take(self) -> str:
        if not self._name:
            self._name, self._uses = f"ums_test_{uuid4().hex[:12]}", 0
            await _sql(f"CREATE DATABASE {self._name} TEMPLATE {self._template}")
            await _sql(f"ALTER DATABASE {self._name} SET synchronous_commit = off")  # no test pulls the plug
        self._uses += 1
        return self._name

    async def give_back(self) -> None:
        """Emptied; thrown away when the test changed the schema, or when its dead rows are in the way of the next."""
        self._shape = self._shape or await _asked(self._template, SHAPE)
        connection = await asyncpg.connect(_database(self._name))
        try:
            await connection.execute(ALONE)
            fit = self._uses < MOST_USES and await connection.fetchval(SMALL)
            if fit := fit and await connection.fetchval(SHAPE) == self._shape:
                await connection.execute(EMPTY)
        finally:
            await connection.close()
        if not fit:
            await self.drop()

    async def drop(self) -> None:
        if self._name:
            await _sql(f"DROP DATABASE {self._name} WITH (FORCE)")
            self._name = ""


MOST_USES = 100

SMALL = "SELECT pg_database_size(current_database()) < 100000000"

ALONE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""

SHAPE = """
SELECT (SELECT count(*) FROM tortoise_migrations) || md5(string_agg(
    format('%s.%s %s %s', c.relname, a.attname, a.atttypid, a.atttypmod), ',' ORDER BY c.relname, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'public'::regnamespace"""

# What no test has touched is left alone, and a sequence is set back, not made anew: that would be a file for each.
EMPTY = """
DO $$ DECLARE found record; used boolean; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR found IN SELECT tablename AS name FROM pg_tables
                 WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', found.name) INTO used;
        IF used THEN EXECUTE format('DELETE FROM %I', found.name); END IF;
    END LOOP;
    FOR found IN SELECT sequencename AS name FROM pg_sequences
                 WHERE schemaname = 'public' AND sequencename NOT LIKE 'tortoise_migrations%'
                 AND last_value IS NOT NULL LOOP
        PERFORM setval(format('%I', found.name)::regclass, 1, false);
    END LOOP;
END $$"""


async def _asked(name: str, statement: str) -> object:
    connection = await asyncpg.connect(_database(name))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """An installation with an empty database, once on SQLite and once on PostgreSQL with Redis."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Settings]:
    """`settings`, with its database open for this test."""
    async with opened(settings):
        yield settings


@pytest.fixture
async def sqlite_database(sqlite_settings: Settings) -> AsyncIterator[Settings]:
    """An installation on SQLite alone, open: for what the database has no part in."""
    async with opened(sqlite_settings):
        yield sqlite_settings
