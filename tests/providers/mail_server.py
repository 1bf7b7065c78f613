"""An SMTP server that says what a test tells it to, however wrong; and a provider that sends to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.providers.conftest import each
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.smtp.provider import Smtp
from ums.vocabulary import SandboxAddress

SAID = {
    "banner": "220 ready",
    "EHLO": "250 ready",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    "dot": "250 OK: queued as 77",
    "RSET": "250 OK",
    "QUIT": "221 bye",
    "enough": "421 that is enough",
}
HANG_UP = ""

CONTENT: dict[str, Any] = {"subject": "Your order", "text": "<p>It is on its way.</p>"}
CREATED = 1_700_000_000_000
LOGIN: dict[str, Any] = {"account": "shop", "password": "secret"}


@dataclass
class MailServer:
    """`said` by verb, `banner` and `dot`: a text for ever, or a list whose last member stays."""

    said: dict[str, str | list[str]]
    port: int = 0
    patience: int = 1000
    """Mails that it takes in one conversation; then it says 421."""
    pause: float = 0.0
    """Seconds before its answer to the final dot."""
    open: int = 0
    conversations: int = 0
    heard: list[str] = field(default_factory=list)
    """Every command, in order."""
    mails: list[bytes] = field(default_factory=list)

    def verbs(self) -> list[str]:
        return [command.partition(" ")[0] for command in self.heard]

    async def deserted(self) -> bool:
        """Whether everybody is gone, within a second."""
        deadline = asyncio.get_running_loop().time() + 1
        while self.open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)
        return self.open == 0

    def _next(self, verb: str) -> str:
        answer = self.said.get(verb, "500 what?")
        if isinstance(answer, str):
            return answer
        return answer.pop(0) if len(answer) > 1 else answer[0]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations += 1
        self.open += 1
        try:
            await self._talk(reader, writer)
        except ConnectionError:
            pass  # a client may leave in any way it likes
        finally:
            self.open -= 1
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb, taken = "banner", 0
        while answer := self._next(verb):
            writer.write(answer.encode() + b"\r\n")
            if answer.startswith("354"):
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                await asyncio.sleep(self.pause)
                verb, taken = "dot", taken + 1
                continue
            line = await reader.readline()
            if not line:
                break
            self.heard.append(line.decode().strip())
            verb = self.heard[-1].partition(" ")[0]
            if verb == "MAIL" and taken >= self.patience:
                verb = "enough"


@asynccontextmanager
async def mail_server(**said: str | list[str]) -> AsyncIterator[MailServer]:
    made = MailServer({**SAID, **said})
    server = await asyncio.start_server(made.converse, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def mailer(
    session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **credentials: Any
) -> AsyncIterator[Smtp]:
    provider = Smtp(Account("shopmail", {"sender": "Shop <shop@shop.example>"} | credentials, sandbox), session)
    try:
        yield provider
    finally:
        await provider.close()


def at(server: MailServer) -> dict[str, Any]:
    """The credentials that lead to it."""
    return {"server": "127.0.0.1", "port": server.port}


def submission(*addresses: str, content: dict[str, Any] | None = None) -> Submission:
    targets = [Target(number, address) for number, address in enumerate(addresses or ("ann@people.example",), 1)]
    return Submission("", content or CONTENT, targets, CREATED)


async def told(session: aiohttp.ClientSession, server: MailServer, *addresses: str) -> list[Outcome]:
    """What became of one mail each, sent one after the other."""
    async with mailer(session, **at(server), encryption="none", connections=1) as provider:
        sent = submission(*addresses)
        return each(await provider.send(sent), sent.targets)
