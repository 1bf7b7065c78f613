"""`ums wechat`: accounts whose administrator authorizes our third-party platform by scanning a code."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ums.cli.terminal import app, installation
from ums.messaging.engine import running
from ums.messaging.invitation import Invitation, invite
from ums.messaging.reading.authorizations import AccountStatus, authorizations
from ums.reconcile.ready import ready
from ums.settings import Settings
from ums.snapshot import Snapshots
from ums.vocabulary import system_clock

commands = typer.Typer(no_args_is_help=True, help="WeChat accounts that are authorized by scanning a code.")
app.add_typer(commands, name="wechat")


@commands.command()
def authorize(code: Annotated[str, typer.Argument(help="The DeliveryChannel; it has authorization: qr.")]) -> None:
    """Print a link for the administrator of the account: it leads to the code to scan, and is good for a day."""
    made = asyncio.run(_invite(installation(), code))
    print(f"{made.url}\ngood until {_moment(made.until)}; the account's administrator opens it and scans the code")


@commands.command()
def status() -> None:
    """Which accounts are authorized."""
    table = Table("DeliveryChannel", "account", "authorized", "since", "permission sets", "title", box=None)
    for one in asyncio.run(_statuses(installation())):
        since, permissions = _moment(one.since), ", ".join(map(str, one.permissions))
        authorized = one.authorized.value.replace("_", " ")
        table.add_row(one.delivery_channel, one.account, authorized, since, permissions, one.title)
    Console(soft_wrap=True, highlight=False).print(table)


async def _invite(settings: Settings, code: str) -> Invitation:
    async with ready(settings):
        declared = (await Snapshots(system_clock).newest()).all("DeliveryChannel")
        return invite(settings, declared, code, system_clock())


async def _statuses(settings: Settings) -> list[AccountStatus]:
    async with ready(settings):
        pass  # or it says what is missing
    async with running(settings, system_clock) as engine:
        return await authorizations(engine, (await engine.snapshots.newest()).all("DeliveryChannel"))


def _moment(ms: int | None) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC" if ms else ""
