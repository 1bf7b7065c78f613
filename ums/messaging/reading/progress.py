"""A message followed while it goes out: its funnel, each time that it moves.

All who follow messages in one process share one look at the counters, a few times a second at most and slower while
nothing moves. Nobody follows: nothing is read.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ums.database import connection, fetch, rows
from ums.messaging.engine import log_failure
from ums.messaging.reading.history import Numbers, numbers
from ums.vocabulary import MessageState

SOONEST, SLOWEST = 0.3, 2.0
"""Seconds between two looks: while something moves, and when nothing has for a while."""
QUIET = 60.0
"""Seconds without a change after which a message that is done is followed no longer; receipts may be days away."""

_ENDED = {MessageState.DONE, MessageState.FAILED, MessageState.CANCELLED, MessageState.RECALLED}


@dataclass(frozen=True)
class Progress:
    """Where a message stands."""

    state: MessageState
    numbers: Numbers


@dataclass
class _Followed:
    """A message, and what is known of it to all who follow it."""

    changed_at: float
    followers: int = 0
    latest: Progress | None = None
    version: int = 0
    """Counts what `latest` has been."""
    over: bool = False
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def after(self, version: int) -> Progress | None:
        """What comes after that version, as soon as it is there; None when nothing will."""
        async with self.news:
            await self.news.wait_for(lambda: self.over or self.version > version)
        return self.latest if self.version > version else None


class Following:
    """Whom this process tells how messages get on; belongs to its event loop."""

    def __init__(self, soonest: float = SOONEST, slowest: float = SLOWEST, quiet: float = QUIET) -> None:
        self._soonest, self._slowest, self._quiet = soonest, slowest, quiet
        self._followed: dict[int, _Followed] = {}
        self._come = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def follow(self, message_id: int) -> AsyncGenerator[Progress, None]:
        """Where the message stands now, and again after each change; a slow reader gets the newest only.

        Ends when the message is done and quiet, or is there no more.
        """
        of = self._followed.setdefault(message_id, _Followed(asyncio.get_running_loop().time()))
        of.followers += 1
        self._come.set()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        seen = 0
        try:
            while latest := await of.after(seen):
                seen = of.version
                yield latest
        finally:
            of.followers -= 1
            if not of.followers and self._followed.get(message_id) is of:
                del self._followed[message_id]

    async def close(self) -> None:
        """Of a process that ends."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        pause = self._soonest
        while self._followed:
            self._come.clear()
            try:
                moved = await self._round(list(self._followed))
            except Exception as error:  # noqa: BLE001  # whatever it is, the next look may be better
                log_failure("progress_not_read", error, then="looked at again")
                moved = False
            pause = self._soonest if moved else min(1.5 * pause, self._slowest)
            await asyncio.sleep(self._soonest)  # however many come, and however often
            with suppress(TimeoutError):
                await asyncio.wait_for(self._come.wait(), pause - self._soonest)

    async def _round(self, ids: Sequence[int]) -> bool:
        """One look at all of them; whether anything moved."""
        states = {row["id"]: MessageState(row["state"]) for row in await fetch(connection(), _STATES, _listed(ids))}
        found = await numbers(ids)
        now, moved = asyncio.get_running_loop().time(), False
        for message_id in ids:
            if (of := self._followed.get(message_id)) is None:
                continue
            latest = Progress(states[message_id], found[message_id]) if message_id in states else None
            changed = latest is not None and latest != of.latest
            if changed:
                of.latest, of.version, of.changed_at = latest, of.version + 1, now
            ended = latest is None or (latest.state in _ENDED and now - of.changed_at >= self._quiet)
            if changed or ended:
                of.over = ended
                async with of.news:
                    of.news.notify_all()
            if ended:
                self._followed.pop(message_id, None)
            moved |= changed
        return moved


def _listed(ids: Sequence[int]) -> str:
    return rows([n] for n in ids)


_STATES = """
SELECT m.id, m.state FROM ROWS($1: id int) AS listed JOIN message m ON m.id = listed.id WHERE m.deleted_at IS NULL"""
