"""The way out to URLs that somebody gave us: nowhere but to public addresses, unless the operator allows others.

A URL is somebody's input, and so is what its name resolves to. Every address is judged where the connection is made,
so neither a literal address, nor a name that changes its mind, nor a redirect leads into the operator's own network.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


class NotAllowed(OSError):
    """The URL leads to an address that it may not lead to."""


@dataclass(frozen=True)
class Allowed:
    """Whether private, loopback and link-local addresses are, and the setting that says so."""

    private: bool
    setting: str


@asynccontextmanager
async def opened_way_out(allowed: Allowed, seconds: float) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for this event loop; each request ends within so many seconds."""

    def public_socket(where: tuple[Any, ...]) -> socket.socket:
        """The socket for one address of `getaddrinfo`; raises NotAllowed when that is not a public one."""
        family, kind, protocol, _, address = where
        if not allowed.private and not is_public(address[0]):
            raise NotAllowed(f"{address[0]} is not a public address; {allowed.setting} in ums.yaml would allow it")
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        resolver=aiohttp.ThreadedResolver(), use_dns_cache=False, force_close=True, socket_factory=public_socket
    )
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds / 2)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    ) as session:
        yield session


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet, through every disguise of an IPv4 address in an IPv6 one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
        elif found.teredo or int(found) >> 32 == 0:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)
