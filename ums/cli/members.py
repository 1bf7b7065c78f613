"""`ums member`: Members' tokens, made on the server, so that the first admin gets in, and their sessions."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ums.cli.options import author
from ums.cli.terminal import app, installation
from ums.members import audit_log, sessions, tokens
from ums.members.audit_log import Deed
from ums.members.roster import member
from ums.reconcile.ready import ready
from ums.reconcile.touched import number_of
from ums.settings import Settings
from ums.snapshot import Snapshots
from ums.vocabulary import system_clock

members = typer.Typer(no_args_is_help=True, help="Members: people who work with UMS.")
commands = typer.Typer(no_args_is_help=True, help="Tokens to call the API with.")
signed_in = typer.Typer(no_args_is_help=True, help="Browsers in which Members are signed in.")
members.add_typer(commands, name="token")
members.add_typer(signed_in, name="session")
app.add_typer(members, name="member")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The name of a declared Member.")]
MaybeLogin = Annotated[str, typer.Argument(metavar="[LOGIN]", help="Everybody unless given.")]


@commands.command()
def create(
    login: Login,
    name: Annotated[str, typer.Option(help="What it is for; a Member's tokens all have different names.")] = "cli",
    days: Annotated[int, typer.Option(help=f"For how long it is good, at most {tokens.LONGEST}.")] = 90,
) -> None:
    """Make a token and print it; nothing shows it again."""
    print(asyncio.run(_create(installation(), login, name, days)))


@commands.command("list")
def list_tokens(login: MaybeLogin = "") -> None:
    """Which tokens there are, of whom, and when they were last used."""
    table = Table("member", "name", "created", "by", "expires", "last used", box=None)
    for token in asyncio.run(_list(installation(), login)):
        times = _day(token.created_at), token.created_by, _day(token.expires_at), _day(token.used_at)
        table.add_row(token.member, token.name, *times)
    Console(soft_wrap=True, highlight=False).print(table)


@commands.command()
def revoke(login: Login, name: Annotated[str, typer.Argument(help="Of the token.")]) -> None:
    """The token is worth nothing from now on."""
    asyncio.run(_revoke(installation(), login, name))
    print(f"revoked: token {name} of {login}")


@signed_in.command("list")
def list_sessions(login: MaybeLogin = "") -> None:
    """Who is signed in, since when, and until when."""
    table = Table("member", "since", "until", box=None)
    for session in asyncio.run(_list_sessions(installation(), login)):
        table.add_row(session.member, _minute(session.created_at), _minute(session.expires_at))
    Console(soft_wrap=True, highlight=False).print(table)


@signed_in.command("revoke")
def revoke_sessions(login: Login) -> None:
    """The Member is signed in nowhere from now on; tokens stay as they are."""
    revoked = asyncio.run(_revoke_sessions(installation(), login))
    print(f"revoked: {number_of('session', revoked)} of {login}")


async def _create(settings: Settings, login: str, name: str, days: int) -> str:
    async with ready(settings):
        snapshot = await Snapshots(system_clock).newest()
        if member(snapshot, login) is None:
            raise tokens.unknown_member(login, snapshot.all("Member"))
        text = (await tokens.create(login, name, days, tokens.Maker(author(), system_clock())))[1]
        await _note("createMemberToken", f"member:{login}", f"name:{name}")
        return text


async def _list(settings: Settings, login: str) -> list[tokens.Token]:
    async with ready(settings):
        return await tokens.tokens(login or None)


async def _revoke(settings: Settings, login: str, name: str) -> None:
    async with ready(settings):
        await tokens.revoke(login, name)
        await _note("revokeMemberToken", f"member:{login}", f"name:{name}")


async def _list_sessions(settings: Settings, login: str) -> list[sessions.Session]:
    async with ready(settings):
        return await sessions.sessions(login or None, system_clock())


async def _revoke_sessions(settings: Settings, login: str) -> int:
    async with ready(settings):
        revoked = await sessions.revoke(login, system_clock())
        await _note("revokeMemberSessions", f"member:{login}")
        return revoked


async def _note(what: str, *about: str) -> None:
    await audit_log.note(Deed(author(), audit_log.COMMAND_LINE, "", what, about), system_clock)


def _minute(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(ms: int | None) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d") if ms is not None else "never"
