"""What a target of a push broadcast costs as the broadcast grows: 10,000, 100,000, 1,000,000 people.

    python bench/bench_growth.py [people of the largest broadcast, 100,000 unless given]

Accepted -> all submitted, on SQLite, each size in an installation of its own; beside it the bare script of
bench_push.py. Three rounds; what counts is the ratio of the largest to the smallest, in time per target and in peak
memory: both should be 1.
"""

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from application import PUSH, application, direct
from bench_push import floor
from installation import api, installation, peak_mb, upload, worker

from ums.settings import Settings

SMALLEST = 10_000


@dataclass(frozen=True)
class Cost:
    """Microseconds a target, and peak MB."""

    people: int
    ums: float
    bare: float
    worker: int
    api: int

    def __str__(self) -> str:
        ratio = f"ratio {self.ums / self.bare:.2f}"
        memory = f"worker {self.worker} MB, API {self.api} MB"
        return f"{self.people} people: ums {self.ums:.1f} us, bare {self.bare:.1f} us, {ratio}, {memory}"


def cost(people: int) -> Cost:
    with installation() as installed:
        asyncio.run(upload(installed, people))
        copy = Path(shutil.copytree(installed.root / "var", installed.root / "bare" / "var"))
        bare = asyncio.run(floor(replace(installed, root=copy.parent)))
        shutil.rmtree(copy.parent)
        with worker(installed) as working, api(installed) as (settings, serving):
            seconds = asyncio.run(broadcast(settings))
            peaks = peak_mb(working.pid), peak_mb(serving.pid)
    return Cost(people, seconds / people * 1e6, bare / people * 1e6, *peaks)


async def broadcast(settings: Settings) -> float:
    """Seconds, of a worker whose connections are open already."""
    async with application(settings) as shop:
        await shop.ended(await shop.sends(direct("APP", ["first"]), PUSH))
        begun = time.perf_counter()
        return await shop.ended(await shop.sends({"broadcast": True}, PUSH), seconds=600) - begun


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    sizes = [SMALLEST]
    while sizes[-1] < largest:
        sizes.append(min(sizes[-1] * 10, largest))
    for _ in range(3):
        costs = [cost(people) for people in sizes]
        small, large = costs[0], costs[-1]
        print("; ".join(map(str, costs)), end="; ")
        print(
            f"largest over smallest: ums {large.ums / small.ums:.2f}, bare {large.bare / small.bare:.2f}, "
            f"worker {large.worker / small.worker:.2f}, API {large.api / small.api:.2f}"
        )


if __name__ == "__main__":
    main()
