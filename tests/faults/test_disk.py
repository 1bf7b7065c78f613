"""The disk under SQLite is full for a while: nothing is lost, and nothing needs to be started again."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.accounts import accounted
from tests.faults.conftest import started
from tests.faults.load import Load
from ums.settings import Settings


@pytest.fixture
async def silent_load(sqlite_settings: Settings) -> AsyncIterator[Load]:
    """Its log is no file: only the databases meet the limit."""
    async with started(sqlite_settings, log=Path("/dev/null")) as running:
        yield running


def limit(load: Load, size: int) -> None:
    """No file of API and worker may grow beyond `size` bytes from now on: each such write fails, as on a full disk."""
    for name in ("api", "worker"):
        process = load.installation.running[name].pid
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def test_a_full_disk_stops_the_work_until_there_is_room_again(silent_load: Load) -> None:
    load = silent_load
    streaming = asyncio.create_task(load.streams(1, 24))
    await asyncio.sleep(1.5)
    limit(load, 64 * 1024)
    await asyncio.sleep(4)
    assert load.errors, "the disk was full in the middle of the stream"
    limit(load, resource.RLIM_INFINITY)
    await streaming
    await load.settled(60)

    repeated = await accounted(load)
    assert repeated == 0
    assert load.installation.alive() == {"sandbox", "api", "worker"}
