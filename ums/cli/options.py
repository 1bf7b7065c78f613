"""Options that several commands share, and what they mean."""

import os
from typing import Annotated

import typer

from ums.reconcile import Note, Options, Selection

Prune = Annotated[bool, typer.Option("--prune", help="Delete what is in no file.")]
Force = Annotated[bool, typer.Option("--force", help="Even if that deletes much of a kind.")]
Adopt = Annotated[bool, typer.Option("--adopt", help="End what is switched at runtime: the files hold again.")]
Only = Annotated[list[str], typer.Option("--only", metavar="KIND/NAME", help="Nothing else; globs, repeatable.")]
Labels = Annotated[list[str], typer.Option("--label", metavar="KEY=VALUE", help="Only what has it; repeatable.")]
Why = Annotated[str, typer.Option("--message", "-m", help="Why, for the history.")]


def chosen(
    only: list[str], labels: list[str], *, prune: bool = False, force: bool = False, adopt: bool = False
) -> Options:
    return Options(prune=prune, force=force, adopt=adopt, selection=Selection.of(only, labels))


def note(message: str) -> Note:
    """Who and which commit, as CI says it."""
    return Note(author=author(), commit=os.environ.get("UMS_COMMIT", "")[:64], message=message)


def author() -> str:
    """Who runs this command, as CI says it; at a terminal the user's name."""
    return (os.environ.get("UMS_AUTHOR") or os.environ.get("USER", ""))[:200]
