"""Processes that are stopped in order, or frozen: no lease is left behind, and a late outcome does no harm."""

import asyncio
import signal
import subprocess
import time

from tests.faults.accounts import accounted, lost_leases
from tests.faults.load import Load
from ums.database import connection, fetch, opened
from ums.vocabulary import system_clock

IN_ORDER = (0, -signal.SIGTERM)
"""Exit codes. The API's server ends by the signal that it was sent, once it has answered what it had accepted."""


async def test_a_stopped_worker_finishes_what_is_in_flight_and_leaves_no_lease(sqlite_load: Load) -> None:
    load = sqlite_load
    await load.streams(1, 12, pause=0)

    started = time.monotonic()
    code = await load.installation.stops("worker")

    assert code == 0
    assert time.monotonic() - started < 5
    assert await lost_leases(load, system_clock()) == []
    load.installation.start("worker", "worker")
    await load.settled(30)
    assert await accounted(load) == 0


async def test_a_rolling_restart_under_load_loses_nothing_and_repeats_nothing(postgres_load: Load) -> None:
    installation = postgres_load.installation
    installation.start("second", "worker")
    streaming = asyncio.create_task(postgres_load.streams(1, 30))
    await asyncio.sleep(1)
    for name, command in {"worker": "worker", "second": "worker", "api": "api"}.items():
        assert await installation.stops(name) in IN_ORDER
        installation.start(name, command)
        await asyncio.sleep(0.5)
    await streaming
    await postgres_load.settled(30)

    assert await accounted(postgres_load) == 0


async def test_what_a_worker_learns_after_it_was_frozen_beyond_its_lease_changes_nothing(postgres_load: Load) -> None:
    load, frozen = postgres_load, await frozen_worker(postgres_load, UNDER_WAY)
    load.installation.start("second", "worker")
    await load.settled(40)
    frozen.send_signal(signal.SIGCONT)
    await until(load, ANSWERED_TWICE)

    await accounted(load)
    assert load.installation.alive() == {"sandbox", "api", "worker", "second"}


async def test_a_worker_that_was_frozen_before_it_sent_leaves_the_batch_to_its_successor(postgres_load: Load) -> None:
    load, frozen = postgres_load, await frozen_worker(postgres_load, WITHOUT_KEY)
    load.installation.start("second", "worker")
    await until(load, UNDER_WAY)
    frozen.send_signal(signal.SIGCONT)  # at this moment the successor waits for the provider's answer
    await load.settled(40)

    await accounted(load)


async def frozen_worker(load: Load, when: str) -> subprocess.Popen[bytes]:
    """The worker, stopped at this moment, with a push in its hands; what the provider is asked for takes long."""
    await load.installation.plays("jpush", latency=2)
    await load.sends(4)
    await until(load, when)
    await asyncio.sleep(0.5)  # by now the request is with the provider
    worker = load.installation.running["worker"]
    worker.send_signal(signal.SIGSTOP)
    return worker


async def until(load: Load, statement: str, seconds: float = 30) -> None:
    """Wait for rows."""
    end = time.monotonic() + seconds
    async with opened(load.installation.settings):
        while not await fetch(connection(), statement, system_clock()):
            assert time.monotonic() < end, f"never came: {statement}"
            await asyncio.sleep(0.02)


WITHOUT_KEY = "SELECT 1 FROM batch WHERE lease_until > $1 AND request_key = ''"
UNDER_WAY = "SELECT 1 FROM batch WHERE lease_until > $1 AND request_key <> ''"
ANSWERED_TWICE = """
SELECT batch_id FROM attempt WHERE verdict = 'answered' AND started_at < $1
GROUP BY batch_id HAVING count(DISTINCT worker) > 1"""
