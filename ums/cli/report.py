"""Problems and plans as text, as JSON, or as annotations on a pull request."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from ums.errors import ConfigInvalid, Problem, Severity, UmsError
from ums.reconcile import Change, Plan


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
        show_problems(invalid.problems, how)
        raise typer.Exit(1) from invalid
    except UmsError as error:
        if how is Format.TEXT:
            raise
        show_problems([Problem(message=str(error), code="refused")], how)
        raise typer.Exit(1) from error


def show(plan: Plan, how: Format) -> None:
    """The plan, and what its author should look at."""
    if how is Format.JSON:
        as_json(plan_values(plan))
        return
    show_warnings(plan.warnings, how)
    print(plan)


def show_warnings(warnings: Sequence[Problem], how: Format) -> None:
    if warnings and how is not Format.JSON:
        show_problems(warnings, how)


def show_problems(problems: Sequence[Problem], how: Format) -> None:
    _PROBLEMS[how](problems)


def as_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def plan_values(plan: Plan) -> dict[str, Any]:
    put_back = plan.put_back
    touched = plan.touched
    changes = [
        {
            **change_values(change),
            "cause": "drift" if change.key in put_back else "files",
            "waitsFor": list(plan.to_review.get(change.key, ())),
            "touches": asdict(touched[change.key]) if change.key in touched else None,
        }
        for change in plan.changes
    ]
    return {
        "base": plan.base,
        "revision": plan.revision,
        "summary": plan.summary,
        "changes": changes,
        "drift": drift_values(plan),
        "waiting": list(map(asdict, plan.waiting)),
        "unmanaged": [{"kind": kind, "name": name} for kind, name in plan.unmanaged],
        "excessive": list(plan.excessive),
        "warnings": list(map(asdict, plan.warnings)),
    }


def change_values(change: Change) -> dict[str, Any]:
    moved = {"from": change.moved_from} if change.moved_from else {}
    fields = list(map(asdict, change.fields))
    return {"sign": change.sign, "kind": change.kind, "name": change.name, **moved, "fields": fields}


def drift_values(plan: Plan) -> dict[str, Any]:
    switched = [{**asdict(one), "ends": one in plan.ended} for one in plan.overrides]
    return {"changed": list(map(change_values, plan.drift)), "switched": switched}


def annotated(level: str, text: str) -> str:
    """One line on a pull request's page."""
    return f"::{level}::{_escaped(text)}"


def _as_text(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    counted = [_number(problems, severity) for severity in Severity]
    print(", ".join(filter(None, counted)), file=sys.stderr)


_NOUNS = {Severity.ERROR: "problem", Severity.WARNING: "warning"}


def _number(problems: Sequence[Problem], severity: Severity) -> str:
    number = sum(1 for problem in problems if problem.severity is severity)
    return f"{number} {_NOUNS[severity]}{'s' if number > 1 else ''}" if number else ""


def _as_json(problems: Sequence[Problem]) -> None:
    as_json({"problems": list(map(asdict, problems))})


def _as_github(problems: Sequence[Problem]) -> None:
    for problem in problems:
        place = f"file={_property(problem.file)},line={problem.line},col={problem.column}" if problem.file else ""
        text = f"{problem.path}: {problem.message}" if problem.path else problem.message
        level = problem.severity.value
        print(f"::{level} {place}::{_escaped(text)}" if place else f"::{level}::{_escaped(text)}")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


_PROBLEMS = {Format.TEXT: _as_text, Format.JSON: _as_json, Format.GITHUB: _as_github}
