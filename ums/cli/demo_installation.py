"""The demo's running installation, as an application sees it: GraphQL, and the sandbox behind it."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp

from ums.cli.demo_account import out
from ums.errors import UmsError
from ums.settings import SecretRef, Settings

PATIENCE = 60.0


class DemoFailed(UmsError):
    """The numbers are not what the script makes them, or a process did not come up."""


class Demo:
    """The running installation, as an application sees it."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, channel: str) -> None:
        """As this Channel, of the example."""
        self._settings, self._session, self._channel = settings, session, channel
        self._sandbox = f"http://{settings.sandbox}/_control"

    async def ready(self) -> None:
        """Both the API and the sandbox answer."""
        until = time.monotonic() + PATIENCE
        for url in (f"{self._settings.public_url}/readyz", f"{self._sandbox}/jpush/record"):
            while not await self._answers(url):
                if time.monotonic() > until:
                    raise DemoFailed(f"{url} did not answer within {PATIENCE:.0f} s")
                await asyncio.sleep(0.1)

    async def _answers(self, url: str) -> bool:
        try:
            async with self._session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def asks(self, query: str, *, people: bool = False, **variables: Any) -> Any:
        """The data of a GraphQL request, as the Channel or with the people key."""
        user = "people" if people else self._channel
        secret = SecretRef(env="UMS_PEOPLE_SECRET" if people else f"{user.upper()}_MASTER_SECRET")
        headers = {"authorization": aiohttp.encode_basic_auth(user, self._settings.resolve(secret))}
        url = f"{self._settings.public_url}/graphql"
        async with self._session.post(url, json={"query": query, "variables": variables}, headers=headers) as response:
            answer = await response.json()
        if answer.get("errors"):
            raise DemoFailed(f"GraphQL: {answer['errors']}")
        return answer["data"]

    async def knows(self, people: Iterable[dict[str, Any]]) -> None:
        """Upload them, as UserInput."""
        everybody = list(people)
        for start_at in range(0, len(everybody), 500):
            part = everybody[start_at : start_at + 500]
            uploaded = (await self.asks(_UPSERT, people=True, users=part))["upsertUsers"]
            out.print(f"upsertUsers: {uploaded['written']} written, {len(uploaded['problems'])} problems")

    async def sends(self, given: dict[str, Any]) -> str:
        """The id of the message."""
        payload = (await self.asks(_SEND, input=given))["sendMessage"]
        if payload["problems"]:
            raise DemoFailed(f"sendMessage: {payload['problems']}")
        message_id: str = payload["message"]["id"]
        out.print(f"sendMessage: message {message_id} accepted")
        return message_id

    async def funnels(self, message_id: str, wanted: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """Those of a message, as soon as they are as wanted, or else as they are when patience ends."""
        until = time.monotonic() + PATIENCE
        while True:
            message = (await self.asks(_FUNNELS, id=message_id))["message"]
            found = {"users": message["users"], "losses": message["losses"]}
            found |= {entry["deliveryChannel"]: entry["funnel"] for entry in message["deliveryChannels"]}
            is_there = all(found.get(name, {}).items() >= numbers.items() for name, numbers in wanted.items())
            if (is_there and message["state"] == "DONE") or time.monotonic() > until:
                return found
            await asyncio.sleep(0.2)

    async def follows(self, token: str) -> None:
        """Somebody clicks on a link of UMS."""
        url = f"{self._settings.public_url}/c/{token}"
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 302:
                raise DemoFailed(f"{url} led nowhere: HTTP {response.status}")

    async def plays(self, platform: str, script: dict[str, Any]) -> None:
        async with self._session.put(f"{self._sandbox}/{platform}/script", json=script) as response:
            response.raise_for_status()

    async def record(self, platform: str) -> Any:
        async with self._session.get(f"{self._sandbox}/{platform}/record") as response:
            return await response.json()


_UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { path message } } }"

_SEND = """
mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { path message } } }"""

_FUNNELS = """
query ($id: ID!) { message(id: $id) {
  state
  users { planned effective sent delivered clicked }
  deliveryChannels { deliveryChannel funnel { planned effective sent delivered clicked } }
  losses { deliveryChannel stage reason number }
} }"""
