"""Policies rehearsed: tests beside them, and what-if at the prompt."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ums import rehearsal
from ums.cli.rehearsal_report import TestFormat, failed, report, show_problems
from ums.cli.terminal import app, installation
from ums.errors import ConfigInvalid, UmsError
from ums.rehearsal.simulate import Told, simulated
from ums.rehearsal.timeline import told

_EVERY = 0.3
"""Seconds between two looks at the files."""

Happens = Annotated[list[str], typer.Option(metavar="CODE=TIME", help="How long after its submit; repeatable.")]
Codes = Annotated[list[str], typer.Option(metavar="CODE", help="A DeliveryChannel; repeatable.")]


class NoTests(UmsError):
    """The caller must act: there is nothing to do."""


@app.command("test")
def play_tests(
    paths: Annotated[list[Path] | None, typer.Argument(help="Folders or files; config/ unless given.")] = None,
    *,
    how: Annotated[TestFormat, typer.Option("--format", help="How to print what is found.")] = TestFormat.TEXT,
    covered: Annotated[bool, typer.Option("--coverage", help="Name what no test has covered.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again whenever a file changes, until Ctrl-C.")] = False,
    processes: Annotated[int, typer.Option("--processes", min=0, help="0: one for each processor.")] = 0,
) -> None:
    """Play the *.test.yaml beside the policies: no database, network or secret is needed. Exit code 1: one failed."""
    config = installation(offline=True).config
    where = [path.resolve() for path in paths or [config]]
    good = _tested(config, where, how, covered=covered, processes=processes)
    while watch:
        _changed([config, *where])
        good = _tested(config, where, how, covered=covered, processes=processes)
    if not good:
        raise typer.Exit(1)


def _tested(config: Path, where: list[Path], how: TestFormat, *, covered: bool, processes: int) -> bool:
    """Whether all is well."""
    begun = time.perf_counter()
    try:
        known = rehearsal.declared(config)
        cases = rehearsal.read(where, known)
    except ConfigInvalid as invalid:
        show_problems(invalid.problems, how)
        return False
    if not cases:
        raise NoTests(f"found no *.test.yaml below {', '.join(map(str, where))}; write one beside a policy")
    played = rehearsal.run(cases, known, processes)
    report(how, played, rehearsal.coverage(played, known) if covered else [], time.perf_counter() - begun)
    return not failed(played)


def _changed(where: Sequence[Path]) -> None:
    """Comes back when a file there is new, gone or different."""
    before = _seen(where)
    while _seen(where) == before:
        time.sleep(_EVERY)


def _seen(where: Sequence[Path]) -> set[tuple[Path, int, int]]:
    files = {file for path in where for file in ([path] if path.is_file() else path.rglob("*"))}
    stats = [(file, file.stat()) for file in files if file.is_file()]
    return {(file, stat.st_mtime_ns, stat.st_size) for file, stat in stats}


simulate = typer.Typer(help="What if: play a policy for one person at the prompt.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")


@simulate.command("policy")
def policy(  # noqa: PLR0913  # a parameter for each option
    name: Annotated[str, typer.Argument(help="CHANNEL/NAME, or NAME where only one Channel has it.")],
    *,
    delivered: Happens = [],  # noqa: B006  # typer's own; nobody changes it
    clicked: Happens = [],  # noqa: B006  # the same
    undelivered: Happens = [],  # noqa: B006  # the same
    failed_: Annotated[list[str], typer.Option("--failed", metavar="CODE", help="Refused at once; repeatable.")] = [],  # noqa: B006  # the same
    without: Annotated[list[str], typer.Option(metavar="CODE", help="No address there; repeatable.")] = [],  # noqa: B006  # the same
) -> None:
    """Say what goes out when, and why: ums simulate policy app-then-sms --delivered shopapp1=3m."""
    happens = Told(delivered, clicked, undelivered, failed_, without)
    print(told(simulated(rehearsal.declared(installation(offline=True).config), name, happens).timeline))
