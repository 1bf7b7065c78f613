"""`ums preview`: what a template in the files would say."""

import json
import sys
from collections import defaultdict
from typing import Annotated, Any

import typer

from ums import reconcile
from ums.cli.report import Chosen, Format, as_json, reported
from ums.cli.terminal import app, installation
from ums.errors import CallerRefused, Problem
from ums.messaging.sending.preview import Preview, preview
from ums.schemas import did_you_mean
from ums.snapshot import Body, Snapshot


@app.command("preview")
def show_preview(
    template: Annotated[str, typer.Argument(metavar="CHANNEL/TEMPLATE", help="As the files name them.")],
    var: Annotated[list[str], typer.Option("--var", metavar="NAME=VALUE", help="A variable; repeatable.")] = [],  # noqa: B006  # typer's own; nobody changes it
    how: Chosen = Format.TEXT,
) -> None:
    """Show what a template of the files would say for each type; needs no database. Exit code 1: a send would fail."""
    with reported(how):
        bodies = reconcile.checked(installation(offline=True).config).bodies
    found = _previewed(bodies, template, dict(map(_pair, var)))
    if how is Format.JSON:
        problems = [{"path": p.path, "code": p.code, "message": p.message} for p in found.problems]
        as_json({"content": found.content, "problems": problems})
    else:
        for kind, content in found.content.items():
            print(f"{kind}\n{json.dumps(content, ensure_ascii=False, indent=2)}")
        for problem in found.problems:
            print(problem, file=sys.stderr)
    if found.problems:
        raise typer.Exit(1)


def _previewed(bodies: Any, template: str, given: dict[str, str]) -> Preview:
    declared: defaultdict[str, dict[str, Body]] = defaultdict(dict)
    for (kind, identity), body in bodies.items():
        declared[kind][identity] = body
    channel, _, name = template.partition("/")
    if channel not in declared["Channel"]:
        message = (
            f"no Channel {channel!r} is declared{did_you_mean(channel, declared['Channel'])}; name CHANNEL/TEMPLATE"
        )
        raise CallerRefused([Problem(message=message)])
    return preview(Snapshot(bodies=declared), {**declared["Channel"][channel], "name": channel}, name, given)


def _pair(written: str) -> tuple[str, str]:
    name, found, value = written.partition("=")
    if not found:
        raise typer.BadParameter(f"found {written!r}, expected NAME=VALUE", param_hint="--var")
    return name, value
