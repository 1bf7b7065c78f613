"""A worker process: Huey's consumers and the sweeper around one event loop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence

import structlog

from ums.messaging.after.take_back import keep_taking_back
from ums.messaging.calling.callbacks import keep_calling
from ums.messaging.delivering.drain import drain, sweep
from ums.messaging.delivering.inquire import inquire
from ums.messaging.engine import Engine, log_failure, running
from ums.messaging.keeping.nights import keep_nights
from ums.messaging.keeping.retention import keep_house
from ums.messaging.sending.recur import keep_recurring
from ums.people.uploads import keep_importing
from ums.settings import Settings
from ums.vocabulary import Clock, Priority

log = structlog.get_logger()


Beside = Callable[[Engine], Coroutine[None, None, None]]
"""What goes on beside delivering until `engine.stopping` is set."""


async def work(
    settings: Settings, clock: Clock, lanes: Sequence[Priority], capacity: int, beside: Sequence[Beside] = ()
) -> None:
    """Deliver what is due in these lanes until SIGTERM or SIGINT; then finish what is in flight and go."""
    async with running(settings, clock, capacity=capacity) as engine:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, engine.stopping.set)
        await serve(engine, lanes, beside)


async def serve(engine: Engine, lanes: Sequence[Priority] = tuple(Priority), beside: Sequence[Beside] = ()) -> None:
    """Answer wake-ups and look for due work until `engine.stopping` is set."""

    async def answer(lane: Priority) -> None:
        try:
            await drain(engine, lane)
        except Exception as error:  # noqa: BLE001  # the sweeper wakes the lane again
            log_failure("drain_failed", error, lane=lane.name, then="the sweeper wakes it again")

    threads = {lane: engine.settings.workers[lane.name.lower()] for lane in lanes}
    consumers = engine.lanes.consumers(answer, threads)
    consumers.start()
    log.info(
        "worker_started",
        worker=engine.worker,
        threads={lane.name.lower(): number for lane, number in threads.items()},
        capacity=engine.capacity,
    )
    loops = (
        sweep(engine, lanes),
        inquire(engine),
        keep_house(engine),
        keep_taking_back(engine),
        keep_calling(engine),
        keep_importing(engine.snapshots, engine.clock, engine.stopping),
        keep_nights(engine),
        keep_recurring(engine),
    )
    rounds = [asyncio.create_task(each) for each in (*loops, *(loop(engine) for loop in beside))]
    try:
        while not engine.stopping.is_set():
            await asyncio.wait(rounds, timeout=1)
            consumers.check()
    finally:
        engine.stopping.set()
        await asyncio.gather(*rounds)
        await consumers.stop()
        log.info("worker_stopped", worker=engine.worker)
