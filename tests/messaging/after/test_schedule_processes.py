"""Scheduled messages and real worker processes, which all see at the same moment that they are due."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from tests.processes import Installation, installed
from tests.shop import APP
from ums.database import connection, fetch
from ums.messaging.engine import Engine, running
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.reconcile import reconcile
from ums.sandbox import sandbox
from ums.settings import Settings
from ums.vocabulary import SandboxAddress, system_clock

NUMBER, WORKERS = 1000, 3


@pytest.fixture
async def installation(settings: Settings) -> AsyncIterator[Installation]:
    """Three workers are up, and idle."""
    with installed(settings) as made:
        await reconcile(made.settings, write=True)
        for n in range(WORKERS):
            made.start(f"worker {n}", "worker")
        await until(made, lambda: made.told().count("worker_started") == WORKERS)
        yield made


async def until(made: Installation, done: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, made.told()
        await asyncio.sleep(0.05)


async def schedule(engine: Engine, at: int) -> None:
    """Messages to an app each, all for that time."""
    channel = (await engine.snapshots.newest()).channel("shop")
    assert channel is not None
    requests = (
        SendRequest({"addresses": [{"type": "app", "addresses": [f"rid-{n}"]}]}, {"app": APP}, send_at=at)
        for n in range(NUMBER)
    )
    await asyncio.gather(*(send(engine, channel, request) for request in requests))


async def test_three_worker_processes_fire_1000_messages_that_are_due_at_the_same_time_once_each(
    installation: Installation,
) -> None:
    settings = installation.settings
    async with (
        sandbox(SandboxAddress.parse(settings.sandbox), settings.public_url) as providers,
        running(settings, system_clock) as engine,
    ):
        due = system_clock() + 5000
        await schedule(engine, due)
        assert system_clock() < due
        while system_clock() < due - 50:
            assert providers.record("jpush").addresses == []
            await asyncio.sleep(0.02)

        await until(installation, lambda: len(providers.record("jpush").addresses) >= NUMBER)
        await asyncio.sleep(1)  # for whoever would send them again

        reached = Counter(providers.record("jpush").addresses)
        workers = await fetch(connection(), "SELECT DISTINCT worker FROM attempt")
        states = await fetch(connection(), "SELECT state, count(*) AS number FROM message GROUP BY state")
    assert reached == Counter(f"rid-{n}" for n in range(NUMBER))
    assert states == [{"state": "done", "number": NUMBER}]
    assert len(workers) > 1
    assert len(installation.alive()) == WORKERS
