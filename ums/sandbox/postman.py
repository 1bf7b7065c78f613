"""Receipts on their way back: each when its time has come, several in one post, again while the receiver is away."""

import asyncio
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ums.sandbox.record import Record
from ums.sandbox.stage import Credentials

AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each repeat of a post that the receiver did not answer with 200."""
AT_ONCE = 8
"""Posts under way at the same time."""
TIMEOUT = aiohttp.ClientTimeout(total=30)

Receipt = Mapping[str, Any]


@dataclass(frozen=True)
class Letter:
    """One post, ready to go."""

    url: str
    headers: Mapping[str, str]
    body: bytes


Seal = Callable[[Credentials, Sequence[Receipt]], Letter]


@dataclass(order=True)
class _Due:
    at: float
    number: int
    account: Credentials = field(compare=False)
    receipts: list[Receipt] = field(compare=False)


class Postman:
    """Posts the receipts of one stand-in, at most `per_letter` in one post."""

    def __init__(self, session: aiohttp.ClientSession, record: Record, seal: Seal, *, per_letter: int = 1) -> None:
        self._session, self._record, self._seal, self._per_letter = session, record, seal, per_letter
        self._due: list[_Due] = []
        self._number = 0
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._posts: set[asyncio.Task[None]] = set()
        self._round = asyncio.create_task(self._go_round())

    def later(self, seconds: float, account: Credentials, receipts: list[Receipt]) -> None:
        """Post them `seconds` from now, with others of the same account."""
        self._number += 1
        due = _Due(asyncio.get_running_loop().time() + seconds, self._number, account, receipts)
        heapq.heappush(self._due, due)
        self._news.set()

    def forget(self, unwanted: Callable[[Receipt], bool]) -> None:
        """Of what has not been posted yet."""
        for due in self._due:
            due.receipts = [receipt for receipt in due.receipts if not unwanted(receipt)]

    async def close(self) -> None:
        """What has not been posted is dropped."""
        tasks = [self._round, *self._posts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _go_round(self) -> None:
        while True:
            self._news.clear()
            for account, receipts in self._ripe():
                await self._slots.acquire()
                post = asyncio.create_task(self._post(account, receipts))
                self._posts.add(post)
                post.add_done_callback(self._posts.discard)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._pause())

    def _pause(self) -> float | None:
        return self._due[0].at - asyncio.get_running_loop().time() if self._due else None

    def _ripe(self) -> Iterator[tuple[Credentials, list[Receipt]]]:
        """What is due, gathered per account, in portions of one post."""
        now = asyncio.get_running_loop().time()
        gathered: dict[Credentials, list[Receipt]] = {}
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            gathered.setdefault(due.account, []).extend(due.receipts)
        for account, receipts in gathered.items():
            for start in range(0, len(receipts), self._per_letter):
                yield account, receipts[start : start + self._per_letter]

    async def _post(self, account: Credentials, receipts: list[Receipt]) -> None:
        letter = self._seal(account, receipts)
        try:
            for pause in AGAIN_AFTER:
                if await self._taken(letter):
                    self._record.posted(receipts)
                    return
                await asyncio.sleep(pause)
            self._record.receipts_lost += len(receipts)
        finally:
            self._slots.release()

    async def _taken(self, letter: Letter) -> bool:
        try:
            async with self._session.post(
                letter.url, data=letter.body, headers=letter.headers, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                await response.read()
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
