"""Huey's part: three lanes that carry one message, "there is work", from whoever made some to a worker.

The database is the queue of record (leases and due times); Huey alone would lose what a killed worker had popped.
So a wake-up may be lost, repeated or early without harm, and a sweeper in every worker makes up for lost ones.
"""

import asyncio
import contextvars
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import orjson
import redis
import structlog
from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message as HueyMessage
from huey.serializer import Serializer

from ums.settings import Settings
from ums.vocabulary import Priority

log = structlog.get_logger()

Drain = Callable[[Priority], Awaitable[None]]


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey ships no types
    """Huey's default is pickle, with which whoever can write to the broker runs code in our workers."""

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, HueyMessage):
            return orjson.dumps({"v": data})
        return orjson.dumps({"m": data._asdict()})

    def _deserialize(self, data: bytes) -> Any:
        loaded = orjson.loads(bytes(data))
        if "v" in loaded:
            return loaded["v"]
        fields = loaded["m"]
        for name in ("eta", "expires_resolved"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return HueyMessage(**{**fields, "args": tuple(fields["args"])})


class Lanes:
    """One Huey instance for each priority: a million low targets never stand in the way of a high one."""

    def __init__(self, settings: Settings) -> None:
        self._hueys = {lane: _open(settings, f"ums_{lane.name.lower()}") for lane in Priority}
        self._drain: Callable[[int], None] | None = None
        self._tasks = {lane: huey.task(name="drain")(self._run) for lane, huey in self._hueys.items()}

    async def wake(self, lane: Priority) -> None:
        """Tell a worker that there is work; best effort, call it after the commit."""
        await asyncio.to_thread(self._wake, lane)

    def _wake(self, lane: Priority) -> None:
        try:
            if not self._hueys[lane].storage.queue_size():  # one wake-up is enough for any amount of work
                self._tasks[lane](int(lane))
        except (OSError, redis.RedisError, sqlite3.Error) as error:
            log.warning("wake_up_lost", lane=lane.name, error=str(error), then="the sweeper finds the work")

    def _run(self, lane: int) -> None:
        if self._drain:
            self._drain(lane)

    def consumers(self, drain: Drain, threads: Mapping[Priority, int]) -> "Consumers":
        """Workers that answer each wake-up with `drain(lane)` on the running event loop, not started yet."""
        bridge = _Bridge()
        self._drain = lambda lane: bridge.run(drain, Priority(lane))
        return Consumers({self._hueys[lane]: number for lane, number in threads.items()})

    def close(self) -> None:
        for huey in self._hueys.values():
            huey.storage.close()


class Consumers:
    """The Huey consumers of one worker process; the process itself owns the signals."""

    def __init__(self, threads: Mapping[Huey, int]) -> None:
        self._consumers = [
            # Nothing of ours is in Huey's schedule, so its scheduler may sleep.
            _Consumer(huey, workers=n, periodic=False, scheduler_interval=60, initial_delay=0.02, max_delay=0.1)
            for huey, n in threads.items()
            if n
        ]

    def start(self) -> None:
        for consumer in self._consumers:
            consumer.start()

    def check(self) -> None:
        """Replace threads that died."""
        for consumer in self._consumers:
            consumer.check_worker_health()

    async def stop(self) -> None:
        """Let every running drain come to its end; it must be told to hurry by other means."""
        for consumer in self._consumers:
            consumer.stop_flag.set()
        for consumer in self._consumers:
            await asyncio.to_thread(consumer.stop, graceful=True)


class _Consumer(Consumer):  # type: ignore[misc]  # huey ships no types
    def _set_signal_handlers(self) -> None:
        """Several consumers share the process: signals are its own business."""


class _Bridge:
    """Hands coroutines from Huey's threads to the event loop that was running when it was made.

    They run in that task's context, in which the database was opened; a thread's own context knows none.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._running: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    def run(self, drain: Drain, lane: Priority) -> None:
        done: Future[None] = Future()

        async def call() -> None:
            try:
                await drain(lane)
            except BaseException as error:  # noqa: BLE001  # handed to the waiting thread, whatever it is
                done.set_exception(error)
            else:
                done.set_result(None)

        context = self._context.copy()
        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(call(), context=context)))
        done.result()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _open(settings: Settings, name: str) -> Huey:
    options: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
    if settings.queue_url.startswith("sqlite://"):
        file = settings.path(settings.queue_url.removeprefix("sqlite://"))
        file.parent.mkdir(parents=True, exist_ok=True)
        # No fsync: a wake-up lost in a power cut is made up for by the sweeper.
        return SqliteHuey(name, filename=str(file), fsync=False, **options)
    pool = redis.ConnectionPool.from_url(settings.queue_url, socket_connect_timeout=2, socket_timeout=5)
    return RedisHuey(name, connection_pool=pool, **options)


logging.getLogger("huey").setLevel(logging.WARNING)
