"""The API over a real socket, with the sandbox behind it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import uvicorn

from tests.shop import Time, open_shop
from ums.messaging.delivering.drain import drain
from ums.messaging.engine import Engine
from ums.messaging.reading.progress import Following
from ums.reconcile import reconcile
from ums.sandbox import Sandbox, sandbox
from ums.settings import Settings
from ums.vocabulary import Priority, SandboxAddress
from ums.web import application


@dataclass(frozen=True)
class Api:
    url: str
    engine: Engine
    sandbox: Sandbox
    session: aiohttp.ClientSession
    following: Following

    async def answers(
        self, query: str, *, user: str = "shop", password: str = "sandbox-shop-master-secret", **variables: Any
    ) -> Any:
        """The whole answer to a request, as Channel `shop` unless said otherwise."""
        headers = {"authorization": aiohttp.encode_basic_auth(user, password)}
        body = {"query": query, "variables": variables}
        async with self.session.post(f"{self.url}/graphql", json=body, headers=headers) as response:
            return await response.json()

    async def asks(self, query: str, **variables: Any) -> Any:
        answer = await self.answers(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def works(self) -> None:
        for lane in Priority:
            await drain(self.engine, lane)


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    settings = open_shop(settings)
    await reconcile(settings, write=True)
    app = application(settings, Time())
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with sandbox(SandboxAddress.parse(settings.sandbox), "http://127.0.0.1:9") as stand_ins:
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as session:
            yield Api(f"http://127.0.0.1:{port}", app.state.engine, stand_ins, session, app.state.following)
        server.should_exit = True
        await serving
