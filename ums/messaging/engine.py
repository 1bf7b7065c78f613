"""What the engine of one process has at hand."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ums.database import opened
from ums.messaging.connections import Connections, connected
from ums.queue import Lanes
from ums.settings import Settings
from ums.snapshot import Snapshots
from ums.vocabulary import Clock


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
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is asked to stop: finish what is in flight, begin nothing."""


@asynccontextmanager
async def running(settings: Settings, clock: Clock, *, shared: bool = False) -> AsyncIterator[Engine]:
    """The engine of this event loop: database, queue and provider connections open until the end."""
    lanes = Lanes(settings)
    try:
        async with opened(settings, shared=shared), connected(settings) as connections:
            yield Engine(settings, clock, Snapshots(clock), lanes, connections)
    finally:
        lanes.close()
