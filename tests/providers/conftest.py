"""A running sandbox, a receiver for its receipts, and a server that answers whatever a test wants it to."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ums.providers.contract import Answer, Common, Outcome, Report, Target
from ums.sandbox import Sandbox, free_address, sandbox


@dataclass
class Doors:
    """An HTTP server that keeps every request as a Report and answers with what lies ready, else with 200."""

    url: str = ""
    reports: "asyncio.Queue[tuple[str, Report]]" = field(default_factory=asyncio.Queue)
    answers: deque[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=deque)

    async def report(self, path: str) -> Report:
        """The next request that arrived; it must be for this path."""
        arrived, report = await asyncio.wait_for(self.reports.get(), 10)
        assert arrived == path
        return report

    def answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        """To the next request that has none yet: JSON, or bytes as they are."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def answered(_: web.Request) -> web.Response:
            return web.Response(status=status, body=raw, headers=headers)

        self.answers.append(answered)

    def hang_up(self) -> None:
        """On the next request, without an answer."""

        async def hung_up(request: web.Request) -> web.Response:
            assert request.transport
            request.transport.abort()
            return web.Response()

        self.answers.append(hung_up)

    def never_answer(self) -> None:
        """The next request."""

        async def answered(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            return web.Response()

        self.answers.append(answered)

    async def _arrived(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        report = Report(request.method, dict(request.query), headers, await request.read())
        self.reports.put_nowait((request.path, report))
        return await self.answers.popleft()(request) if self.answers else web.Response()


@asynccontextmanager
async def opened(doors: Doors, port: int = 0) -> AsyncIterator[Doors]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", doors._arrived)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    doors.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield doors
    finally:
        await runner.cleanup()


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with opened(Doors()) as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def running(doors: Doors) -> AsyncIterator[Sandbox]:
    """All stand-ins; their receipts go to `doors`."""
    async with sandbox(free_address(), doors.url) as made:
        yield made


def body(report: Report) -> Any:
    """The JSON of a request."""
    return json.loads(report.body)


@dataclass(frozen=True)
class Example:
    """What a platform needs to be tried out: `EXAMPLE` in its test file.

    The account is named `key` and its secret is `secret`; `address` makes as many addresses as wanted of a number.
    """

    credentials: dict[str, Any]
    content: dict[str, Any]
    address: str


def each(answer: Answer, targets: Sequence[Target]) -> list[Outcome]:
    """What became of every target, in their order."""
    told = {outcome.id: outcome for outcome in answer.outcomes}
    assert len(told) == len(answer.outcomes), "a target was told twice"
    return [told[t.id] if t.id in told else Outcome(t.id, *_common(answer)) for t in targets]


def _common(answer: Answer) -> Common:
    assert answer.others is not None, "a target was forgotten"
    return answer.others
