"""What a worker does when it is woken: whatever is due in its lane, until nothing is or its time is up."""

import asyncio
from collections.abc import Sequence

from ums.database import connection, execute, fetch, rows
from ums.messaging import statements
from ums.messaging.delivering.conclude import conclude
from ums.messaging.delivering.deliver import Lease, deliver
from ums.messaging.delivering.limits import AHEAD, claim
from ums.messaging.engine import Engine, log_failure
from ums.messaging.expanding.look import look
from ums.vocabulary import Priority

BUDGET = 5_000
"""ms; then a new wake-up goes on, so that stopping and health checks never wait long."""


async def drain(engine: Engine, lane: Priority) -> None:
    """Expand, advance and deliver what is due, several batches at a time."""
    until = engine.clock() + BUDGET
    flying: set[asyncio.Task[None]] = set()
    try:
        while engine.clock() < until and not engine.stopping.is_set():
            # Claims are writes, and on SQLite writers queue up: a few at a time, when half of the room is free.
            if len(flying) <= engine.capacity // 2:
                looked = await look(engine, lane)
                claimed, more_in = await claim(engine, lane, engine.capacity - len(flying))
                flying |= {asyncio.create_task(_send(engine, lease)) for lease in claimed}
                if not flying and not looked:
                    if more_in:
                        engine.wake_later(lane, more_in)
                    return
            if flying:
                _, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if flying:
            await asyncio.wait(flying)
    await engine.lanes.wake(lane)


async def _send(engine: Engine, lease: Lease) -> None:
    """One batch, to its end."""
    try:
        await engine.together(conclude, await deliver(engine, lease))
    except Exception as error:  # noqa: BLE001  # whatever it is, the lease runs out
        log_failure("batch_broke", error, batch=lease.id, then="its lease runs out, and it is sent again")


async def sweep(engine: Engine, lanes: Sequence[Priority] = tuple(Priority), every: float = 1.0) -> None:
    """Wake the lanes that have due or abandoned work, for as long as the process lives.

    Retries, schedules, policy times and the leases of killed workers all come to an end in a column of the database;
    this is what notices.
    """
    rounds = 0
    while not engine.stopping.is_set():
        for lane in lanes:
            try:
                if await is_due(engine, lane):
                    await engine.lanes.wake(lane)
            except Exception as error:  # noqa: BLE001  # whatever it is, the next round tries again
                log_failure("sweep_failed", error, lane=lane.name)
        if rounds % _SETTLE_EVERY == 0:
            await _settle_all()
        rounds += 1
        try:
            await asyncio.wait_for(engine.stopping.wait(), await _rest(engine, lanes, every))
        except TimeoutError:
            continue


async def _rest(engine: Engine, lanes: Sequence[Priority], every: float) -> float:
    """Seconds until the next message is due, at most `every`: what is scheduled goes out on time."""
    now = engine.clock()
    try:
        found = await fetch(connection(), _NEXT, rows([int(lane)] for lane in lanes), now, now + int(1000 * every))
    except Exception as error:  # noqa: BLE001  # the same
        log_failure("sweep_failed", error, part="next")
        return every
    return every if found[0]["at"] is None else (found[0]["at"] - now) / 1000


_NEXT = """
SELECT min(m.due_at) AS at FROM ROWS($1: lane int) AS listed
JOIN message m ON m.priority = listed.lane AND m.due_at IS NOT NULL AND m.due_at > $2 AND m.due_at < $3"""


async def is_due(engine: Engine, lane: Priority) -> bool:
    """Whether there is work that a drain of this lane would find."""
    return bool(await fetch(connection(), statements.IS_DUE, int(lane), engine.clock(), AHEAD[lane]))


_SETTLE_EVERY = 10


async def _settle_all() -> None:
    """For a process that was killed between the last outcome of a message and saying that the message is done."""
    try:
        await execute(connection(), statements.SETTLE_ALL)
    except Exception as error:  # noqa: BLE001  # the same
        log_failure("sweep_failed", error, part="settle")
