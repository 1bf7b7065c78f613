"""People out of a spreadsheet, of any length: read in one thread while the chunk before is written."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tortoise.backends.base.client import BaseDBAsyncClient

from ums import spreadsheets
from ums.database import COLLISIONS, transaction
from ums.errors import UmsError
from ums.people.columns import KNOWN, NAMES, USER_ID, Progress, Reader
from ums.people.load import Chunk, write
from ums.people.users import Scope
from ums.spreadsheets import Row, Unreadable, header
from ums.vocabulary import Clock

CHUNK = 10_000
"""Rows a transaction: about a tenth of a second, so that others who write wait no longer."""
MOST_PROBLEMS = 1000
"""That are kept; further ones are counted."""


_NOBODY = "found nobody below the names of the columns"


class ImportRefused(UmsError):
    """The author of the file must act: it cannot be read."""


@dataclass(frozen=True)
class RowProblem:
    row: int
    column: str
    """Empty when it concerns the row as a whole."""
    message: str

    def __str__(self) -> str:
        return f"row {self.row}{f', {self.column}' if self.column else ''}: {self.message}"


@dataclass(frozen=True)
class Part:
    """Some rows of a file, read."""

    chunk: Chunk
    """What the good ones say."""
    rows: int
    wrong: int
    problems: Sequence[RowProblem]
    done: float
    """How much of the file was read, from 0 to 1."""


@dataclass
class Report:
    """What became of the rows of a file."""

    rows: int = 0
    """Below the header."""
    imported: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    wrong: int = 0
    """Rows with a problem; none of them was imported."""
    refused: bool = False
    """Nothing was imported, because of them."""

    def add(self, part: Part) -> None:
        self.rows += part.rows
        self.imported += part.rows - part.wrong
        self.wrong += part.wrong
        self.problems += part.problems[: MOST_PROBLEMS - len(self.problems)]


async def import_people(
    file: Path, scope: Scope, clock: Clock, *, atomic: bool = False, progress: Progress = lambda _done, _rows: None
) -> Report:
    """Write the good rows of a .csv or .xlsx file, or with `atomic` all of them or none; what became of each.

    The address of a row replaces the one that was there under the same bind; devices and tags come on top. Raises
    ImportRefused when the file as a whole cannot be read: what came before, unless `atomic`, stays imported.
    """
    report = Report()
    try:
        async with transaction() if atomic else nullcontext() as whole:
            async for part in parts(file, scope):
                await _keep(whole, part, clock())
                report.add(part)
                progress(part.done, report.rows)
            progress(1.0, report.rows)
            if atomic and report.wrong:
                raise _Incomplete
    except Unreadable as error:
        kept = f"; {report.imported} rows before it were imported" if report.imported and not atomic else ""
        raise ImportRefused(f"{file.name}: {error}{kept}") from error
    except _Incomplete:
        report.imported, report.refused = 0, True
    return report


class _Incomplete(Exception):
    pass


async def parts(file: Path, scope: Scope, skip: int = 0) -> AsyncIterator[Part]:
    """The rows of a file behind the first `skip`, each part read while the one before is written.

    Raises Unreadable.
    """
    reading = _parts(file, scope, skip)
    coming = asyncio.create_task(asyncio.to_thread(next, reading, None))
    try:
        while (part := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, reading, None))
            yield part
    finally:
        coming.cancel()


async def _keep(whole: BaseDBAsyncClient | None, part: Part, now: int) -> None:
    """In the one transaction, or in one of its own, which gives way to whoever it collides with."""
    if whole is not None:
        await write(whole, part.chunk, now)
        return
    for tries_left in reversed(range(5)):
        try:
            async with transaction() as tx:
                await write(tx, part.chunk, now)
        except COLLISIONS:
            if not tries_left:
                raise
        else:
            return


def check(file: Path) -> int:
    """The number of rows below the header; raises Unreadable where there are none, or a column is unknown."""
    rows = spreadsheets.read(file)
    columns(next(rows, None))
    number = sum(1 for _ in rows)
    if not number:
        raise Unreadable(1, _NOBODY)
    return number


def columns(first: Row | None) -> list[str]:
    """What the first row names; raises Unreadable."""
    if first is None:
        raise Unreadable(1, "found nothing; the first row names the columns")
    named = header(first[1], KNOWN, first[0])
    if USER_ID not in named:
        raise Unreadable(first[0], f"found no column {USER_ID}; the first row names the columns: {', '.join(NAMES)}")
    return named


def _parts(file: Path, scope: Scope, skip: int) -> Iterator[Part]:
    rows = spreadsheets.read(file)
    reader = Reader(columns(next(rows, None)), scope)
    behind = islice(rows, skip, None)
    some = list(islice(behind, CHUNK))
    if not some and not skip:
        raise Unreadable(1, _NOBODY)
    while some:
        yield _part(reader, some)
        some = list(islice(behind, CHUNK))


def _part(reader: Reader, rows: Sequence[Row]) -> Part:
    chunk, problems, wrong = Chunk(), list[RowProblem](), 0
    for number, cells, _ in rows:
        if found := reader.put(cells, chunk):
            wrong += 1
            problems += [RowProblem(number, column, message) for column, message in found]
    return Part(chunk, len(rows), wrong, problems, rows[-1][2])
