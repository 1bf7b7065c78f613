"""One connection to a CMPP gateway, logged in: a window of unanswered SUBMITs, and a heartbeat in both directions."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.cmpp import wire
from ums.providers.cmpp.wire import Command, Layout, Malformed, Pdu, Submitted

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 30.0
"""Of silence before an ACTIVE_TEST. The standard says 180; gateways close idle connections sooner."""
TESTS = 3
"""Unanswered ones before the connection counts as lost."""
GOODBYE_SECONDS = 2.0
BEIJING = timezone(timedelta(hours=8))

# Of CONNECT_RESP; whatever is not here is the supplier's own.
STATUSES = {
    1: "wrong structure",
    2: "no such account",
    3: "wrong password",
    4: "it does not speak this version: set version to the one that the supplier names",
}


@dataclass(frozen=True)
class Gateway:
    """Where and how an account's DeliveryChannel connects."""

    host: str
    port: int
    account: str
    password: str = field(repr=False)
    layout: Layout
    window: int
    """SUBMITs that may be unanswered on one connection."""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


Arrival = Callable[["Link", Pdu], None]
"""Called with each DELIVER, which somebody must answer."""


async def opened(gateway: Gateway, arrived: Arrival) -> "Link":
    """Raises ProviderRefused when the operator must act, and ProviderBusy when later may do."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    except OSError as error:
        raise ProviderBusy("no_connection", f"{gateway.place}: {str(error) or 'no answer'}") from error
    link = Link(gateway, reader, writer, arrived)
    try:
        await link.log_in()
    except BaseException:
        link.lost("not logged in")
        await link.gone()
        raise
    return link


class Link:
    def __init__(
        self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrived: Arrival
    ) -> None:
        self.gateway = gateway
        self.is_open = True
        """Whether SUBMITs may be sent."""
        self.load = 0
        """Turns that are taken or wanted."""
        self._reader, self._writer, self._arrived = reader, writer, arrived
        self._window = asyncio.Semaphore(gateway.window)
        self._unanswered: dict[tuple[int, int], asyncio.Future[Pdu]] = {}
        """By command and sequence of the answer."""
        self._sequence = 0
        self._heard = asyncio.get_running_loop().time()
        self._tests = 0
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]

    async def log_in(self) -> None:
        gateway = self.gateway
        stamp = datetime.now(BEIJING).strftime("%m%d%H%M%S")
        body = wire.connect(gateway.account, gateway.password, stamp, gateway.layout)
        try:
            answer = await self._ask(Command.CONNECT, body, CONNECT_SECONDS)
            status, layout = wire.connected(answer.body)
        except (OutcomeUnknown, Malformed) as error:
            # Nothing was submitted yet; many gateways hang up on addresses that they do not know.
            words = f"{gateway.place}: no answer to CONNECT ({error}); is this machine's IP address allowed there?"
            raise ProviderBusy("no_connection", words) from error
        if status:
            words = STATUSES.get(status, "too many connections, or an IP address that is not allowed?")
            raise ProviderRefused(f"connect_{status}", f"{gateway.place}: {words}")
        if layout is not gateway.layout:
            raise ProviderRefused("version", f"{gateway.place} answers in the other version of CMPP: change version")

    async def turn(self) -> None:
        """Wait until the window has room; `turn_over` gives it back."""
        self.load += 1
        try:
            await self._window.acquire()
        except BaseException:
            self.load -= 1
            raise

    def turn_over(self) -> None:
        self.load -= 1
        self._window.release()

    async def submit(self, body: bytes) -> Submitted:
        """Raises ProviderBusy when it was not sent, OutcomeUnknown when it was and no answer came."""
        if not self.is_open:
            raise ProviderBusy("no_connection", f"{self.gateway.place}: the connection was lost")
        answer = await self._ask(Command.SUBMIT, body, ANSWER_SECONDS)
        try:
            return wire.submitted(answer.body)
        except Malformed as error:
            raise OutcomeUnknown(f"{self.gateway.place}: {error}") from error

    def answer(self, request: Pdu, body: bytes = b"") -> None:
        """Nothing happens when the connection is gone."""
        self._write(Pdu(wire.RESPONSE | request.command, request.sequence, body))

    async def close(self) -> None:
        """Wait a moment for outstanding answers, and say goodbye."""
        self.is_open = False
        if self._unanswered:
            await asyncio.wait(self._unanswered.values(), timeout=GOODBYE_SECONDS)
        if not self._writer.is_closing():
            with suppress(OutcomeUnknown):
                await self._ask(Command.TERMINATE, b"", GOODBYE_SECONDS)
        self.lost("closed")
        await self.gone()

    def lost(self, why: str) -> None:
        """Whatever was not answered will never be."""
        self.is_open = False
        for answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown(f"{self.gateway.place}: {why}"))
        self._writer.transport.abort()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def gone(self) -> None:
        """Wait until a lost connection holds nothing any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, command: Command, body: bytes, seconds: float) -> Pdu:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        request = Pdu(command, self._sequence, body)
        key = wire.RESPONSE | command, request.sequence
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._unanswered[key] = answer
        try:
            self._write(request)
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError as error:
            raise OutcomeUnknown(f"{self.gateway.place}: no answer to {command.name} in {seconds:g} s") from error
        finally:
            del self._unanswered[key]

    def _write(self, pdu: Pdu) -> None:
        if not self._writer.is_closing():
            self._writer.write(pdu.packed())

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self._next())
        except Malformed as error:
            self.lost(str(error))
        except (OSError, EOFError) as error:
            self.lost(f"connection lost: {type(error).__name__}")

    async def _next(self) -> Pdu:
        total, command, sequence = wire.HEADER.unpack(await self._reader.readexactly(wire.HEADER.size))
        if not wire.HEADER.size <= total <= wire.LONGEST:
            raise Malformed(f"a PDU of {total} bytes: not CMPP")
        body = await self._reader.readexactly(total - wire.HEADER.size)
        return Pdu(command, sequence, body)

    def _take(self, pdu: Pdu) -> None:
        self._heard, self._tests = asyncio.get_running_loop().time(), 0
        if pdu.command & wire.RESPONSE:
            answer = self._unanswered.get((pdu.command, pdu.sequence))
            if answer and not answer.done():
                answer.set_result(pdu)
        elif pdu.command == Command.DELIVER:
            self._arrived(self, pdu)
        elif pdu.command == Command.ACTIVE_TEST:
            self.answer(pdu, b"\0")
        elif pdu.command == Command.TERMINATE:
            # What is outstanding may still be answered until the gateway closes.
            self.is_open = False
            self.answer(pdu)
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self.lost, "ended by the gateway")

    async def _beat(self) -> None:
        """Outside the window, and without waiting for each answer: any PDU shows that the gateway is there."""
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            if asyncio.get_running_loop().time() - self._heard < IDLE_SECONDS:
                continue
            if self._tests == TESTS:
                return self.lost(f"no answer to {TESTS} ACTIVE_TESTs")
            self._tests += 1
            self._sequence = self._sequence % 0xFFFF_FFFF + 1
            self._write(Pdu(Command.ACTIVE_TEST, self._sequence))
