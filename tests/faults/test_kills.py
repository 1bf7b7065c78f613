"""kill -9 of anything at any moment, under load: nobody is lost, nobody is counted twice."""

import asyncio
import random

import pytest

from tests.faults.accounts import Record, accounted, at_risk
from tests.faults.conftest import play_slowly, start_sandbox
from tests.faults.load import Load

IN_FLIGHT = 16
"""Batches of one lane that a worker may have under way: two threads, eight each."""


async def killed(load: Load, chance: random.Random, *names: str) -> None:
    """One after the other, each started again at once."""
    for name in names:
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        load.installation.kill(name)
        load.installation.start(name, name)


@pytest.mark.parametrize("seed", [7])
async def test_killed_workers_and_apis_lose_nobody_and_count_nobody_twice(load: Load, seed: int) -> None:
    kills = ["worker", "api", "worker", "worker", "api"]

    await asyncio.gather(load.streams(1, 30), killed(load, random.Random(seed), *kills))
    await load.settled(60)

    repeated = await accounted(load)
    batches, targets = await at_risk(load)
    assert batches <= kills.count("worker") * IN_FLIGHT
    assert repeated <= targets, "more text messages came twice than were in the hands of killed workers"


async def test_a_killed_sandbox_leaves_every_push_sent_once_and_every_lost_answer_unknown(sqlite_load: Load) -> None:
    load, chance = sqlite_load, random.Random(3)
    streaming = asyncio.create_task(load.streams(1, 24))
    before = Record()
    for _ in range(2):
        await asyncio.sleep(chance.uniform(1, 1.6))
        before += await _counted_and_killed(load)

    await streaming
    await load.settled(60)

    assert await accounted(load, before + await Record.of(load)) == 0


async def _counted_and_killed(load: Load) -> Record:
    """What it had accepted: it turns everybody away before it is asked, so that the count is the last word."""
    for platform in ("jpush", "jsms"):
        await load.installation.plays(platform, latency=0.3, busy=1_000_000)
    await asyncio.sleep(0.4)  # those who came before are through
    record = await Record.of(load)
    load.installation.kill("sandbox")
    start_sandbox(load.installation)
    await load.installation.ready()
    await play_slowly(load.installation)
    return record
