"""A CMPP gateway that says what a test tells it to, however wrong; its bytes are written here by hand."""

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ums.providers.cmpp.provider import Cmpp
from ums.providers.contract import Account, Submission, Target

CONNECT, TERMINATE, SUBMIT, DELIVER, ACTIVE_TEST = 1, 2, 4, 5, 8
WELCOME = bytes(17) + b"\x20"
"""A CONNECT_RESP of 2.0."""
WELCOME_3 = bytes(20) + b"\x30"
MSG_ID = 0xB2B9DA8003E90005
SETTLED = 0x7FFF_FFFF
HANG_UP, SILENCE = object(), object()


def answered(result: int, msg_id: int = MSG_ID) -> bytes:
    """The body of a SUBMIT_RESP of 2.0."""
    return struct.pack(">QB", msg_id, result)


def report(stat: str, msg_id: int = MSG_ID, number: str = "13800000001", done: str = "0000000000") -> bytes:
    """The body of a DELIVER of 2.0 that carries a report."""
    content = struct.pack(">Q7s10s10s21sI", msg_id, stat.encode(), b"2311221000", done.encode(), number.encode(), 9)
    head = struct.pack(">Q21s10s3s21sBB", 77, b"10690001", b"SHOP", b"", number.encode(), 1, len(content))
    return head + content + bytes(8)


@dataclass
class Gateway:
    """One connection after the other; `answers` go to SUBMITs in turn, the last one for ever."""

    port: int = 0
    welcome: Any = WELCOME
    answers: deque[Any] = field(default_factory=lambda: deque([answered(0)]))
    heard: "asyncio.Queue[tuple[int, int, bytes]]" = field(default_factory=asyncio.Queue)
    """Everything but CONNECT and TERMINATE: command, sequence, body."""
    connects: list[bytes] = field(default_factory=list)
    goodbyes: int = 0
    _writer: asyncio.StreamWriter | None = None
    _talks: set["asyncio.Task[None]"] = field(default_factory=set)

    def say(self, command: int, sequence: int, body: bytes = b"") -> None:
        """On the newest connection, as all that is not an answer."""
        self.write(pdu(command, sequence, body))

    def write(self, raw: bytes) -> None:
        assert self._writer
        self._writer.write(raw)

    def hang_up(self) -> None:
        assert self._writer
        self._writer.transport.abort()

    async def next(self, command: int) -> tuple[int, bytes]:
        """Sequence and body of the next PDU; it must be this one."""
        heard, sequence, body = await asyncio.wait_for(self.heard.get(), 10)
        assert heard == command
        return sequence, body

    async def settled(self) -> None:
        """Until all that was said has been read: PDUs are taken in order. What was heard meanwhile stays."""
        self.say(ACTIVE_TEST, SETTLED)
        heard = []
        while (told := await asyncio.wait_for(self.heard.get(), 10))[1] != SETTLED:
            heard.append(told)
        for told in heard:
            self.heard.put_nowait(told)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        if talk := asyncio.current_task():
            self._talks.add(talk)
        try:
            while True:
                length, command, sequence = struct.unpack(">III", await reader.readexactly(12))
                answer = self._heard(command, sequence, await reader.readexactly(length - 12))
                if answer is HANG_UP:
                    writer.transport.abort()
                elif answer is not SILENCE:
                    writer.write(pdu(0x80000000 | command, sequence, answer))
        except (OSError, EOFError):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def end(self) -> None:
        """Of all connections."""
        if self._writer:
            self._writer.close()
        await asyncio.gather(*self._talks)

    def _heard(self, command: int, sequence: int, body: bytes) -> Any:
        """What is answered."""
        if command == CONNECT:
            self.connects.append(body)
            return self.welcome
        if command == TERMINATE:
            self.goodbyes += 1
            return b""
        self.heard.put_nowait((command, sequence, body))
        if command != SUBMIT:
            return SILENCE
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]


def pdu(command: int, sequence: int, body: bytes) -> bytes:
    return struct.pack(">III", 12 + len(body), command, sequence) + body


@asynccontextmanager
async def gateway(*answers: Any, **more: Any) -> AsyncIterator[Gateway]:
    made = Gateway(**more)
    if answers:
        made.answers = deque(answers)
    server = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()


@asynccontextmanager
async def texter(session: aiohttp.ClientSession, at: Gateway, **credentials: Any) -> AsyncIterator[Cmpp]:
    """A provider that sends there."""
    known = {"supplier": "Any", "host": "127.0.0.1", "port": at.port, "account": "900001", "password": "888888"}
    made = Cmpp(Account("it", known | {"accessNumber": "10690001"} | credentials), session)
    try:
        yield made
    finally:
        await made.close()


def submission(*addresses: str, content: str = "Hello") -> Submission:
    targets = [Target(number, address) for number, address in enumerate(addresses or ("+8613800000001",), 1)]
    return Submission("", {"content": content}, targets, 0)
