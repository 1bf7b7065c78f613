"""`ums provider-templates`: what providers keep for us, pulled, listed, and made known."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from ums.cli.terminal import app, installation
from ums.database import opened
from ums.errors import UmsError
from ums.messaging.connections import Connections, connected
from ums.models import Making
from ums.provider_templates.accounts import reached
from ums.provider_templates.importing import forget as forget_object
from ums.provider_templates.importing import import_object
from ums.provider_templates.listing import Listed, listed
from ums.provider_templates.refusals import ANSWERS, problems
from ums.provider_templates.sync import sync as sync_account
from ums.providers import providers
from ums.providers.keeper import ObjectId
from ums.reconcile.effects import perform, redo
from ums.schemas import did_you_mean
from ums.snapshot import Snapshot, Snapshots
from ums.vocabulary import system_clock

commands = typer.Typer(no_args_is_help=True, help="Templates and signatures that providers keep.")
app.add_typer(commands, name="provider-templates")

T = TypeVar("T")


class ObjectKind(StrEnum):
    TEMPLATE = "ProviderTemplate"
    SIGNATURE = "Signature"


Code = Annotated[str, typer.Argument(metavar="CODE", help="Of the DeliveryChannel.")]
Owner = Annotated[str, typer.Option("--channel", help="The Channel that shall own it.")]
Kind = Annotated[ObjectKind, typer.Option("--kind", help="What it is.")]


@commands.command()
def sync(
    code: Annotated[str, typer.Argument(metavar="[CODE]", help="One DeliveryChannel; else all that tell.")] = "",
) -> None:
    """Ask the providers what they keep: what is gone becomes invalid, what is new is listed."""

    async def synced(snapshot: Snapshot, connections: Connections) -> bool:
        codes = [code] if code else _telling(snapshot)
        return all([await _sync(snapshot, connections, one) for one in codes])

    if not with_connections(synced):
        raise typer.Exit(1)


@commands.command("list")
def show(channel: Annotated[str, typer.Argument(help="A Channel's name.")]) -> None:
    """List what a Channel declares and what else its accounts have, as it was when they were last asked."""

    async def found(snapshot: Snapshot, _: Connections) -> list[Listed]:
        body = snapshot.all("Channel").get(channel)
        if body is None:
            raise UmsError(f"no Channel {channel!r} is live{did_you_mean(channel, snapshot.all('Channel'))}")
        return listed(snapshot, body)

    table = Table("", "name", "id", "state", "review", "checked", "words")
    for one in with_connections(found):
        table.add_row(*_row(one))
    Console(highlight=False).print(table)


@commands.command("import")
def import_one(
    code: Code,
    provider_id: Annotated[str, typer.Argument(metavar="ID", help="The provider's id.")],
    channel: Owner,
    kind: Kind = ObjectKind.TEMPLATE,
) -> None:
    """Print the document that declares what is at a provider; commit it, or send with the id right away."""

    async def imported(snapshot: Snapshot, connections: Connections) -> str:
        provider = await reached(connections, snapshot, code, system_clock())
        return await import_object(provider, channel, ObjectId(kind.value, provider_id), system_clock)

    print(with_connections(imported), end="")


@commands.command()
def forget(
    code: Code,
    provider_id: Annotated[str, typer.Argument(metavar="ID", help="The provider's id.")],
    kind: Kind = ObjectKind.TEMPLATE,
) -> None:
    """Know nothing of it any more here: it is gone at the provider, or was refused once and is there by now."""
    with_connections(lambda snapshot, _: forget_object(snapshot, code, ObjectId(kind.value, provider_id)))
    print(f"nothing is known of {kind.value} {provider_id} of {code} any more")


@commands.command()
def again(
    kind: Annotated[ObjectKind, typer.Argument(help="What the document declares.")],
    name: Annotated[str, typer.Argument(metavar="CHANNEL/NAME", help="The document's.")],
) -> None:
    """Do once more what the newest apply wanted at the provider, also where an earlier answer was lost."""

    async def done(_: Snapshot, __: Connections) -> str:
        if not await redo(kind.value, name, system_clock()):
            raise UmsError(f"no apply wanted anything at a provider for {kind.value} {name}")
        await Making.filter(kind=kind.value, name=name).update(asked="", busy_until=0)
        await perform(installation(), system_clock)
        made = await Making.get_or_none(kind=kind.value, name=name)
        return made.problem if made else ""

    if problem := with_connections(done):
        raise UmsError(problem)
    print(f"{kind.value} {name} is at the provider as the document says")


async def _sync(snapshot: Snapshot, connections: Connections, code: str) -> bool:
    """Whether it could be asked; what came of it is printed."""
    try:
        found = await sync_account(await reached(connections, snapshot, code, system_clock()), system_clock)
    except ANSWERS as error:
        print("\n".join(f"{code}: {problem.message}" for problem in problems(error)))
        return False
    print(f"{code}: {found.there} there, {found.new} of them new; {found.gone} gone")
    return True


def _telling(snapshot: Snapshot) -> list[str]:
    declared = snapshot.all("DeliveryChannel").items()
    return [code for code, body in declared if (p := providers().get(body["platform"])) and p.keeps]


def _row(one: Listed) -> list[str]:
    checked = datetime.fromtimestamp(one.checked_at / 1000, UTC).strftime("%Y-%m-%d %H:%M") if one.checked_at else ""
    state, review = (one.state.value if one.state else "", one.review.value if one.review else "")
    words = one.reason or one.text or ", ".join(one.keywords)
    kind = f"{one.delivery_channel} {one.kind}"
    return [kind, one.name or "(not declared)", one.provider_id or "(not made)", state, review, checked, words]


def with_connections(work: Callable[[Snapshot, Connections], Awaitable[T]]) -> T:
    async def worked() -> T:
        settings = installation()
        async with opened(settings), connected(settings, system_clock) as connections:
            return await work(await Snapshots(system_clock).newest(), connections)

    return asyncio.run(worked())
