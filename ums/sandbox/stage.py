"""What every stand-in acts upon: its script, its record, the way back to the service, and faults counted, not drawn."""

import asyncio
import ssl
import time
from abc import ABC
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import aiohttp
from aiohttp import web

from ums.sandbox.record import Record
from ums.sandbox.script import Script
from ums.vocabulary import SandboxAddress

Credentials = tuple[str, str]
"""Account and secret."""
Answer = Callable[[web.Request], Awaitable[web.Response]]
T = TypeVar("T")


@dataclass
class Stage:
    """One stand-in's surroundings."""

    address: SandboxAddress
    receipts_to: str
    """Where the service answers: scheme, host and port."""
    session: aiohttp.ClientSession
    tls: ssl.SSLContext
    script: Script = field(default_factory=Script)
    record: Record = field(default_factory=Record)
    common: dict[type, Any] = field(default_factory=dict)
    """What the stand-ins of one sandbox have in common: see `shared`."""
    _drops: dict[str, int] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)
    _window: dict[str, list[int]] = field(default_factory=dict)

    def shared(self, kind: type[T]) -> T:
        """The one of this sandbox; the first who asks makes it."""
        if kind not in self.common:
            self.common[kind] = kind()
        made: T = self.common[kind]
        return made

    def play(self, script: Script) -> None:
        """From now on."""
        self.script = script
        self._drops.clear()
        self._shares.clear()
        self._window.clear()

    def next(self, what: str, times: int) -> bool:
        """Whether this call is one of the next `times`."""
        seen = self._drops.get(what, 0)
        self._drops[what] = seen + 1
        return seen < times

    def every(self, what: str, share: float) -> bool:
        """Whether this call is one of the share: 0.25 is each fourth, 1 is each."""
        filled = self._shares.get(what, 0.0) + share
        self._shares[what] = filled - int(filled + 1e-9)
        return filled >= 1 - 1e-9

    def used(self, account: str) -> tuple[int, int]:
        """Submissions of this account in this minute, this one included, and the seconds until the next minute."""
        minute, second = divmod(int(time.time()), 60)
        window = self._window.setdefault(account, [minute, 0])
        if window[0] != minute:
            window[:] = [minute, 0]
        window[1] += 1
        return window[1], 60 - second


class StandIn(ABC):
    """Answers as one platform does. It is found by its module being here; nothing else needs to be edited."""

    platform: ClassVar[str]

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def routes(self) -> Sequence[web.RouteDef]:
        """HTTP that it answers, under its own path."""
        return ()

    async def start(self) -> None:  # noqa: B027 - most stand-ins only answer HTTP
        """Open what is not HTTP."""

    async def stop(self) -> None:  # noqa: B027 - most stand-ins only answer HTTP
        """Close what `start` opened."""


def credentials(request: web.Request) -> Credentials:
    """Of HTTP Basic; two empty texts when there are none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        account, _, secret = b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return (account, secret) if scheme.lower() == "basic" else ("", "")


Envelope = Callable[[int, str], web.Response]
"""How a provider words its refusals: HTTP status and a text."""


async def submitted(stage: Stage, request: web.Request, answer: Answer, refusal: Envelope) -> web.StreamResponse:
    """Answer a submission, with the faults of the script before and after the true answer."""
    script = stage.script
    await asyncio.sleep(script.latency)
    if stage.next("busy", script.busy):
        stage.record.turned_away += 1
        return refusal(429, "Rate limit exceeded")
    if stage.every("error", script.error_rate):
        stage.record.turned_away += 1
        return refusal(500, "internal error")
    response = await answer(request)
    if response.status != 200:
        stage.record.turned_away += 1
        return response
    if stage.every("lost", script.lose_answer) and request.transport:
        request.transport.abort()
    if stage.next("garbage", script.garbage):
        return web.Response(text="<html>502 Bad Gateway</html>", content_type="text/html")
    if stage.next("half", script.half):
        return await _half(request, response)
    return response


async def _half(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """The head of the answer and the first half of its body, and then the end of the connection."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    broken = web.StreamResponse(headers={"Content-Type": whole.content_type, "Content-Length": str(len(body))})
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return broken
