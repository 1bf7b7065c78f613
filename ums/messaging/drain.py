"""What a worker does when it is woken: whatever is due in its lane, until nothing is or its time is up."""

import asyncio
import uuid

import structlog

from ums.database import connection, execute, fetch, transaction
from ums.messaging import statements
from ums.messaging.advance import advance
from ums.messaging.conclude import conclude
from ums.messaging.deliver import LEASE, Exchange, Lease, deliver, prepared
from ums.messaging.engine import Engine
from ums.messaging.expand import expand, fail, lock, unsendable
from ums.vocabulary import Priority

log = structlog.get_logger()

BUDGET = 5_000
"""ms; then a new wake-up goes on, so that stopping and health checks never wait long."""


async def drain(engine: Engine, lane: Priority) -> None:
    """Expand, advance and deliver what is due, several batches at a time."""
    until = engine.clock() + BUDGET
    flying: set[asyncio.Task[Exchange]] = set()
    try:
        while engine.clock() < until and not engine.stopping.is_set():
            # Claims are writes, and on SQLite writers queue up: a few at a time, when half of the room is free.
            if len(flying) <= engine.capacity // 2:
                looked = await look(engine, lane)
                claimed = await prepared(engine, await claim(engine, lane, engine.capacity - len(flying)))
                flying |= {asyncio.create_task(deliver(engine, lease)) for lease in claimed}
                if not flying and not looked:
                    return
            if flying:
                flying = await _land(engine, flying)
    finally:
        while flying:
            flying = await _land(engine, flying)
    await engine.lanes.wake(lane)


async def sweep(engine: Engine, every: float = 1.0) -> None:
    """Wake the lanes that have due or abandoned work, for as long as the process lives.

    Retries, schedules, policy times and the leases of killed workers all come to an end in a column of the database;
    this is what notices.
    """
    while not engine.stopping.is_set():
        for lane in Priority:
            try:
                if await fetch(connection(), statements.IS_DUE, int(lane), engine.clock()):
                    await engine.lanes.wake(lane)
            except Exception:  # the database may be away; the next round tries again
                log.exception("sweep_failed", lane=lane.name)
        try:
            await asyncio.wait_for(engine.stopping.wait(), every)
        except TimeoutError:
            continue


async def look(engine: Engine, lane: Priority) -> bool:
    """Expand or advance one message that is due; whether there was one."""
    now, token = engine.clock(), uuid.uuid4().hex
    claimed = await fetch(connection(), statements.CLAIM_MESSAGE, int(lane), now, now + LEASE, token)
    if not claimed:
        return False
    newest = await engine.snapshots.newest()
    async with transaction() as tx:
        message = await lock(tx, claimed[0]["id"])
        snapshot = await engine.snapshots.at(message.revision)
        if message.expanded:
            await advance(tx, message, snapshot, now)
        elif reason := unsendable(message, newest):
            await fail(tx, message, reason)
        else:
            await expand(tx, message, snapshot, now)
        await execute(tx, _GIVE_BACK, message.id, token)
    return True


_GIVE_BACK = "UPDATE message SET lease_until = 0, lease_token = '' WHERE id = $1 AND lease_token = $2"


async def claim(engine: Engine, lane: Priority, most: int) -> list[Lease]:
    """Due batches of the lane, at most so many, leased to this worker."""
    now, token = engine.clock(), uuid.uuid4().hex
    if most < 1:
        return []
    claimed = await fetch(connection(), statements.CLAIM_BATCHES, int(lane), now, now + LEASE, token, most)
    return [Lease(**row, token=token) for row in claimed]


async def _land(engine: Engine, flying: set[asyncio.Task[Exchange]]) -> set[asyncio.Task[Exchange]]:
    """Wait for at least one and write down all that have landed; what is still under way."""
    done, under_way = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
    landed = []
    for task in done:
        if (error := task.exception()) is not None:
            log.error("batch_broke", exc_info=error, then="its lease runs out, and it is sent again")
        else:
            landed.append(task.result())
    if landed:
        await conclude(engine, landed)
    return under_way
