"""The API over a real socket, with the sandbox behind it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import pytest
import uvicorn

from tests.shop import Time, open_shop
from ums.members import tokens
from ums.messaging.delivering.drain import drain
from ums.messaging.engine import Engine
from ums.messaging.reading.progress import Following
from ums.reconcile import reconcile
from ums.sandbox import Sandbox, sandbox
from ums.settings import Settings
from ums.vocabulary import Priority, SandboxAddress
from ums.web import application

SHOP = ("shop", "sandbox-shop-master-secret")


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
        return await self.answers_with({}, query, user=user, password=password, **variables)

    async def answers_with(
        self,
        headers: Mapping[str, str],
        query: str,
        *,
        user: str = "shop",
        password: str = "sandbox-shop-master-secret",
        **variables: Any,
    ) -> Any:
        """The same, with more headers; an `authorization` among them takes the place of key and secret."""
        headers = {"authorization": aiohttp.encode_basic_auth(user, password), **headers}
        body = {"query": query, "variables": variables}
        async with self.session.post(f"{self.url}/graphql", json=body, headers=headers) as response:
            return await response.json()

    async def member_answers(self, query: str, token: str, channel: str = "", /, **variables: Any) -> Any:
        """The whole answer to a request with a Member's token, for that Channel, by name, or for none."""
        headers = {"authorization": f"Bearer {token}"} | ({"x-ums-channel": channel} if channel else {})
        return await self.answers_with(headers, query, **variables)

    async def token(self, login: str) -> str:
        """A new one of a declared Member."""
        maker = tokens.Maker("root", self.engine.clock())
        return (await tokens.create(login, f"test-{uuid4().hex}", 30, maker))[1]

    async def asks(self, query: str, **variables: Any) -> Any:
        answer = await self.answers(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def uploads(
        self, query: str, content: bytes, key: tuple[str, str] = SHOP, *, name: str = "people.csv", **variables: Any
    ) -> Any:
        """The data of a request whose variable `file` is a file of that name."""
        preflight = {"graphql-preflight": "1"}
        status, answer = await self.posts_form(query, (name, content), key, preflight, **variables)
        assert status == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    async def posts_form(
        self, query: str, file: tuple[str, bytes], key: tuple[str, str], headers: Mapping[str, str], **variables: Any
    ) -> tuple[int, Any]:
        """Status and answer of a multipart request, whose variable `file` is a file of that name and content."""
        form = aiohttp.FormData()
        operations = {"query": query, "variables": {"file": None, **variables}}
        form.add_field("operations", orjson.dumps(operations).decode())
        form.add_field("map", '{"0": ["variables.file"]}')
        form.add_field("0", file[1], filename=file[0])
        credentials = {"authorization": aiohttp.encode_basic_auth(*key)}
        async with self.session.post(f"{self.url}/graphql", data=form, headers=credentials | dict(headers)) as response:
            return response.status, await response.json()

    async def works(self) -> None:
        for lane in Priority:
            await drain(self.engine, lane)


@pytest.fixture
async def api(settings: Settings, more_declared: str) -> AsyncIterator[Api]:
    settings = open_shop(settings)
    (settings.config / "more.yaml").write_text(more_declared)
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
