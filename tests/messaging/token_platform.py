"""A platform that gives out tokens, and several workers that want one, for tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.shop import SECOND, Time
from ums.database import opened
from ums.errors import ProviderBusy
from ums.messaging.tokens import SharedTokens
from ums.providers.tokens import Token
from ums.settings import Settings

ACCOUNT = {"corpId": "corp", "secret": "corp-secret"}


MINUTE = 60 * SECOND


@dataclass
class Platform:
    """Gives out a new token at each call, after a while; it fails as often as it is told to."""

    fails: int = 0
    lives: float = 7200
    given: list[str] = field(default_factory=list)
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def gives(self) -> Token:
        self.asked += 1
        await asyncio.sleep(0.05)
        if self.fails:
            self.fails -= 1
            raise ProviderBusy("45009", "too often")
        return self._next()

    async def gives_late(self) -> Token:
        """Not before `open` is set."""
        self.asked += 1
        await self.open.wait()
        return self._next()

    def _next(self) -> Token:
        self.given.append(f"very-secret-{len(self.given) + 1}")
        return Token(self.given[-1], self.lives)


@pytest.fixture
def kept(settings: Settings) -> Settings:
    """An installation with a secret key."""
    (settings.root / "var").mkdir()
    (settings.root / "var/secret.key").write_text("the key of this installation")
    return settings


@pytest.fixture
async def tokens(kept: Settings) -> AsyncIterator[SharedTokens]:
    async with opened(kept):
        yield SharedTokens(kept, Time(), "corp", ACCOUNT)


def others(settings: Settings, time: Time) -> SharedTokens:
    """As another worker has them."""
    return SharedTokens(settings, time, "corp", ACCOUNT)


async def many(
    settings: Settings, get: Callable[[SharedTokens], Awaitable[str]], workers: int = 2, calls: int = 10
) -> list[str | BaseException]:
    """What so many calls in each of several workers come to, all at the same time; each has a database of its own."""

    async def worker() -> list[str | BaseException]:
        async with opened(settings):
            own = SharedTokens(settings, Time(), "corp", ACCOUNT)
            return await asyncio.gather(*(get(own) for _ in range(calls)), return_exceptions=True)

    of_workers = await asyncio.gather(*(asyncio.create_task(worker()) for _ in range(workers)))
    return [one for of_worker in of_workers for one in of_worker]


async def asked(platform: Platform) -> None:
    while not platform.asked:
        await asyncio.sleep(0.01)
