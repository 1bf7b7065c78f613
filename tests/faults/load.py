"""A shop under load: people, and a stream of sends that the client repeats under its key until it is accepted."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.processes import Installation

PEOPLE = 400
PATIENCE = 60.0
"""Seconds that a client goes on trying one request."""
TIMEOUT = aiohttp.ClientTimeout(total=15)

SEND = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  message { id } problems { code path message } } }"""
UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { path message } } }"
STATES = "query { messages(first: 100) { edges { node { id state } } } }"


def app(n: int) -> str:
    return f"rid-{n:04}"


def phone(n: int) -> str:
    return f"1380000{n:04}"


def has_app(n: int) -> bool:
    return n % 8 != 0


def has_phone(n: int) -> bool:
    return n % 10 != 0


def person(n: int) -> dict[str, Any]:
    """UserInput; every fortieth cannot be reached at all."""
    addresses: list[dict[str, Any]] = []
    addresses += [{"type": "APP", "bind": "shopapp1", "values": [app(n)]}] if has_app(n) else []
    addresses += [{"type": "SMS", "values": [f"+86{phone(n)}"]}] if has_phone(n) else []
    return {"userId": f"u{n:04}", "set": {"addresses": addresses}}


def audience(number: int) -> tuple[dict[str, Any], int]:
    """Whom the send of this number goes to, and how many they are."""
    if number == 1:
        return {"broadcast": True}, PEOPLE
    if number % 3 == 0:
        return {"addresses": [{"type": "SMS", "addresses": [phone(n) for n in range(1, 81)]}]}, 80
    if number % 3 == 1:
        return {"addresses": [{"type": "APP", "addresses": [app(n) for n in range(1, 121)]}]}, 120
    first = number * 7 % 300 + 1
    return {"users": {"userIds": [f"u{n:04}" for n in range(first, first + 80)]}}, 80


def request(number: int) -> dict[str, Any]:
    """SendMessageInput; what providers are handed bears the number, so that their records can be told apart."""
    target, _ = audience(number)
    given: dict[str, Any] = {"audience": target, "idempotencyKey": f"send-{number}", "priority": "HIGH"}
    push = {"platform": "all", "notification": {"alert": str(number)}}
    content: dict[str, Any] = {"app": push, "sms": {"temp_id": number}}
    if "addresses" in target:
        kind = target["addresses"][0]["type"].lower()
        return given | {"body": {"content": {kind: content[kind]}}}
    if number == 1:
        given["priority"] = "MEDIUM"
    return given | {"body": {"content": content}, "policy": "app-then-sms"}


@dataclass
class Load:
    """One client of one installation. Every send has a number, which is its key and is told to the providers."""

    installation: Installation
    numbers: dict[int, int] = field(default_factory=dict)
    """Message id -> number of the send."""
    errors: Counter[str] = field(default_factory=Counter)
    """What the client met and did not mind."""

    @property
    def planned(self) -> dict[int, int]:
        """Message id -> how many people or direct addresses it was sent to."""
        return {message: audience(number)[1] for message, number in self.numbers.items()}

    async def uploads(self) -> None:
        users = [person(n) for n in range(1, PEOPLE + 1)]
        uploaded = await self.installation.asks(UPSERT, people=True, users=users)
        assert uploaded["upsertUsers"] == {"written": PEOPLE, "problems": []}

    async def streams(self, first: int, last: int, pause: float = 0.15) -> None:
        """Send these numbers one after the other, each until it is accepted."""
        for number in range(first, last + 1):
            await self.sends(number)
            await asyncio.sleep(pause)

    async def sends(self, number: int) -> int:
        """The id of the message; a lost answer or an error of the server is met with the same request again."""
        answer = (await self._insists(SEND, input=request(number)))["sendMessage"]
        assert answer["problems"] == []
        message = int(answer["message"]["id"])
        self.numbers[message] = number
        return message

    async def settled(self, seconds: float) -> None:
        """Wait until every message is done."""
        until = time.monotonic() + seconds
        while True:
            found = (await self._insists(STATES))["messages"]["edges"]
            states = {int(edge["node"]["id"]): edge["node"]["state"] for edge in found}
            if set(states) == set(self.numbers) and set(states.values()) == {"DONE"}:
                return
            assert time.monotonic() < until, f"not done: {states}, sent: {self.numbers}\n{self.installation.told()}"
            await asyncio.sleep(0.25)

    async def _insists(self, query: str, **variables: Any) -> Any:
        until = time.monotonic() + PATIENCE
        while (data := await self._asks(query, variables)) is None:
            assert time.monotonic() < until, f"never accepted: {self.errors}\n{self.installation.told()}"
            await asyncio.sleep(0.2)
        return data

    async def _asks(self, query: str, variables: dict[str, Any]) -> Any:
        """The data; None when there was no answer, or an error instead."""
        headers = {"authorization": aiohttp.encode_basic_auth("shop", "sandbox-shop-master-secret")}
        url, body = f"{self.installation.settings.public_url}/graphql", {"query": query, "variables": variables}
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session,
                session.post(url, json=body) as response,
            ):
                if response.status != 200:
                    self.errors[f"HTTP {response.status}"] += 1
                    return None
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.errors[type(error).__name__] += 1
            return None
        if "errors" in answer:
            self.errors["GraphQL error"] += 1
            return None
        return answer["data"]
