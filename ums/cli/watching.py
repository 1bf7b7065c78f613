"""`ums watch`: the GitOps loop."""

import asyncio
import json
import signal
from dataclasses import asdict
from typing import Annotated

import typer

from ums.cli.options import Prune
from ums.cli.report import Chosen, Format, show_problems
from ums.cli.terminal import app, installation
from ums.reconcile import Options
from ums.reconcile.watch import Round, Watch


@app.command()
def watch(
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 30.0,
    pull: Annotated[bool, typer.Option("--git", help="The folder is in a git checkout: pull it first.")] = False,
    prune: Prune = False,
    how: Chosen = Format.TEXT,
) -> None:
    """Apply the folder again and again; one that is wrong leaves the last good revision. Ctrl-C ends it in order."""
    looking = Watch(installation(), Options(prune=prune), pull=pull, every=every)
    asyncio.run(_watch(looking, how))


async def _watch(looking: Watch, how: Format) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await looking.run(stop, Told(how))


class Told:
    """Says how a round ended when that is not what it said last."""

    def __init__(self, how: Format) -> None:
        self._how = how
        self._last: Round | None = None

    def __call__(self, seen: Round) -> None:
        if seen == self._last:
            return
        self._last = seen
        if self._how is Format.JSON:
            print(json.dumps({**asdict(seen), "status": seen.status.value}, ensure_ascii=False), flush=True)
            return
        if seen.problems:
            show_problems(seen.problems, self._how)
        print(seen, flush=True)
