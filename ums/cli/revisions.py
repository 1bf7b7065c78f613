"""What was applied, and the way back: `ums history`, `ums show`, `ums rollback`."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

import typer

from ums import reconcile
from ums.cli.config import said
from ums.cli.options import Force, Why, note
from ums.cli.report import Chosen, Format, as_json, change_values, reported
from ums.cli.report import show as show_plan
from ums.cli.terminal import app, installation

Number = Annotated[int, typer.Argument(metavar="REV", help="Its number, as `ums history` says it.")]


@app.command()
def history(
    how: Chosen = Format.TEXT,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
) -> None:
    """List the latest revisions, the newest first."""
    with reported(how):
        steps = asyncio.run(reconcile.told(installation(), limit))
    if how is Format.JSON:
        as_json(list(map(asdict, steps)))
    else:
        print("\n".join(map(_line, steps)) or "nothing was applied yet")


@app.command()
def show(number: Number, how: Chosen = Format.TEXT) -> None:
    """Say what a revision changed, field by field."""
    with reported(how):
        found = asyncio.run(reconcile.revision(installation(), number))
    if how is Format.JSON:
        as_json(_values(found))
    else:
        print("\n".join([_line(found.step), *_changed(found)]))


@app.command()
def rollback(
    number: Number,
    how: Chosen = Format.TEXT,
    force: Force = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    message: Why = "",
) -> None:
    """Make everything as it was as of a revision, by a new one; shows the plan and, at a terminal, asks first."""
    settings = installation()
    with reported(how):
        made = asyncio.run(reconcile.back_to(settings, number))
        show_plan(made, how)
        if not made.is_empty and not yes and sys.stdin.isatty():
            typer.confirm("Apply this?", abort=True, err=True)
        why = note(message or f"back to revision {number}")
        asyncio.run(reconcile.apply_plan(settings, made, reconcile.Options(force=force), why))
    said(made, how)


def _line(step: reconcile.Step) -> str:
    at = datetime.fromtimestamp(step.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    summary = f"+{step.summary['create']} ~{step.summary['update']} -{step.summary['delete']}"
    effects = ", ".join(f"{number} {status}" for status, number in step.effects.items())
    parts = [str(step.number), at, summary, step.author, step.commit[:12], step.message]
    return "  ".join(filter(None, [*parts, f"(effects: {effects})" if effects else ""]))


def _changed(found: reconcile.Shown) -> Iterator[str]:
    for kind, changes in groupby(found.changes, key=lambda change: change.kind):
        yield kind
        for change in changes:
            yield f"  {change.sign} {change.named}"
            yield from (f"      {line}" for line in change.fields)
    for effect in found.effects:
        tried = f" after {effect.attempts} attempts" if effect.attempts else ""
        error = f": {effect.last_error}" if effect.last_error else ""
        yield f"effect {effect.what} of {effect.kind}/{effect.name} {effect.status}{tried}{error}"


def _values(found: reconcile.Shown) -> dict[str, Any]:
    return {
        **asdict(found.step),
        "changes": list(map(change_values, found.changes)),
        "effects": list(map(asdict, found.effects)),
    }
