"""Writers of one SQLite file take turns, whatever process they are in.

Two locked files: `turn` is held while one waits for `write`, which is held while one writes. Whoever has just written
and comes back finds somebody else at the turnstile, and stands behind him. It only keeps order: SQLite's own locks keep
the data right, so whoever waits too long, for a process that stands still, goes on without.
"""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from threading import Thread

PATIENCE = 2.0
"""Seconds."""

REMEMBERED = 1.0
"""Seconds for which it counts as crowded after somebody had to wait."""


class Turnstile:
    """Of one process, whose tasks come one at a time."""

    def __init__(self, database: str) -> None:
        """`database` is its path; one in memory has no other writers and needs no turnstile."""
        self._files = [] if database == ":memory:" else [Path(f"{database}-{name}") for name in ("turn", "write")]
        self._open: list[int] = []
        self._crowded_until = 0.0
        self._waiting: asyncio.Future[None] | None = None

    @property
    def crowded(self) -> bool:
        """Whether other processes want to write too."""
        return time.monotonic() < self._crowded_until

    async def enter(self) -> None:
        if self._waiting or not self._files:
            return
        self._open = self._open or [os.open(file, os.O_RDWR | os.O_CREAT, 0o600) for file in self._files]
        turn, write = self._open
        if await self._locked(turn):
            await self._locked(write)
            fcntl.flock(turn, fcntl.LOCK_UN)

    def leave(self) -> None:
        if self._open:
            fcntl.flock(self._open[1], fcntl.LOCK_UN)

    def close(self) -> None:
        for file in self._open:
            os.close(file)  # which unlocks it
        self._open = []

    async def _locked(self, file: int) -> bool:
        """Whether it was had in time."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._crowded_until = time.monotonic() + REMEMBERED
        else:
            return True
        self._waiting = waiting = _lock_in_a_thread(file)
        try:
            await asyncio.wait_for(asyncio.shield(waiting), PATIENCE)
        except (TimeoutError, asyncio.CancelledError) as given_up:
            waiting.add_done_callback(lambda _: self._come_too_late(file))
            if isinstance(given_up, asyncio.CancelledError):
                raise
            return False
        self._waiting = None
        return True

    def _come_too_late(self, file: int) -> None:
        self._waiting = None
        if file in self._open:
            fcntl.flock(file, fcntl.LOCK_UN)


def _lock_in_a_thread(file: int) -> "asyncio.Future[None]":
    """Done when the file is locked. A daemon: a process may end while it waits."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def lock() -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            loop.call_soon_threadsafe(done.set_result, None)
        except (OSError, RuntimeError):
            return  # the process is ending

    Thread(target=lock, name="ums-turnstile", daemon=True).start()
    return done
