"""Problems and plans as text, as JSON, or as annotations on a pull request."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from ums.errors import ConfigInvalid, Problem
from ums.reconcile import Plan


class Format(Enum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


Chosen = Annotated[Format, typer.Option("--format", help="How to print what is found.")]


@contextmanager
def reported(how: Format) -> Iterator[None]:
    """Problems that are raised inside are printed as asked, and the exit code is 1."""
    try:
        yield
    except ConfigInvalid as invalid:
        _PROBLEMS[how](invalid.problems)
        raise typer.Exit(1) from invalid


def show(plan: Plan, how: Format) -> None:
    print(json.dumps(_values(plan), ensure_ascii=False, indent=2) if how is Format.JSON else plan)


def _values(plan: Plan) -> dict[str, Any]:
    changes = [
        {"sign": change.sign, "kind": change.kind, "name": change.name, "fields": list(map(asdict, change.fields))}
        for change in plan.changes
    ]
    return {
        "base": plan.base,
        "revision": plan.revision,
        "summary": plan.summary,
        "changes": changes,
        "unmanaged": [{"kind": kind, "name": name} for kind, name in plan.unmanaged],
        "excessive": list(plan.excessive),
    }


def _as_text(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)


def _as_json(problems: Sequence[Problem]) -> None:
    print(json.dumps({"problems": list(map(asdict, problems))}, ensure_ascii=False, indent=2))


def _as_github(problems: Sequence[Problem]) -> None:
    for problem in problems:
        place = f"file={_property(problem.file)},line={problem.line},col={problem.column}" if problem.file else ""
        text = f"{problem.path}: {problem.message}" if problem.path else problem.message
        print(f"::error {place}::{_escaped(text)}" if place else f"::error::{_escaped(text)}")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


_PROBLEMS = {Format.TEXT: _as_text, Format.JSON: _as_json, Format.GITHUB: _as_github}
