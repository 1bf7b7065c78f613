"""An installation whose processes, servers and disk may fail, and a client that sends to it all the while."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.servers import PostgresServer, RedisServer, postgres_server, redis_server
from tests.processes import Installation, installed
from ums.database.upgrade import upgrade
from ums.settings import Settings

SLOW = {"latency": 0.3}
"""Providers that take their time, so that something is always under way when a process dies."""


@asynccontextmanager
async def started(settings: Settings, log: Path | None = None) -> AsyncIterator[Load]:
    """Sandbox, API and worker run, people are known, providers are slow, an app is given up after 2 s."""
    with installed(settings, lambda text: text.replace("within: 5m", "within: 2s")) as made:
        made.log = log or made.log
        start_sandbox(made)
        made.start("api", "api")
        made.start("worker", "worker")
        await asyncio.to_thread(made.run, "apply")
        await made.ready()
        await play_slowly(made)
        load = Load(made)
        await load.uploads()
        yield load


def start_sandbox(installation: Installation) -> None:
    settings = installation.settings
    installation.start("sandbox", "sandbox", "--address", settings.sandbox, "--receipts-to", settings.public_url)


async def play_slowly(installation: Installation) -> None:
    """The app's receipts come for every other person, those of text messages for all."""
    receipts = [{"match": "[02468]$", "delivered": 1, "after": 0.5}]
    await installation.plays("jpush", **SLOW, receipts=receipts)
    await installation.plays("jsms", **SLOW, receipts=[{"delivered": 1, "after": 0.5}])


@pytest.fixture
async def load(settings: Settings) -> AsyncIterator[Load]:
    """On SQLite, and on PostgreSQL with Redis."""
    async with started(settings) as running:
        yield running


@pytest.fixture
async def sqlite_load(sqlite_settings: Settings) -> AsyncIterator[Load]:
    async with started(sqlite_settings) as running:
        yield running


@pytest.fixture
async def postgres_load(postgres_settings: Settings) -> AsyncIterator[Load]:
    async with started(postgres_settings) as running:
        yield running


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def redis_load(postgres_settings: Settings, own_redis: RedisServer) -> AsyncIterator[Load]:
    """With a Redis server of its own."""
    async with started(replace(postgres_settings, queue_url=own_redis.url)) as running:
        yield running


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
async def restarting_load(own_postgres: PostgresServer, redis_url: str, tmp_path: Path) -> AsyncIterator[Load]:
    """With a PostgreSQL server of its own."""
    settings = Settings(tmp_path, tmp_path / "config", database_url=own_postgres.url, queue_url=redis_url)
    await upgrade(settings)
    async with started(settings) as running:
        yield running
