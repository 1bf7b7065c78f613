"""Redis and PostgreSQL go away in the middle of the work and come back: the same processes wait and go on."""

import asyncio

import aiohttp

from tests.faults.accounts import accounted
from tests.faults.load import Load
from tests.faults.servers import PostgresServer, RedisServer

EVERYBODY = {"sandbox", "api", "worker"}


async def test_a_redis_that_is_flushed_or_comes_back_empty_costs_nothing(
    redis_load: Load, own_redis: RedisServer
) -> None:
    for number in range(1, 9):
        await redis_load.streams(number, number, pause=0)
        own_redis.flush()  # the wake-up of this send, if no worker has taken it yet
    own_redis.stop()
    await redis_load.streams(9, 16, pause=0.3)
    assert not redis_load.errors, "the queue of record is the database: a send does not need Redis"
    own_redis.start()
    await redis_load.settled(30)

    assert await accounted(redis_load) == 0
    assert redis_load.installation.alive() == EVERYBODY


async def test_a_restarted_postgres_is_waited_for(restarting_load: Load, own_postgres: PostgresServer) -> None:
    load = restarting_load
    streaming = asyncio.create_task(load.streams(1, 30))
    for mode in ("fast", "immediate"):
        await asyncio.sleep(1.5)
        before = load.errors.total()
        await asyncio.to_thread(own_postgres.restart, mode)
        assert load.errors.total() > before, "the restart was not in the middle of the stream"
    await streaming
    await load.settled(60)

    repeated = await accounted(load)
    assert repeated == 0
    assert load.installation.alive() == EVERYBODY
    async with aiohttp.request("GET", f"{load.installation.settings.public_url}/readyz") as response:
        assert response.status == 200
