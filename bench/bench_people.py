"""An import of people from .csv and .xlsx against bare inserts of the same rows into the same tables.

    python bench/bench_people.py [people, 100000 unless given] [rows of the .xlsx, 50000 unless given]

Each person has three addresses. The bare script reads the file (csv module, calamine), knows every id beforehand and
checks nothing; on SQLite it uses executemany, with UMS_BENCH_POSTGRES set (a URL) COPY. Read the ratio.
"""

import asyncio
import csv
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import xlsxwriter
from python_calamine import CalamineWorkbook

from ums.database import connection, execute, load, opened, transaction
from ums.database.upgrade import upgrade
from ums.people.imports import import_people
from ums.people.users import Scope
from ums.settings import Settings
from ums.vocabulary import system_clock

HEADER = ("userId", "bind", "sms", "email", "dingtalk")
CHUNK = 10_000

Read = Callable[[Path], Iterator[tuple[str, ...]]]


def people(number: int) -> Iterator[tuple[str, ...]]:
    for n in range(number):
        yield (f"u{n * 7919 % number}", "all", f"138{n % 10**8:08d}", f"person.{n}@example.com", f"staff-{n}")


async def ums(settings: Settings, file: Path) -> float:
    async with opened(settings):
        begun = time.perf_counter()
        report = await import_people(file, Scope(frozenset({"shop"}), frozenset({"app"})), system_clock)
        assert not report.wrong, report.problems[:3]
        return time.perf_counter() - begun


async def bare(settings: Settings, rows: Iterable[tuple[str, ...]]) -> float:
    async with opened(settings):
        begun, first, some = time.perf_counter(), 1, list[tuple[str, ...]]()
        for row in rows:
            some.append(row)
            if len(some) == CHUNK:
                await _insert(some, first)
                first, some = first + len(some), []
        await _insert(some, first)
        return time.perf_counter() - begun


async def _insert(some: list[tuple[str, ...]], first: int) -> None:
    users = [(n, row[0], 1, 1) for n, row in enumerate(some, first)]
    addresses = [
        (n, kind, "all", value)
        for n, row in enumerate(some, first)
        for kind, value in zip(("dingtalk", "email", "sms"), (row[4], row[3], row[2]), strict=True)
    ]
    async with transaction() as tx:
        await load(tx, "user_account", ("id", "user_id", "created_at", "updated_at"), users)
        await load(tx, "address", ("user_id", "type", "bind", "value"), addresses)


def from_csv(file: Path) -> Iterator[tuple[str, ...]]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        yield from map(tuple, rows)


def from_xlsx(file: Path) -> Iterator[tuple[str, ...]]:
    with CalamineWorkbook.from_path(file) as book:
        yield from map(tuple, book.get_sheet_by_index(0).to_python()[1:])


async def empty(settings: Settings) -> None:
    """A database with the tables and nothing in them."""
    if settings.database_url.startswith("sqlite"):
        for file in settings.root.glob("ums.db*"):
            file.unlink()
    await upgrade(settings)
    async with opened(settings):
        await execute(connection(), "DELETE FROM user_account")


def measured(settings: Settings, file: Path, what: str, read: Read) -> None:
    for _ in range(2):
        asyncio.run(empty(settings))
        floor = asyncio.run(bare(settings, read(file)))
        asyncio.run(empty(settings))
        took = asyncio.run(ums(settings, file))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{what}: ums {took:.1f} s, bare {floor:.1f} s, ratio {took / floor:.2f}, peak {peak} MB so far")


def main() -> None:
    number, rows = (int(sys.argv[n]) if len(sys.argv) > n else least for n, least in ((1, 100_000), (2, 50_000)))
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        root = Path(folder)
        settings = Settings(root, root / "config", database_url="sqlite://ums.db")
        if url := os.environ.get("UMS_BENCH_POSTGRES"):
            settings = replace(settings, database_url=url)
        with (root / "people.csv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(chain([HEADER], people(number)))
        with xlsxwriter.Workbook(root / "people.xlsx", {"constant_memory": True}) as book:
            sheet = book.add_worksheet()
            for n, row in enumerate(chain([HEADER], people(rows))):
                sheet.write_row(n, 0, row)
        measured(settings, root / "people.csv", f"{number} people from .csv", from_csv)
        measured(settings, root / "people.xlsx", f"{rows} people from .xlsx", from_xlsx)


if __name__ == "__main__":
    main()
