"""Config as code: check the files, say what they would change, make it so."""

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from ums import reconcile
from ums.cli.options import Adopt, Force, Labels, Only, Prune, Why, chosen, note
from ums.cli.report import Chosen, Format, annotated, as_json, drift_values, reported, show, show_warnings
from ums.cli.terminal import app, installation
from ums.errors import UmsError
from ums.reconcile.plan import drift_lines


class NotBoth(UmsError):
    """The caller must act: a saved plan is applied as it is."""


@app.command()
def validate(how: Chosen = Format.TEXT) -> None:
    """Check all documents: no database, no network and no secret is needed. Exit code 1: something is wrong."""
    with reported(how):
        found = reconcile.checked(installation(offline=True).config)
    show_warnings(found.warnings, how)
    if how is Format.JSON:
        as_json({"problems": list(map(asdict, found.warnings))})
    else:
        number = len(found.bodies)
        print("1 document is valid." if number == 1 else f"{number} documents are valid.")


@app.command()
def plan(  # noqa: PLR0913  # a parameter for each option
    *,
    how: Chosen = Format.TEXT,
    prune: Prune = False,
    adopt: Adopt = False,
    only: Only = [],  # noqa: B006  # typer's own; nobody changes it
    label: Labels = [],  # noqa: B006  # the same
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep it, for: ums apply FILE")] = None,
) -> None:
    """Say what an apply would change. Exit code 0: nothing, 2: something, 1: something is wrong."""
    with reported(how):
        options = chosen(only, label, prune=prune, adopt=adopt)
        made = asyncio.run(reconcile.reconcile(installation(), write=False, options=options))
    if out:
        reconcile.save(made, out)
    show(made, how)
    if not made.is_empty:
        raise typer.Exit(2)


@app.command()
def apply(  # noqa: PLR0913  # a parameter for each option
    saved: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="One that `ums plan -o` kept.")] = None,
    *,
    how: Chosen = Format.TEXT,
    prune: Prune = False,
    force: Force = False,
    adopt: Adopt = False,
    only: Only = [],  # noqa: B006  # typer's own; nobody changes it
    label: Labels = [],  # noqa: B006  # the same
    message: Why = "",
) -> None:
    """Make the database say what the files, or a saved plan, say: all or nothing."""
    with reported(how):
        if saved and (prune or adopt or only or label):
            raise NotBoth("a saved plan is applied as it is; give --prune, --adopt, --only and --label to ums plan")
        options = chosen(only, label, prune=prune, force=force, adopt=adopt)
        made = asyncio.run(_applied(saved, options, note(message)))
    show(made, how)
    said(made, how)


async def _applied(saved: Path | None, options: reconcile.Options, why: reconcile.Note) -> reconcile.Plan:
    settings = installation()
    if saved is None:
        return await reconcile.reconcile(settings, write=True, options=options, note=why)
    made = reconcile.open_plan(saved)
    await reconcile.apply_plan(settings, made, options, why)
    return made


@app.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Documents, such as `ums export` writes.", exists=True)],
    how: Chosen = Format.TEXT,
    prune: Prune = False,
    force: Force = False,
    message: Why = "",
) -> None:
    """Apply the documents of another folder."""
    with reported(how):
        settings = replace(installation(), config=folder.resolve())
        options = reconcile.Options(prune=prune, force=force)
        made = asyncio.run(reconcile.reconcile(settings, write=True, options=options, note=note(message)))
    show(made, how)
    said(made, how)


@app.command()
def drift(how: Chosen = Format.TEXT) -> None:
    """Say what was changed behind the back of the last apply. Exit code 0: nothing, 2: something."""
    with reported(how):
        found = asyncio.run(reconcile.drifted(installation()))
    lines = [line.removeprefix("    ") for line in drift_lines(found)]
    if how is Format.JSON:
        as_json({"revision": found.base, **drift_values(found)})
    elif how is Format.GITHUB:
        print("\n".join(annotated("warning", str(one)) for one in (*found.drift, *found.overrides)))
    else:
        print("\n".join(lines) or f"No drift: what is live is what revision {found.base} wrote.")
    if lines:
        raise typer.Exit(2)


def said(made: reconcile.Plan, how: Format) -> None:
    if made.is_empty or how is Format.JSON:
        return
    print(f"revision {made.revision} applied")
    for effect in asyncio.run(reconcile.revision(installation(), made.revision)).effects:
        if effect.status != "done":
            line = f"{effect.kind}/{effect.name}: {effect.what} {effect.status}: {effect.last_error}"
            print(annotated("warning", line) if how is Format.GITHUB else line)
