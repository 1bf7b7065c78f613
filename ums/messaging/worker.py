"""A worker process: Huey's consumers and the sweeper around one event loop."""

import asyncio
import signal

import structlog

from ums.messaging.drain import drain, sweep
from ums.messaging.engine import Engine, running
from ums.settings import Settings
from ums.vocabulary import Clock, Priority

log = structlog.get_logger()


async def work(settings: Settings, clock: Clock) -> None:
    """Deliver until SIGTERM or SIGINT; then finish what is in flight and go."""
    async with running(settings, clock) as engine:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, engine.stopping.set)
        await serve(engine)


async def serve(engine: Engine) -> None:
    """Answer wake-ups and look for due work until `engine.stopping` is set."""

    async def answer(lane: Priority) -> None:
        await drain(engine, lane)

    consumers = engine.lanes.consumers(answer, engine.settings.workers)
    consumers.start()
    log.info("worker_started", worker=engine.worker, threads=dict(engine.settings.workers))
    sweeper = asyncio.create_task(sweep(engine))
    try:
        while not engine.stopping.is_set():
            await asyncio.wait([sweeper], timeout=1)
            consumers.check()
    finally:
        engine.stopping.set()
        await sweeper
        await consumers.stop()
        log.info("worker_stopped", worker=engine.worker)
