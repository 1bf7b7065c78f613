"""What policy tests came to: as text, as JSON, as annotations on a pull request, as JUnit XML."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from xml.etree import ElementTree as Xml

from ums.cli.report import Format, as_json
from ums.cli.report import show_problems as show
from ums.errors import Problem
from ums.rehearsal import Covered, Played
from ums.rehearsal.timeline import side_by_side


class TestFormat(Enum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"


def report(how: TestFormat, played: Sequence[Played], covered: Sequence[Covered], seconds: float) -> None:
    """Print it; `covered` is empty unless it was asked for."""
    _REPORTS[how](played, covered, seconds)


def show_problems(problems: Sequence[Problem], how: TestFormat) -> None:
    """Of the files themselves; JUnit has no word for them, and gets text beside an empty suite."""
    show(problems, _PROBLEMS[how])


def _as_text(played: Sequence[Played], covered: Sequence[Covered], seconds: float) -> None:
    for one in failed(played):
        print(f"{place(one)} FAILED {one.case.name}")
        print("".join(f"    {failure}\n" for failure in one.failures) + side_by_side(one) + "\n")
    for policy in covered:
        print(f"{policy.policy}: {policy.taken} of {policy.ways} ways tested")
        print("".join(f"    {line}\n" for line in (*policy.missing, *policy.unreachable)), end="")
    wrong = len(failed(played))
    number = f"{len(played)} policy test{'' if len(played) == 1 else 's'}"
    print(f"{number}: {len(played) - wrong} passed, {wrong} failed, in {seconds:.1f} s")


def _as_json(played: Sequence[Played], covered: Sequence[Covered], seconds: float) -> None:
    tests = [
        {
            "file": one.case.file, "line": one.case.line, "name": one.case.name,
            "policy": f"{one.case.channel}/{one.case.policy}", "passed": one.passed, "failures": one.failures,
            "timeline": list(map(asdict, one.timeline)),
        }
        for one in played
    ]  # fmt: skip
    as_json({"tests": tests, "coverage": list(map(asdict, covered)), "seconds": round(seconds, 3)})


def _as_github(played: Sequence[Played], covered: Sequence[Covered], seconds: float) -> None:
    problems = [
        Problem(one.case.file, one.case.line, one.case.column, message=f"{one.case.name}: {'; '.join(one.failures)}")
        for one in failed(played)
    ]
    if problems:
        show(problems, _PROBLEMS[TestFormat.GITHUB])
    for policy in covered:
        for line in (*policy.missing, *policy.unreachable):
            print(f"::notice::{policy.policy} {line}")
    print(f"{len(played) - len(problems)} passed, {len(problems)} failed, in {seconds:.1f} s", file=sys.stderr)


def _as_junit(played: Sequence[Played], _: Sequence[Covered], seconds: float) -> None:
    suite = Xml.Element(
        "testsuite", name="ums test", tests=str(len(played)), failures=str(len(failed(played))), time=f"{seconds:.3f}"
    )
    for one in played:
        name = f"{one.case.channel}.{one.case.policy}"
        case = Xml.SubElement(
            suite, "testcase", classname=name, name=one.case.name, file=one.case.file, line=str(one.case.line),
            time=f"{one.seconds:.3f}",
        )  # fmt: skip
        if not one.passed:
            Xml.SubElement(case, "failure", message="; ".join(one.failures)).text = side_by_side(one)
    Xml.indent(suite)
    print(Xml.tostring(suite, encoding="unicode", xml_declaration=True))


def failed(played: Sequence[Played]) -> list[Played]:
    return [one for one in played if not one.passed]


def place(one: Played) -> str:
    return f"{one.case.file}:{one.case.line}:{one.case.column}"


_REPORTS = {
    TestFormat.TEXT: _as_text, TestFormat.JSON: _as_json, TestFormat.GITHUB: _as_github, TestFormat.JUNIT: _as_junit,
}  # fmt: skip

_PROBLEMS = {
    TestFormat.TEXT: Format.TEXT, TestFormat.JSON: Format.JSON, TestFormat.GITHUB: Format.GITHUB,
    TestFormat.JUNIT: Format.TEXT,
}  # fmt: skip
