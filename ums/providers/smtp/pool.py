"""Connections to one SMTP server, opened as its DeliveryChannel demands and used again: RFC 5321, 3207, 4954.

Opening one raises ProviderRefused when the operator must act (certificate, password, no STARTTLS) and ProviderBusy
when later may do.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache

import aiosmtplib
from aiosmtplib import SMTP

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account

CONNECT_SECONDS = 30.0
COMMAND_SECONDS = 60.0
QUIT_SECONDS = 2.0
IDLE_SECONDS = 30.0
"""Servers close idle connections after 30 to 300 s."""

LOGINS = {"plain": SMTP.auth_plain, "login": SMTP.auth_login, "cram-md5": SMTP.auth_crammd5}
"""In the order of preference; most Chinese servers offer LOGIN only."""


class Server:
    """Where and how an account's DeliveryChannel connects."""

    def __init__(self, account: Account) -> None:
        credentials, sandbox = account.credentials, account.sandbox
        self.encryption = str(credentials.get("encryption", "none"))
        """`none`, `ssl` (TLS from the first byte) or `starttls`."""
        self.host, self.port = str(credentials.get("server", "")), int(credentials.get("port", 0))
        if sandbox:
            self.host = sandbox.host
            self.port = sandbox.smtps_port if self.encryption == "ssl" else sandbox.smtp_port
        self.user, self.password = str(credentials.get("account", "")), str(credentials.get("password", ""))
        self._ca_file = credentials.get("caFile")
        self._verify = credentials.get("verifyCertificate", True) and not sandbox

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """None for a conversation in clear; raises OSError when the CA file cannot be read."""
        return None if self.encryption == "none" else self.trusting()

    def trusting(self) -> ssl.SSLContext:
        """As the account says whom to trust; raises OSError when the CA file cannot be read."""
        context = ssl.create_default_context(cafile=self._ca_file)
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    @property
    def is_loopback(self) -> bool:
        with suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


@dataclass
class Connection:
    """An open, greeted and authenticated conversation, and how many messages it has carried."""

    client: SMTP
    messages: int = 0
    expiry: asyncio.TimerHandle | None = None

    async def quit(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            await self.client.quit(timeout=QUIT_SECONDS)
        self.client.close()


class Pool:
    """At most `size` connections at a time, each for at most `messages` messages."""

    def __init__(self, server: Server, size: int, messages: int) -> None:
        self.server = server
        self.size = size
        self._messages = messages
        self._free = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self, *, fresh: bool = False) -> AsyncIterator[Connection]:
        """One to oneself; it goes back to the others while it is still open. `fresh`: never used before."""
        async with self._free:
            connection = self._reused()
            if connection and fresh:
                await connection.quit()  # it would be one too many
                connection = None
            connection = connection or Connection(await opened(self.server))
            try:
                yield connection
            except BaseException:
                connection.client.close()  # nobody knows where in the conversation it stopped
                raise
            await self._back(connection)

    def _reused(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.expiry:
                connection.expiry.cancel()
            if connection.client.is_connected:
                return connection
        return None

    async def _back(self, connection: Connection) -> None:
        if connection.messages >= self._messages or self._closed:
            await connection.quit()
        elif connection.client.is_connected:
            loop = asyncio.get_running_loop()
            connection.expiry = loop.call_later(IDLE_SECONDS, self._expire, connection)
            self._idle.append(connection)

    def _expire(self, connection: Connection) -> None:
        self._idle.remove(connection)
        connection.client.close()

    async def close(self) -> None:
        """Connections in use are closed when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            if connection.expiry:
                connection.expiry.cancel()
        await asyncio.gather(*(connection.quit() for connection in idle))


async def opened(server: Server) -> SMTP:
    """Connected, encrypted as demanded, greeted, and logged in when there is an account."""
    if server.user and server.encryption == "none" and not server.is_loopback:
        raise ProviderRefused("no_tls", "a password is never sent in clear: set encryption to starttls or ssl")
    try:
        client = await _connected(server)
        try:
            await _greet(client)
            if server.encryption == "starttls":
                await client.starttls()  # an SMTPException when it is not offered: never go on in clear
                await _greet(client)
            await _log_in(client, server)
        except BaseException:
            client.close()
            raise
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _who_must_act(server, error) from error
    return client


async def _connected(server: Server) -> SMTP:
    own_name = await asyncio.to_thread(_own_name)
    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=own_name,
        timeout=COMMAND_SECONDS,
        use_tls=server.encryption == "ssl",
        start_tls=False,
        tls_context=server.tls,
    )
    await client.connect(timeout=CONNECT_SECONDS)
    if "." not in own_name:
        client.local_hostname = _literal(client.get_transport_info("sockname")[0])
    return client


@lru_cache(maxsize=1)
def _own_name() -> str:
    return socket.getfqdn()


def _literal(address: str) -> str:
    """What a machine without a full name says of itself: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3"""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


async def _log_in(client: SMTP, server: Server) -> None:
    """By the first way that the server knows; a wrong password is not tried another way: servers lock accounts."""
    if not server.user:
        return
    offered = [name for name in LOGINS if name in client.server_auth_methods]
    if not offered:
        raise ProviderRefused("no_auth", f"{server.host} offers none of {', '.join(LOGINS)}; remove the account?")
    await LOGINS[offered[0]](client, server.user, server.password)


def _who_must_act(server: Server, error: Exception) -> ProviderRefused | ProviderBusy:
    place = f"{server.host}:{server.port}"
    match error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error:
        case ssl.SSLCertVerificationError(verify_message=why):
            refusal = "certificate", f"{place}: {why}; set caFile to the CA that signed it"
        case ssl.SSLError(reason=why):
            refusal = "tls", f"{place}: {why}; is encryption {server.encryption} right for this port?"
        case FileNotFoundError() | PermissionError():
            refusal = "ca_file", f"caFile: {error}"
        case aiosmtplib.SMTPResponseException(code=code, message=words) if code < 500:
            return ProviderBusy(str(code), f"{place}: {words}")
        case aiosmtplib.SMTPResponseException(code=code, message=words):
            refusal = str(code), f"{place}: {words}"
        case OSError():
            return ProviderBusy("no_connection", f"{place}: {error}")
        case _:
            refusal = "smtp", f"{place}: {error}"
    return ProviderRefused(*refusal)
