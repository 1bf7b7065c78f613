"""Config as code: check the files, say what they would change, make it so."""

import asyncio
import json
import os
from typing import Annotated

import typer

from ums import reconcile
from ums.api import schema as api
from ums.cli.report import Chosen, Format, reported, show
from ums.cli.terminal import app, installation
from ums.database import upgrade as schema_upgrade
from ums.errors import UmsError
from ums.schemas import did_you_mean, schemas

database = typer.Typer(no_args_is_help=True, help="The database's schema.")
secrets = typer.Typer(no_args_is_help=True, help="Secrets that UMS made itself.")
app.add_typer(database, name="db")
app.add_typer(secrets, name="secret")


@app.command()
def validate(how: Chosen = Format.TEXT) -> None:
    """Check all documents: no database, no network and no secret is needed. Exit code 1: something is wrong."""
    with reported(how):
        found = reconcile.checked(installation(offline=True).config)
    if how is Format.JSON:
        print(json.dumps({"problems": []}, indent=2))
    else:
        print("1 document is valid." if len(found) == 1 else f"{len(found)} documents are valid.")


@app.command()
def plan(
    how: Chosen = Format.TEXT,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what is in no file.")] = False,
) -> None:
    """Say what an apply would change. Exit code 0: nothing, 2: something, 1: something is wrong."""
    with reported(how):
        settings = installation()
        changes = asyncio.run(reconcile.reconcile(settings, write=False, prune=prune))
    show(changes, how)
    if changes.changes:
        raise typer.Exit(2)


@app.command()
def apply(
    how: Chosen = Format.TEXT,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what is in no file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if that deletes much of a kind.")] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Why, for the history.")] = "",
) -> None:
    """Make the database say what the files say, all or nothing."""
    with reported(how):
        settings = installation()
        done = asyncio.run(reconcile.reconcile(settings, write=True, prune=prune, force=force, note=_note(message)))
    show(done, how)
    if done.changes and how is not Format.JSON:
        print(f"revision {done.revision} applied")


def _note(message: str) -> reconcile.Note:
    """Who and which commit, as CI says it; at a terminal the user's name."""
    author = os.environ.get("UMS_AUTHOR") or os.environ.get("USER", "")
    return reconcile.Note(author=author[:200], commit=os.environ.get("UMS_COMMIT", "")[:64], message=message)


@database.command()
def upgrade() -> None:
    """Bring the database's schema to what this version needs."""
    done = asyncio.run(schema_upgrade.upgrade(installation()))
    print("\n".join(f"applied {name}" for name in done) or "the schema is up to date")


@secrets.command("show")
def show_secret(
    owner: Annotated[str, typer.Argument(metavar="KIND/NAME", help="Whose, such as Channel/shop.")],
    path: Annotated[str, typer.Argument(help="Where the reference stands, such as masterSecret.")],
) -> None:
    """Print a secret that UMS made itself ({generate: true})."""
    kind, _, name = owner.partition("/")
    print(asyncio.run(reconcile.secret(installation(), kind, name, path)))


GRAPHQL = "graphql"


@app.command()
def schema(name: Annotated[str, typer.Argument(help="Which; without it, their names.")] = "") -> None:
    """Print a JSON Schema or `graphql`, the API's; without a name the names of all."""
    known = schemas()
    if not name:
        print("\n".join([*known, GRAPHQL]))
    elif name == GRAPHQL:
        print(api.schema.as_str())
    elif name in known:
        print(json.dumps(known[name], ensure_ascii=False, indent=2))
    else:
        raise UmsError(f"no schema {name!r}{did_you_mean(name, [*known, GRAPHQL])}")
