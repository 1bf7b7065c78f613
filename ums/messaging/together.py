"""Work that many ask for at the same time, done as one: a transaction for all costs little more than for one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from ums.database import COLLISIONS, is_away

T = TypeVar("T")
R = TypeVar("R")

MOST = 256
"""Items that are done as one."""


class Together(Generic[T, R]):
    """Whoever comes while the work is being done waits for the next round of it, with all who came meanwhile."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._working: asyncio.Task[None] | None = None

    async def join(self, item: T) -> R:
        """The result for `item`; raises what the work raised."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._working is None:
            self._working = asyncio.create_task(self._rounds())
        return await asyncio.shield(done)

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                this, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._round(this)
        finally:
            self._working = None

    async def _round(self, asked: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._one([item for item, _ in asked])
        except Exception as error:  # noqa: BLE001  # handed to everybody who waits, whatever it is
            await self._apart(asked, error)
            return
        for (_, done), result in zip(asked, results, strict=True):
            done.set_result(result)

    async def _one(self, items: Sequence[T]) -> Sequence[R]:
        try:
            return await self._work(items)
        except COLLISIONS:  # with another process: all of it was rolled back
            return await self._work(items)

    async def _apart(self, asked: Sequence[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
        """One by one, so that what is wrong with one item is nobody else's matter."""
        if len(asked) == 1 or is_away(error):
            for _, done in asked:
                done.set_exception(error)
            return
        for one in asked:
            await self._round([one])
