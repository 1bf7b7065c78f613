"""The command line itself: each module of `ums.cli` adds its commands to `app`."""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from ums.settings import Settings, load_settings

app = typer.Typer(
    help="UMS, a self-hosted Unified Messaging System.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_DEFAULT = Path("ums.yaml")
_named = ContextVar("_named", default=_DEFAULT)


@app.callback()
def start(
    file: Annotated[Path, typer.Option("--file", "-f", envvar="UMS_FILE", help="The ums.yaml.")] = _DEFAULT,
) -> None:
    _named.set(file)


def named() -> Path:
    """Which `ums.yaml` this command is about."""
    return _named.get()


def installation(*, offline: bool = False) -> Settings:
    """What the `ums.yaml` of this command says; `offline` when neither database nor queue will be opened."""
    return load_settings(_named.get(), offline=offline)
