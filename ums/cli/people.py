"""`ums people`: who can be reached, and where, out of spreadsheets and into them."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ums.cli.service import log_to_terminal
from ums.cli.terminal import app, installation
from ums.messaging.keeping.forget import Forgotten, forget
from ums.people import columns, exports, imports, lists
from ums.people.users import Scope
from ums.reconcile.ready import never_ran, ready
from ums.settings import Settings
from ums.snapshot import Snapshot, Snapshots
from ums.vocabulary import system_clock

people = typer.Typer(no_args_is_help=True, help="People: who can be reached, and where.")
app.add_typer(people, name="people")

OfChannel = Annotated[str, typer.Option("--channel", metavar="NAME", help="As this Channel may, and no more.")]


@people.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file; see: ums people sample.")],
    atomic: Annotated[bool, typer.Option("--atomic", help="All rows, or none if one is wrong.")] = False,
    channel: OfChannel = "",
) -> int:
    """Upload people from a spreadsheet; the exit code is 1 when a row is wrong."""
    report = asyncio.run(_import(installation(), file, channel, atomic=atomic))
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if unsaid := report.wrong - len({problem.row for problem in report.problems}):
        print(f"and {unsaid} more rows are wrong", file=sys.stderr)
    if report.refused:
        print("nothing was imported: with --atomic every row must be good", file=sys.stderr)
    print(f"imported {report.imported} of {report.rows} rows")
    return 1 if report.wrong else 0


@people.command()
def sample(file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file that is not there yet.")]) -> None:
    """Write a spreadsheet with all columns and a few rows as they should be."""
    exports.sample(file, asyncio.run(_codes(installation())))
    print(f"wrote {file}; fill it in, then: ums people import {file}")


@people.command("export")
def export_people(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file that is not there yet.")],
    of_list: Annotated[
        str, typer.Option("--list", metavar="NAME", help="Only the userIds of a list or Segment: channel/name.")
    ] = "",
    kind: Annotated[str, typer.Option(help="Of the list, where several kinds have one of that name.")] = "",
) -> None:
    """Write everybody into a spreadsheet, as an import reads it; or the members of a list."""
    number = asyncio.run(_export(installation(), file, of_list, kind))
    print(f"wrote {number} rows to {file}")


@people.command("forget")
def forget_person(
    user_id: Annotated[str, typer.Argument(metavar="USERID")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person, the addresses, and both from the history of messages; nothing brings them back."""
    if not yes:
        typer.confirm(f"Forget {user_id} for good?", abort=True)
    log_to_terminal()
    found = asyncio.run(_forget(installation(), user_id))
    if not found.known and not found.recipients:
        print(f"nobody is called {user_id}, and no message was for one of that name")
    else:
        print(f"forgotten: {found.addresses} addresses, and as recipient of {found.recipients} messages")
    for document in found.documents:
        print(f"still named in {document}: take it out there, and apply", file=sys.stderr)


async def _forget(settings: Settings, user_id: str) -> Forgotten:
    async with ready(settings):
        return await forget(await Snapshots(system_clock).newest(), user_id, system_clock())


async def _import(settings: Settings, file: Path, channel: str, *, atomic: bool) -> imports.Report:
    async with ready(settings):
        scope = _scope(await Snapshots(system_clock).newest(), channel)
        with _bar(f"importing {file.name}") as progress:
            return await imports.import_people(file, scope, system_clock, atomic=atomic, progress=progress)


async def _export(settings: Settings, file: Path, of_list: str, kind: str) -> int:
    async with ready(settings):
        if of_list:
            key = _list(await Snapshots(system_clock).newest(), of_list, kind)
            return await exports.export_list(file, key)
        with _bar(f"exporting to {file.name}") as progress:
            return await exports.export_people(file, progress)


def _list(snapshot: Snapshot, name: str, kind: str) -> lists.Key:
    """The list of that identity, of whatever kind unless one is given."""
    kinds = [one for one in lists.KINDS if kind.lower() in {"", one.lower()}]
    found = [(one, name) for one in kinds if name in snapshot.all(one)]
    if len(found) == 1:
        return found[0]
    if found:
        several = " and a ".join(one for one, _ in found)
        raise typer.BadParameter(f"{name} is a {several}; say which by --kind", param_hint="--list")
    known = sorted({name for one in kinds for name in snapshot.all(one)})
    raise typer.BadParameter(f"found {name!r}, expected one of {', '.join(known) or 'none'}", param_hint="--list")


def _scope(snapshot: Snapshot, channel: str) -> Scope:
    """What the operator may write: everything, or what that Channel may."""
    channels = snapshot.all("Channel")
    if not channel:
        return Scope.of_all(snapshot)
    if channel not in channels:
        known = ", ".join(channels) or "none"
        raise typer.BadParameter(f"found {channel!r}, expected one of {known}", param_hint="--channel")
    return Scope.of(channels[channel])


async def _codes(settings: Settings) -> dict[str, str]:
    """A DeliveryChannel of each type, where one is applied."""
    if never_ran(settings):
        return {}
    async with ready(settings):
        return exports.codes(await Snapshots(system_clock).newest())


@contextmanager
def _bar(what: str) -> Iterator[columns.Progress]:
    """A bar on the terminal; nothing where nobody looks."""
    console = Console(stderr=True)
    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
    )
    with Progress(*shown, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0, rows=0)
        yield lambda done, rows: bar.update(task, completed=done, rows=rows)
