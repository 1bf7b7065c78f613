"""`ums audit list`: what waits for reviewers. They decide through the API, each as himself."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ums.audit import lists
from ums.cli.terminal import app, installation
from ums.models import AuditTicket
from ums.reconcile.ready import ready
from ums.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="What waits for reviewers.")
app.add_typer(commands, name="audit")


@commands.callback()
def audit() -> None:
    """What waits for reviewers."""


@commands.command("list")
def list_tickets(
    channel: Annotated[str, typer.Argument(metavar="[CHANNEL]", help="All unless given.")] = "",
    most: Annotated[int, typer.Option("--most", min=1, help="So many, those that wait longest.")] = 50,
) -> None:
    """List the tickets that wait, the oldest first: what each is about, and whose turn it is."""
    found = asyncio.run(_waiting(installation(), channel, most))
    if not found:
        print("Nothing waits for a review.")
        return
    table = Table("ticket", "Channel", "about", "level", "for", "of", "since", box=None)
    for ticket in found:
        level = f"{ticket.level + 1} of {len(ticket.levels)}"
        turn = ", ".join(ticket.levels[ticket.level])
        whose = ", ".join(sorted({ticket.submitter, ticket.owner} - {""}))
        table.add_row(str(ticket.id), ticket.channel, _about(ticket), level, turn, whose, _time(ticket.created_at))
    Console(soft_wrap=True, highlight=False).print(table)


async def _waiting(settings: Settings, channel: str, most: int) -> list[AuditTicket]:
    async with ready(settings):
        return await lists.waiting(channel, most)


def _about(ticket: AuditTicket) -> str:
    return f"message {ticket.message_id}" if ticket.message_id else f"{ticket.kind} {ticket.name}"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(sep=" ", timespec="minutes")
