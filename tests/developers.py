"""Developers whose URLs are called back, on sockets of their own, and a shop that declares them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.shop import Shop, Time, open_shop
from ums.messaging.calling.callback_door import Door, opened_door
from ums.messaging.calling.callbacks import call
from ums.messaging.engine import running
from ums.messaging.outbox import PATIENCE
from ums.models import Callback
from ums.reconcile import reconcile
from ums.sandbox import sandbox
from ums.settings import Settings
from ums.vocabulary import SandboxAddress


@dataclass
class Developer:
    """Somebody's server; it answers with the next of `statuses`, and 200 when there is none."""

    url: str = ""
    echoes: bool = True
    """Whether it sends back what it is asked to, as the Channel's own receiver would."""
    asked: int = 0
    """How often."""
    statuses: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self.gate.wait()
        self.posts.append((dict(request.headers), body))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def echo(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(text=request.query["echostr"] if self.echoes else "whose echo?")

    @property
    def sizes(self) -> list[int]:
        return [len(orjson.loads(body)) for _, body in self.posts]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for _, body in self.posts for item in orjson.loads(body)]

    def told(self, userid: str) -> list[int]:
        return [item["type"] for item in self.items if item["userid"] == userid]


@dataclass(frozen=True)
class Tells:
    shop: Shop
    developer: Developer
    other: Developer
    door: Door

    async def call(self, after: int = PATIENCE) -> None:
        """Time passes, and a worker tells what is to be told."""
        self.shop.time.passes(after)
        await call(self.shop.engine, self.door)


def declared(text: str, urls: list[str], more: str = "") -> str:
    """The shop's documents, with callbacks for Channel `shop`."""
    callbacks = f"callbacks: {{addresses: [{', '.join(urls)}]{more}}}"
    return text.replace("deliveryChannels: [app, sms, mail]", f"deliveryChannels: [app, sms, mail]\n{callbacks}")


@pytest.fixture
async def developers() -> AsyncIterator[list[Developer]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            developer = Developer()
            developer.gate.set()
            app = web.Application()
            app.router.add_post("/in", developer.answer)
            app.router.add_get("/in", developer.echo)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert runner.addresses
            developer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
            found.append(developer)
        yield found


@pytest.fixture
async def tells(settings: Settings, developers: list[Developer]) -> AsyncIterator[Tells]:
    settings, time = replace(open_shop(settings), private_callbacks=True), Time()
    file = settings.config / "shop.yaml"
    file.write_text(declared(file.read_text(), [one.url for one in developers]))
    await reconcile(settings, write=True)
    address = SandboxAddress.parse(settings.sandbox)
    async with (
        sandbox(address, "http://127.0.0.1:9") as stand_ins,
        running(settings, time) as engine,
        opened_door(settings) as door,
    ):
        yield Tells(Shop(engine, stand_ins, time), developers[0], developers[1], door)


async def redeclared(tells: Tells, old: str, new: str) -> None:
    settings = tells.shop.engine.settings
    file = settings.config / "shop.yaml"
    file.write_text(file.read_text().replace(old, new))
    await reconcile(settings, write=True)
    tells.shop.engine.snapshots.look_again()


async def left() -> int:
    return await Callback.filter(due_at__isnull=False).count()
