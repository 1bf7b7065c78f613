"""The connections of one DeliveryChannel in one process: opened when needed, after growing pauses in trouble."""

import asyncio

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.cmpp.link import Arrival, Gateway, Link, opened

BACK_OFF = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until the next try after so many failures in a row: a gateway locks out whoever hammers on it."""


class Pool:
    def __init__(self, gateway: Gateway, size: int, arrived: Arrival) -> None:
        self._lines = [Line(gateway, arrived) for _ in range(size)]
        self._closed = False

    async def link(self) -> Link:
        """The open one with the least to do; raises ProviderBusy or ProviderRefused when none can be had."""
        if not self._open():
            await self.open()
        links = self._open()
        if not links:
            raise self._lines[0].held_up()
        return min(links, key=lambda link: link.load)

    async def open(self) -> None:
        """Whatever is not open and may be tried again; raises when that was tried in vain and none is open."""
        due = [line for line in self._lines if line.is_due] if not self._closed else []
        tried = await asyncio.gather(*(line.open() for line in due), return_exceptions=True)
        troubles = [trouble for trouble in tried if trouble is not None]
        if troubles and not self._open():
            raise troubles[0]

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(line.close() for line in self._lines))

    def _open(self) -> list[Link]:
        return [line.link for line in self._lines if line.link and line.link.is_open]


class Line:
    """A place for one connection."""

    def __init__(self, gateway: Gateway, arrived: Arrival) -> None:
        self.link: Link | None = None
        self._gateway, self._arrived = gateway, arrived
        self._failures = 0
        self._again_at = 0.0
        self._trouble: ProviderBusy | ProviderRefused | None = None
        self._opening = asyncio.Lock()

    @property
    def is_due(self) -> bool:
        """Whether to open it now."""
        is_open = self.link is not None and self.link.is_open
        return not is_open and asyncio.get_running_loop().time() >= self._again_at

    async def open(self) -> None:
        async with self._opening:
            if not self.is_due:
                return
            try:
                self.link = await opened(self._gateway, self._arrived)
            except (ProviderBusy, ProviderRefused) as trouble:
                self._trouble = trouble
                pause = BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
                self._failures += 1
                self._again_at = asyncio.get_running_loop().time() + pause
                raise
            self._failures = 0

    def held_up(self) -> ProviderBusy | ProviderRefused:
        """Why it is not open, as last seen."""
        if isinstance(self._trouble, ProviderRefused):
            return ProviderRefused(self._trouble.code, self._trouble.message)
        words = self._trouble.message if self._trouble else f"{self._gateway.place}: the connection was lost"
        pause = max(0.0, self._again_at - asyncio.get_running_loop().time())
        return ProviderBusy("no_connection", words, retry_after=pause)

    async def close(self) -> None:
        async with self._opening:
            if self.link:
                await self.link.close()
