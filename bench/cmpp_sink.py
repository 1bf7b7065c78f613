"""A CMPP 2.0 gateway that takes every SUBMIT and keeps nothing, in its own process: too fast to be what is measured.

    python bench/cmpp_sink.py <port>

A TERMINATE is answered with the number of SUBMITs that it took, in four bytes that the protocol does not have.
"""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from installation import end, until

from ums.sandbox import free_address

HEADER = struct.Struct(">III")
ANSWER = 0x8000_0000
CONNECT, TERMINATE, SUBMIT = 1, 2, 4


class Conversation(asyncio.Protocol):
    """One connection."""

    submits = 0
    """Taken by all of them."""

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]  # TCP is such a one
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        received, at, answers = self._received + data, 0, []
        while len(received) - at >= HEADER.size:
            length, command, sequence = HEADER.unpack_from(received, at)
            if len(received) - at < length:
                break
            answers.append(self._answer(command, sequence))
            at += length
        self._received = received[at:]
        self._transport.write(b"".join(answers))

    def _answer(self, command: int, sequence: int) -> bytes:
        body = b""
        if command == CONNECT:
            body = bytes(17) + b"\x20"
        if command == SUBMIT:
            Conversation.submits += 1
            body = struct.pack(">QB", Conversation.submits, 0)
        if command == TERMINATE:
            body = struct.pack(">I", Conversation.submits)
        return HEADER.pack(HEADER.size + len(body), ANSWER | command, sequence) + body


@contextmanager
def cmpp_sink() -> Iterator[int]:
    """A running one; its port."""
    port = free_address().port
    running = subprocess.Popen([sys.executable, __file__, str(port)])
    try:
        until(lambda: _listens(port), "the gateway")
        yield port
    finally:
        end(running)


def taken(port: int) -> int:
    """SUBMITs so far."""
    with socket.create_connection(("127.0.0.1", port), 10) as asking:
        asking.sendall(HEADER.pack(HEADER.size, TERMINATE, 1))
        answer = asking.recv(HEADER.size + 4, socket.MSG_WAITALL)
    return int.from_bytes(answer[HEADER.size :], "big")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
