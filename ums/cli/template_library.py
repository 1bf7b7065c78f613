"""`ums provider-templates library|keywords|pick`: WeChat's public library."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ums.cli.provider_templates import Code, Owner, commands, with_connections
from ums.messaging.connections import Connections
from ums.provider_templates import library
from ums.provider_templates.accounts import reached
from ums.providers.contract import Provider
from ums.providers.wechat.templates import TITLES_AT_ONCE, Keyword, Titles
from ums.snapshot import Snapshot
from ums.vocabulary import system_clock

Title = Annotated[int, typer.Argument(metavar="TITLE", help="Its id in the library.")]


@commands.command("library")
def titles(
    code: Code,
    start: Annotated[int, typer.Option("--start", min=0, help="The first is 0; a page has 30.")] = 0,
) -> None:
    """List titles of WeChat's public library; each page is a call of the account's daily quota."""

    async def found(snapshot: Snapshot, connections: Connections) -> Titles:
        return await library.titles(await _provider(snapshot, connections, code), start, TITLES_AT_ONCE)

    page = with_connections(found)
    table = Table("id", "title", "kind", title=f"{page.count} in the library", title_justify="left")
    for one in page.templates:
        table.add_row(str(one.id), one.title, one.kind.name.lower())
    Console(highlight=False).print(table)


@commands.command()
def keywords(code: Code, title: Title) -> None:
    """List what may be picked of a title."""

    async def found(snapshot: Snapshot, connections: Connections) -> list[Keyword]:
        return await library.keywords(await _provider(snapshot, connections, code), title)

    table = Table("id", "keyword", "example", "name in data")
    for one in with_connections(found):
        table.add_row(str(one.id), one.name, one.example, one.key)
    Console(highlight=False).print(table)


@commands.command()
def pick(
    code: Code,
    title: Title,
    keyword: Annotated[list[int], typer.Option("--keyword", "-k", help="The id of one; 2 to 5, in order.")],
    scene: Annotated[str, typer.Option("--scene", help="What it is for, in at most 15 characters.")],
    channel: Owner,
) -> None:
    """Make a template of the account, and print the document to commit."""

    async def picked(snapshot: Snapshot, connections: Connections) -> str:
        choice = library.Choice(title, keyword, scene)
        return await library.pick(await _provider(snapshot, connections, code), channel, choice, system_clock)

    print(with_connections(picked), end="")


async def _provider(snapshot: Snapshot, connections: Connections, code: str) -> Provider:
    return await reached(connections, snapshot, code, system_clock())
