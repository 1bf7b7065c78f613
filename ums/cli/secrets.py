"""`ums secret`: what UMS made itself ({generate: true}), shown, made anew, or encrypted anew."""

import asyncio
from typing import Annotated

import typer

from ums import reconcile
from ums.cli.terminal import app, installation
from ums.errors import UmsError
from ums.reconcile import secrets

commands = typer.Typer(no_args_is_help=True, help="Secrets that UMS made itself.")
app.add_typer(commands, name="secret")

Owner = Annotated[str, typer.Argument(metavar="KIND/NAME", help="Whose, such as Channel/shop.")]
Place = Annotated[str, typer.Argument(help="Where the reference stands, such as masterSecret.")]


@commands.command()
def show(owner: Owner, path: Place) -> None:
    """Print a secret that UMS made itself ({generate: true})."""
    print(asyncio.run(reconcile.secret(installation(), *_key(owner), path)))


@commands.command()
def renew(owner: Owner, path: Place) -> None:
    """Make another one; the old one is refused within a second."""
    asyncio.run(secrets.renew(installation(), *_key(owner), path))
    print(f"made; see it with: ums secret show {owner} {path}")


@commands.command()
def rotate() -> None:
    """Encrypt all with secretKey, whichever of previousSecretKeys they have now.

    First give every process an ums.yaml with the new secretKey and the old one below previousSecretKeys; then run
    this; then the old one can go.
    """
    settings = installation()
    done = asyncio.run(secrets.rotate(settings))
    print(f"{done} encrypted with {settings.secret_key}; previousSecretKeys can go")


def _key(owner: str) -> tuple[str, str]:
    kind, separator, name = owner.partition("/")
    if not separator:
        raise UmsError(f"found {owner!r}, expected KIND/NAME, such as Channel/shop")
    return kind, name
