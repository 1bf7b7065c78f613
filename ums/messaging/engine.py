"""What the engine of one process has at hand."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog

from ums.database import is_away, opened
from ums.messaging.connections import Connections, connected
from ums.messaging.together import Together
from ums.providers.contract import Attachment
from ums.queue import Lanes
from ums.settings import Settings
from ums.snapshot import Snapshots
from ums.tracing import Tracing, Untraced, open_tracing
from ums.vocabulary import Clock, Priority

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")

LEASE = 15_000
"""ms; renewed while the work goes on, so this is how long what a killed worker held stands still."""


class Said(NamedTuple):
    """What a message says."""

    content: Mapping[str, Any]
    """`{channel type: content}`"""
    created_at: int
    channel: str
    blacklist: str
    """Empty: none was named."""


@dataclass(frozen=True)
class Engine:
    """Handed to every step; holds no state that a killed process would be missed for."""

    settings: Settings
    clock: Clock
    snapshots: Snapshots
    lanes: Lanes
    connections: Connections
    capacity: int = 8
    """Batches that one drain sends at the same time."""
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}/{os.getpid()}")
    tracing: Tracing = field(default_factory=Untraced)
    """Is told what was done for messages."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is asked to stop: finish what is in flight, begin nothing."""
    said: dict[int, Said] = field(default_factory=dict)
    """By message id: what was read lately."""
    attached: dict[tuple[int, tuple[str, ...]], asyncio.Task[Sequence[Attachment]]] = field(default_factory=dict)
    """By message id: the files that were read lately, or are being read."""
    _timers: dict[Priority, asyncio.TimerHandle] = field(default_factory=dict)
    _waking: dict[Priority, asyncio.Task[None]] = field(default_factory=dict)
    _rounds: dict[Any, Together[Any, Any]] = field(default_factory=dict)

    def wake_later(self, lane: Priority, ms: int = 0) -> None:
        """This process wakes the lane then, and nobody waits for it: the sweeper would too, but only every second."""
        if lane in self._timers:
            self._timers[lane].cancel()
        self._timers[lane] = asyncio.get_running_loop().call_later(ms / 1000, self._wake, lane)

    def _wake(self, lane: Priority) -> None:
        if lane not in self._waking:  # the broker may be slow or away
            self._waking[lane] = asyncio.create_task(self.lanes.wake(lane))
            self._waking[lane].add_done_callback(lambda _: self._waking.pop(lane))

    async def forget_wakes(self) -> None:
        """Of a process that ends."""
        for timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*self._waking.values(), return_exceptions=True)

    async def together(self, work: "Work[T, R]", item: T) -> R:
        """What `work` returns for `item`, done in one go with what others ask of it at the same time."""
        if work not in self._rounds:
            self._rounds[work] = Together(partial(work, self))
        result: R = await self._rounds[work].join(item)
        return result


def log_failure(event: str, error: Exception, **said: object) -> None:
    """In a line when the database is away, which is seen everywhere at once; else with where it happened."""
    if is_away(error):
        log.warning(event, error=f"{type(error).__name__}: {error}", **said)
    else:
        log.error(event, exc_info=error, **said)


Work = Callable[[Engine, Sequence[T]], Awaitable[Sequence[R]]]


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, *, shared: bool = False, capacity: int = Engine.capacity
) -> AsyncIterator[Engine]:
    """The engine of this event loop: database, queue and provider connections open until the end."""
    lanes = Lanes(settings)
    try:
        async with opened(settings, shared=shared), connected(settings, clock) as connections:
            tracing = open_tracing(settings.public_url)
            engine = Engine(settings, clock, Snapshots(clock), lanes, connections, capacity, tracing=tracing)
            try:
                yield engine
            finally:
                await engine.forget_wakes()
                await asyncio.to_thread(tracing.close)
    finally:
        lanes.close()
