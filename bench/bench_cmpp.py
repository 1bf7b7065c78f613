"""Text messages through the CMPP provider over one connection, against a bare client that fills the same window.

    python bench/bench_cmpp.py [number of text messages, 20,000 unless given]

Both hand SUBMITs with one number each to a gateway in another process that takes everything, and keep 16 of them
unanswered; the bare client is an asyncio protocol that writes PDUs of bytes made beforehand. Then the provider sends as
many to the sandbox, which reads every field. Three rounds; read the rate of the provider (target: 2,000 a second) and
the ratio (its rate over the bare one).
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator

import aiohttp
import uvloop
from cmpp_sink import ANSWER, CONNECT, HEADER, SUBMIT, cmpp_sink, taken
from installation import installation

from ums.providers.cmpp.provider import Cmpp
from ums.providers.contract import Account, Submission, Target
from ums.settings import Settings
from ums.vocabulary import SandboxAddress, State

WINDOW = 16
AT_ONCE = 4
"""Submissions, as a worker's concurrency."""
TEXT = "Order 10086 is on its way: https://shop.example/o/10086"
BODY = b"".join(
    (
        bytes(8) + b"\1\1\1\1" + bytes(10) + b"\2" + bytes(21 + 3) + b"900001" + b"01000000" + bytes(34),
        b"10690001".ljust(21, b"\0") + b"\1%s" + bytes([len(TEXT)]) + TEXT.encode() + bytes(8),
    )
)


class Bare(asyncio.Protocol):
    """Logs in, keeps the window full until all numbers are sent, and counts the answers."""

    def __init__(self, number: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbers = iter(range(1, number + 1))
        self._left, self._received = number, b""

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]  # TCP is such a one
        self._transport = transport
        transport.write(HEADER.pack(39, CONNECT, 1) + b"900001" + bytes(16) + b"\x20" + bytes(4))

    def data_received(self, data: bytes) -> None:
        received, at = self._received + data, 0
        while len(received) - at >= HEADER.size and len(received) - at >= (
            length := HEADER.unpack_from(received, at)[0]
        ):
            self._answered(HEADER.unpack_from(received, at)[1])
            at += length
        self._received = received[at:]

    def _answered(self, command: int) -> None:
        if command == ANSWER | SUBMIT:
            self._left -= 1
            if not self._left:
                self.done.set_result(None)
        for n in itertools.islice(self._numbers, WINDOW if command == ANSWER | CONNECT else 1):
            body = BODY.replace(b"%s", b"138%08d" % n + bytes(10))
            self._transport.write(HEADER.pack(HEADER.size + len(body), SUBMIT, n) + body)


async def bare(port: int, number: int) -> float:
    """SUBMITs a second."""
    begun = time.perf_counter()
    transport, client = await asyncio.get_running_loop().create_connection(lambda: Bare(number), "127.0.0.1", port)
    async with asyncio.timeout(120):
        await client.done
    transport.close()
    return number / (time.perf_counter() - begun)


async def provider(number: int, port: int = 0, sandbox: SandboxAddress | None = None) -> float:
    """SUBMITs a second."""
    credentials = {"supplier": "Any", "host": "127.0.0.1", "port": port, "account": "900001", "password": "888888"}
    account = Account("sms", credentials | {"accessNumber": "10690001", "window": WINDOW}, sandbox)
    async with aiohttp.ClientSession() as session:
        sms = Cmpp(account, session)
        waiting = _submissions(number, sms.batch_limit)

        async def lane() -> None:
            for submission in waiting:
                answer = await sms.send(submission)
                assert {outcome.state for outcome in answer.outcomes} == {State.SUBMITTED}

        begun = time.perf_counter()
        async with asyncio.timeout(120):
            await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
        taking = time.perf_counter() - begun
        await sms.close()
    return number / taking


def _submissions(number: int, most: int) -> Iterator[Submission]:
    targets = (Target(n, f"+86138{n:08}") for n in range(1, number + 1))
    while some := list(itertools.islice(targets, most)):
        yield Submission("", {"content": TEXT}, some, 0)


async def rounds(settings: Settings, port: int, number: int) -> None:
    for _ in range(3):
        before = taken(port)
        floor, rate = await bare(port, number), await provider(number, port)
        assert taken(port) - before == 2 * number, "every text reaches the gateway once"
        reading = await provider(number, sandbox=SandboxAddress.parse(settings.sandbox))
        print(
            f"{number} texts: provider {rate:.0f}/s, bare {floor:.0f}/s, ratio {rate / floor:.2f}; "
            f"to the sandbox {reading:.0f}/s"
        )


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with cmpp_sink() as port, installation() as installed:
        uvloop.run(rounds(installed, port, number))


if __name__ == "__main__":
    main()
