"""The database's schema."""

import asyncio

import typer

from ums.cli.terminal import app, installation
from ums.database import upgrade as schema_upgrade

database = typer.Typer(no_args_is_help=True, help="The database's schema.")
app.add_typer(database, name="db")


@database.command()
def upgrade() -> None:
    """Bring the database's schema to what this version needs."""
    done = asyncio.run(schema_upgrade.upgrade(installation()))
    print("\n".join(f"applied {name}" for name in done) or "the schema is up to date")
