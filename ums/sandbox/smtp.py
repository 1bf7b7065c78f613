"""Stands in for an SMTP server: one port offers STARTTLS, the other speaks TLS from the first byte.

The local part of a recipient decides what happens to it; whatever follows the last piece is free:

    code-550-5.1.1-rcpt...      that answer to RCPT (or to the final dot: code-552-5.3.4-dot...)
    greylist-2-...              450 to the first two RCPTs of this address, then accepted
    drop-before-dot...          the connection ends before the message was handed over
    drop-after-dot...           the message is stored, and the connection ends without an answer
    slow-dot...                 the answer to the final dot takes two seconds
"""

import asyncio
import logging
import re
import ssl
from collections import Counter
from functools import partial
from typing import ClassVar
from uuid import uuid4

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ums.sandbox.stage import Stage, StandIn

CODE = re.compile(r"code-(\d{3})-(\d\.\d{1,3}\.\d{1,3})-(rcpt|dot)")
GREYLIST = re.compile(r"greylist-(\d+)-")
SLOW_SECONDS = 2.0


class SmtpStandIn(StandIn):
    platform: ClassVar = "smtp"

    async def start(self) -> None:
        # aiosmtpd tells of every line, and warns of a property that it reads itself.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop, address = asyncio.get_running_loop(), self.stage.address
        self._open: set[Conversation] = set()
        handler = Handler(self.stage)
        plain = partial(Conversation, handler, self._open, tls_context=self.stage.tls)
        encrypted = partial(Conversation, handler, self._open)
        self._servers = [await loop.create_server(plain, address.host, address.smtp_port)]
        try:
            secure = await loop.create_server(encrypted, address.host, address.smtps_port, ssl=self.stage.tls)
        except OSError:
            await self.stop()
            raise
        self._servers.append(secure)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        ended = [conversation.end() for conversation in list(self._open)]
        await asyncio.gather(*ended, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()


class Handler:
    """Decides what the server says; the names of its methods are those that aiosmtpd calls."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._seen: Counter[str] = Counter()

    def authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        user, password = given.login.decode(), given.password.decode()
        success = self._stage.script.accepts(user, password)
        return AuthResult(success=success, handled=success, auth_data=given)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self._stage.script.latency)
        if self._stage.next("busy", self._stage.script.busy):
            self._stage.record.turned_away += 1
            return "450 4.3.2 Too busy, try again later"
        limit = self._stage.script.per_minute
        if limit and self._stage.used(_user(session) or "")[0] > limit:
            self._stage.record.turned_away += 1
            return "450 4.7.1 Too many messages in this minute"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self._seen[address] += 1
        refusal = _scripted(address, "rcpt") or self._refusal(address)
        if refusal:
            self._stage.record.turned_away += 1
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    def _refusal(self, address: str) -> str | None:
        greylisted = GREYLIST.match(address)
        if greylisted and self._seen[address] <= int(greylisted[1]):
            return "450 4.7.1 Greylisted, try again later"
        if self._stage.script.refuses(address):
            return "550 5.1.1 No such user here"
        return None

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: "Conversation", session: Session, envelope: Envelope
    ) -> str:
        refusal = next(filter(None, (_scripted(address, "dot") for address in envelope.rcpt_tos)), None)
        if refusal or self._stage.every("error", self._stage.script.error_rate):
            self._stage.record.turned_away += 1
            return refusal or "451 4.3.0 Internal error"
        queued = uuid4().hex[:12].upper()
        self._store(server, session, envelope, queued)
        if _any(envelope, "slow-dot"):
            await asyncio.sleep(SLOW_SECONDS)
        if _any(envelope, "drop-after-dot") or self._stage.every("lost", self._stage.script.lose_answer):
            await server.hang_up()
        if self._stage.next("garbage", self._stage.script.garbage):
            return "%$ garbage"
        return f"250 2.0.0 OK: queued as {queued}"

    def _store(self, server: "Conversation", session: Session, envelope: Envelope, queued: str) -> None:
        self._stage.record.accept(
            list(envelope.rcpt_tos),
            sender=envelope.mail_from,
            raw=(envelope.original_content or b"").decode("latin-1"),
            tls=server.is_encrypted,
            user=_user(session),
            queued=queued,
        )


class Conversation(SMTP):
    """One connection; `others` holds those that are open."""

    def __init__(
        self, handler: Handler, others: "set[Conversation]", *, tls_context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(
            handler,
            hostname="sandbox.example",
            ident="UMS sandbox",
            tls_context=tls_context,
            authenticator=handler.authenticated,
            auth_require_tls=False,  # a test may want a password in clear on loopback
            loop=asyncio.get_running_loop(),
        )
        self._others = others

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._others.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._others.discard(self)
        super().connection_lost(error)

    @property
    def is_encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if self.envelope and _any(self.envelope, "drop-before-dot"):
            await self.hang_up()
        await super().smtp_DATA(arg)

    async def hang_up(self) -> None:
        """Cut the line; losing it cancels the task that calls this."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        await asyncio.Event().wait()

    async def end(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        if self._handler_coroutine:
            await self._handler_coroutine


def _scripted(address: str, step: str) -> str | None:
    found = CODE.match(address)
    return f"{found[1]} {found[2]} As the address asks" if found and found[3] == step else None


def _user(session: Session) -> str | None:
    login: bytes | None = getattr(session.auth_data, "login", None)
    return login.decode() if login else None


def _any(envelope: Envelope, start: str) -> bool:
    return any(address.startswith(start) for address in envelope.rcpt_tos)
