"""Many cases, on every processor."""

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from ums.rehearsal.case import Case, Played
from ums.rehearsal.play import CaseRefused, play
from ums.rehearsal.stage import Stage, stage
from ums.snapshot import Snapshot

WORTH = 100
"""Cases from which on a second process is begun: it costs as much as so many."""


def run(cases: Sequence[Case], declared: Snapshot, processes: int = 0) -> list[Played]:
    """What each came to, in their order; with 0 as many processes as there are processors."""
    number = min(processes or os.cpu_count() or 1, 1 + len(cases) // WORTH)
    if number == 1:
        return asyncio.run(_run(cases, declared))
    parts = [(cases[n::number], declared) for n in range(number)]
    with ProcessPoolExecutor(number, multiprocessing.get_context(_METHOD)) as pool:
        played = list(pool.map(_part, parts))
    return [played[n % number][n // number] for n in range(len(cases))]


# A fork has everything imported already; where there is none, a new process begins from nothing.
_METHOD = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


def _part(given: tuple[Sequence[Case], Snapshot]) -> list[Played]:
    return asyncio.run(_run(*given))


async def _run(cases: Sequence[Case], declared: Snapshot) -> list[Played]:
    async with stage(declared.bodies) as on:
        return [await _one(on, case) for case in cases]


async def _one(on: Stage, case: Case) -> Played:
    try:
        return await play(on, case)
    except CaseRefused as refused:
        return Played(case, (f"refused: {refused}",))
