"""A mail server that takes everything and keeps nothing, in a process of its own: too fast to be what is measured.

    python bench/smtp_sink.py <port> [<certificate and key>]

It speaks as much of RFC 5321, 4954 and, with a certificate, 3207 as clients need, takes pipelined commands, and answers
HELP with the number of messages that it took.
"""

import asyncio
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvloop
from installation import end, until

from ums.sandbox import free_address

GREETING = b"250-sink.example\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"
ANSWERS = {
    b"EHLO": GREETING,
    b"HELO": b"250 sink.example\r\n",
    b"AUTH": b"235 2.7.0 Come in\r\n",
    b"MAIL": b"250 2.1.0 OK\r\n",
    b"RCPT": b"250 2.1.5 OK\r\n",
    b"DATA": b"354 Go on\r\n",
    b"RSET": b"250 2.0.0 OK\r\n",
    b"NOOP": b"250 2.0.0 OK\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


class Conversation(asyncio.Protocol):
    """One connection."""

    messages = 0
    """Taken by all of them."""
    tls: ssl.SSLContext | None = None

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]  # TCP is such a one
        self._transport = transport
        self._received, self._in_content = b"", False
        transport.write(b"220 sink.example ESMTP\r\n")

    async def _encrypt(self) -> None:
        assert self.tls
        self._transport.write(b"220 2.0.0 Go on\r\n")
        loop = asyncio.get_running_loop()
        encrypted = await loop.start_tls(self._transport, self, self.tls, server_side=True)
        self._transport, self._received = cast("asyncio.WriteTransport", encrypted), b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._content() if self._in_content else self._command():
            pass

    def _content(self) -> bool:
        """Whether the message came to its end."""
        _, dot, after = self._received.partition(b"\r\n.\r\n")
        if not dot:
            return False
        self._received, self._in_content = after, False
        Conversation.messages += 1
        self._transport.write(b"250 2.0.0 OK: taken\r\n")
        return True

    def _command(self) -> bool:
        """Whether there was a whole one."""
        line, ending, self._received = self._received.partition(b"\r\n")
        if not ending:
            self._received = line
            return False
        verb = line[:4].upper()
        if verb == b"STAR" and self.tls:
            self._encrypting = asyncio.get_running_loop().create_task(self._encrypt())
            return False
        taken = b"214 %d\r\n" % Conversation.messages
        self._transport.write(taken if verb == b"HELP" else ANSWERS.get(verb, b"502 5.5.1 Not here\r\n"))
        if verb == b"DATA":
            # The end of the command's line is that of the content's first line too, should it be empty.
            self._received, self._in_content = b"\r\n" + self._received, True
        if verb == b"QUIT":
            self._transport.close()
        return verb != b"QUIT"


@contextmanager
def smtp_sink(certificate: str = "") -> Iterator[int]:
    """A running one; its port. With a file of certificate and key it offers STARTTLS."""
    port = free_address().port
    running = subprocess.Popen([sys.executable, __file__, str(port), *filter(None, [certificate])])
    try:
        until(lambda: _listens(port), "the mail server")
        yield port
    finally:
        end(running)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def taken(port: int) -> int:
    """Messages so far."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example", timeout=10) as client:
        return int(client.docmd("HELP")[1])


async def serve(port: int, certificate: str = "") -> None:
    if certificate:
        Conversation.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        Conversation.tls.load_cert_chain(certificate)
        ANSWERS[b"EHLO"] = GREETING.replace(b"250 AUTH", b"250-STARTTLS\r\n250 AUTH")
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *sys.argv[2:]))
