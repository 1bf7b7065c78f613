"""What platforms give out for a while and want to see in every call."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple


class Token(NamedTuple):
    """What a platform gives out for a while and wants to see in every call."""

    value: str
    lives: float
    """Seconds from now."""
    refresh: str = ""
    """What the platform wants to see for the next one, where it gives such a thing out; kept and replaced with it."""


class Tokens(ABC):
    """The tokens of one DeliveryChannel, shared by every worker: many platforms void the old one with each new one."""

    @abstractmethod
    async def get(self, name: str, fetch: Callable[[], Awaitable[Token]], spoiled: str = "") -> str:
        """The token `name` of this account; `fetch` brings a new one, and only one worker at a time runs it.

        `spoiled` is one that the platform has just refused: whoever still has that one gets another.
        """

    @abstractmethod
    async def lend(self, name: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """The token as `get` gives it, with the seconds for which the platform still takes it."""

    @abstractmethod
    async def known(self, name: str) -> Token:
        """What is there, and nothing is fetched; the value is empty once it has ended, `refresh` is kept."""

    @abstractmethod
    async def put(self, name: str, token: Token) -> None:
        """Keep what the platform gave out by itself, in place of what is there; an empty one takes that away."""


TokensOf = Callable[[str, Mapping[str, Any]], Tokens]
"""Tokens that belong to more than one DeliveryChannel, by whose they are; with other credentials they are others."""


class OwnTokens(Tokens):
    """Those of one process alone."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Token, float]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # one may need another

    async def get(self, name: str, fetch: Callable[[], Awaitable[Token]], spoiled: str = "") -> str:
        return (await self._good(name, fetch, spoiled))[0].value

    async def lend(self, name: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        token, since = await self._good(name, fetch, "")
        return Token(token.value, token.lives - (time.monotonic() - since))

    async def known(self, name: str) -> Token:
        token, since = self._kept.get(name, (Token("", 0.0), 0.0))
        left = token.lives - (time.monotonic() - since)
        return Token(token.value if left > 0 else "", left, token.refresh)

    async def put(self, name: str, token: Token) -> None:
        self._kept[name] = token, time.monotonic()

    async def _good(self, name: str, fetch: Callable[[], Awaitable[Token]], spoiled: str) -> tuple[Token, float]:
        """A token, and since when it is there."""
        async with self._asking[name]:
            token, since = self._kept.get(name, (Token("", 0.0), 0.0))
            if not token.value or token.value == spoiled or time.monotonic() > since + renewed_after(token.lives):
                self._kept[name] = token, since = await fetch(), time.monotonic()
            return token, since


def renewed_after(lives: float) -> float:
    """Seconds after which a token that lives so long is fetched anew: early enough for calls under way."""
    return lives - min(600.0, lives / 5)
