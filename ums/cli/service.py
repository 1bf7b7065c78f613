"""`ums api`, `ums worker`, `ums sandbox`, and `ums up`, which runs them all."""

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
import uvicorn

from ums.cli.supervise import supervise
from ums.cli.terminal import app, installation, named
from ums.cli.welcome import welcome
from ums.database import opened, sqlite_file
from ums.database.upgrade import upgrade
from ums.masking import masked_words
from ums.messaging.engine import Engine
from ums.messaging.worker import work
from ums.provider_templates.keep import keep_templates
from ums.reconcile import reconcile
from ums.sandbox import sandbox
from ums.sandbox.script import Script
from ums.settings import Settings
from ums.snapshot import Snapshot, Snapshots
from ums.vocabulary import Priority, SandboxAddress, system_clock
from ums.web import application

SANDBOX = "127.0.0.1:8400"

LIVELY = {
    "jpush": {"receipts": [{"match": "", "delivered": 0.9, "clicked": 0.3, "after": 2, "clickedAfter": 3}]},
    "jsms": {"receipts": [{"match": "", "delivered": 0.95, "after": 2}]},
    "wechatoa": {"receipts": [{"match": "", "delivered": 0.95, "after": 2}]},
    "wechatmp": {"receipts": [{"match": "", "delivered": 0.95, "after": 2}]},
}
"""How the stand-ins behave unless they are told otherwise: most people get it, some of them look."""


@app.command()
def up(
    with_sandbox: Annotated[bool, typer.Option("--sandbox", help="Stand-ins instead of the providers.")] = False,
) -> None:
    """Run the whole service: API, worker and, if asked for, the sandbox. Ctrl-C ends it in order."""
    log_to_terminal()
    settings = installation()
    address = (settings.sandbox or SANDBOX) if with_sandbox else settings.sandbox
    settings = replace(settings, sandbox=address)
    snapshot = asyncio.run(_prepared(settings))
    print(welcome(settings, snapshot), flush=True)
    commands: dict[str, Sequence[str]] = {"api": ["api"], "worker": ["worker"]}
    if with_sandbox:  # before those who would find nobody there
        commands = {"sandbox": ["sandbox", "--address", address, "--receipts-to", settings.public_url], **commands}
    first = address if with_sandbox else ""
    asyncio.run(supervise(commands, {"UMS_SANDBOX": address, "UMS_FILE": str(named())}, first=first))


@app.command()
def api(
    host: Annotated[str, typer.Option(help="0.0.0.0 listens to other machines too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="That of publicUrl unless given.")] = 0,
) -> None:
    """Serve GraphQL and the receipt doors."""
    log_to_terminal()
    settings = installation()
    asgi = application(settings)
    uvicorn.run(asgi, host=host, port=port or _port(settings.public_url), log_config=None, access_log=False)


@app.command()
def worker(
    lane: Annotated[str, typer.Option(help="Which priorities it serves, as in high,medium.")] = "high,medium,low",
    capacity: Annotated[
        int, typer.Option(min=1, max=1000, help="Calls to providers that each of its threads has under way.")
    ] = Engine.capacity,
) -> None:
    """Deliver what is due; on SIGTERM or Ctrl-C finish what is in flight, and go."""
    log_to_terminal()
    asyncio.run(work(installation(), system_clock, _lanes(lane), capacity, [keep_templates]))


def _lanes(named: str) -> list[Priority]:
    """Of a list with commas, each once."""
    known = {lane.name.lower(): lane for lane in Priority}
    names = list(dict.fromkeys(name.strip().lower() for name in named.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"found {', '.join(unknown)!r}, expected some of high,medium,low", param_hint="--lane")
    return [known[name] for name in names]


@app.command("sandbox")
def stand_ins(
    address: Annotated[
        str, typer.Option(help="host:port of the HTTP stand-ins; SMTP at +25, with TLS at +65.")
    ] = SANDBOX,
    receipts_to: Annotated[str, typer.Option(help="Where UMS answers.")] = "http://localhost:8000",
) -> None:
    """Run the providers' stand-ins; see docs/sandbox.md for how to make them misbehave."""
    log_to_terminal()
    scripts = {platform: Script.parse(script) for platform, script in LIVELY.items()}
    asyncio.run(_stand_in(SandboxAddress.parse(address), receipts_to, scripts))


async def _stand_in(address: SandboxAddress, receipts_to: str, scripts: Mapping[str, Script]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sandbox(address, receipts_to, scripts):
        await stop.wait()


async def _prepared(settings: Settings) -> Snapshot:
    """What is live; a first start applies the files, a later one only says what is pending."""
    if sqlite_file(settings):
        await upgrade(settings)
    changes = await reconcile(settings, write=False)
    if changes.base == 0 and changes.changes:
        changes = await reconcile(settings, write=True, effects=False)  # the stand-ins do not answer yet
        print(f"applied {settings.config} as revision {changes.revision}")
    elif changes.changes:
        print(f"{len(changes.changes)} changes in {settings.config} are not applied; see them with: ums plan")
    async with opened(settings):
        return await Snapshots(system_clock).newest()


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def log_to_terminal() -> None:
    """Our log to stderr: for people at a terminal, as JSON lines elsewhere; other libraries' warnings with it."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    # Plain tracebacks, without locals: secrets.
    for_programs = structlog.processors.JSONRenderer()
    at_terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    whole: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        stamp,
        structlog.processors.format_exc_info,
        mask_addresses,
    ]
    structlog.configure(
        [*whole, at_terminal if sys.stderr.isatty() else for_programs],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    others = logging.StreamHandler(sys.stderr)
    others.setFormatter(_Masked("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[others])


def mask_addresses(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Of whatever is logged: what providers and databases say may repeat the address that it is about."""
    return {key: masked_words(value) if isinstance(value, str) else value for key, value in event.items()}


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked_words(super().format(record))
