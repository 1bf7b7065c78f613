"""Stand-ins for the providers on this machine: they answer as the providers do, and can be told to misbehave.

Every module or package here that holds a `StandIn` is one. They know nothing of the service that talks to them.
"""

import importlib
import pkgutil
import random
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp import web

from ums.sandbox.certificate import self_signed
from ums.sandbox.control import Control
from ums.sandbox.record import Record
from ums.sandbox.script import Script
from ums.sandbox.stage import Stage, StandIn
from ums.vocabulary import SandboxAddress

BODY_LIMIT = 16 * 2**20
STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Sandbox:
    """A running one. The same can be done over HTTP: see `ums.sandbox.control`."""

    address: SandboxAddress
    stages: Mapping[str, Stage]
    actors: Mapping[str, StandIn]
    """The stand-ins themselves, by platform."""

    def play(self, platform: str, script: Script) -> None:
        """Make a stand-in behave like this from now on."""
        self.stages[platform].play(script)

    def record(self, platform: str) -> Record:
        """What a stand-in accepted, as it goes on."""
        return self.stages[platform].record


@asynccontextmanager
async def sandbox(
    address: SandboxAddress,
    receipts_to: str,
    scripts: Mapping[str, Script] = MappingProxyType({}),
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Sandbox]:
    """Run all stand-ins in this event loop until the block is left; raises OSError when a port is taken.

    `receipts_to` is where the service answers, as in `http://127.0.0.1:8000`. `scripts` are per platform. `tls` is
    the server side of whatever speaks TLS; without it there is a certificate that nobody trusts.
    """
    tls = tls or self_signed(address.host)
    async with AsyncExitStack() as running:
        session = await running.enter_async_context(aiohttp.ClientSession())
        common: dict[type, Any] = {}
        stages = {
            platform: Stage(
                address, receipts_to.rstrip("/"), session, tls, scripts.get(platform, Script()), common=common
            )
            for platform in stand_ins()
        }
        actors = [stand_in(stages[platform]) for platform, stand_in in stand_ins().items()]
        for actor in actors:
            await actor.start()
            running.push_async_callback(actor.stop)
        app = web.Application(client_max_size=BODY_LIMIT)
        for routes in (*(actor.routes() for actor in actors), Control(stages).routes()):
            app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        running.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, address.host, address.port).start()
        yield Sandbox(address, stages, {actor.platform: actor for actor in actors})


PORTS = range(10_000, 32_000)
"""Below those that systems give to outgoing connections."""


def free_address(host: str = "127.0.0.1") -> SandboxAddress:
    """One whose ports are all free at this moment."""
    while True:
        address = SandboxAddress(host, random.choice(PORTS))  # noqa: S311 - not a secret
        ports = (address.port, address.smtp_port, address.cmpp_port, address.smtps_port)
        if all(_is_free(host, port) for port in ports):
            return address


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@lru_cache(maxsize=1)
def stand_ins() -> dict[str, type[StandIn]]:
    """All of them by platform."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    values = [value for module in modules for value in vars(module).values()]
    found = [value for value in values if isinstance(value, type) and issubclass(value, StandIn)]
    return {stand_in.platform: stand_in for stand_in in found if hasattr(stand_in, "platform")}
