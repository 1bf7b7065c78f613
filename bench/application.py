"""UMS as an application sees it: Channel `shop`, over GraphQL."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from installation import SECRETS

from ums.settings import Settings

SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { message } } }"
FAR = "query ($id: ID!) { message(id: $id) { state deliveryChannels { funnel { sent delivered clicked } } } }"

PUSH = {"app": {"platform": "all", "notification": {"alert": "hello"}}}
MAIL = {"email": {"subject": "Your order has left our house", "text": "It should be with you in two days.\n" * 10}}


class Application:
    """Sends, and asks how far a message is."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = f"{url}/graphql"
        self._session = session

    async def asks(self, query: str, **variables: object) -> Any:
        async with self._session.post(self._url, json={"query": query, "variables": variables}) as response:
            answer = await response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def sends(self, audience: object, content: object, **more: object) -> str:
        """The message's id."""
        given = {"audience": audience, "body": {"content": content}, **more}
        payload = (await self.asks(SEND, input=given))["sendMessage"]
        assert not payload["problems"], payload
        return str(payload["message"]["id"])

    async def ended(self, message: str, seconds: float = 120) -> float:
        """Wait until everything of it is submitted; when that was seen, as `time.perf_counter()` has it."""
        async with asyncio.timeout(seconds):
            while (await self.asks(FAR, id=message))["message"]["state"] != "DONE":
                await asyncio.sleep(0.02)
        return time.perf_counter()

    async def delivered(self, message: str) -> int:
        """As the counters have it now."""
        counted = (await self.asks(FAR, id=message))["message"]["deliveryChannels"]
        return sum(each["funnel"]["delivered"] for each in counted)


@asynccontextmanager
async def application(settings: Settings, connections: int = 32) -> AsyncIterator[Application]:
    """Of a running API."""
    headers = {"authorization": aiohttp.encode_basic_auth("shop", SECRETS["SHOP_SECRET"])}
    room, patience = aiohttp.TCPConnector(limit=connections), aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(headers=headers, connector=room, timeout=patience) as session:
        yield Application(settings.public_url, session)


def direct(kind: str, addresses: list[str]) -> dict[str, Any]:
    """An audience of direct addresses, 1,000 in each group."""
    parts = [addresses[start : start + 1000] for start in range(0, len(addresses), 1000)]
    return {"addresses": [{"type": kind, "addresses": part} for part in parts]}
