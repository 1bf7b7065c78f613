"""People out of a spreadsheet, of any length: read in one thread while the chunk before is written."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import COLLISIONS, transaction
from ums.errors import UmsError
from ums.people import spreadsheets
from ums.people.columns import KNOWN, NAMES, USER_ID, Progress, Reader
from ums.people.load import Chunk, write
from ums.people.spreadsheets import Row, Unreadable, header
from ums.people.users import Scope
from ums.vocabulary import Clock

CHUNK = 10_000
"""Rows a transaction: about a tenth of a second, so that others who write wait no longer."""
MOST_PROBLEMS = 1000
"""That are kept; further ones are counted."""


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

    def note(self, number: int, found: list[tuple[str, str]]) -> None:
        self.wrong += 1
        room = MOST_PROBLEMS - len(self.problems)
        self.problems += [RowProblem(number, column, message) for column, message in found[:room]]


async def import_people(
    file: Path, scope: Scope, clock: Clock, *, atomic: bool = False, progress: Progress = lambda _done, _rows: None
) -> Report:
    """Write the good rows of a .csv or .xlsx file, or with `atomic` all of them or none; what became of each.

    The address of a row replaces the one that was there under the same bind; devices and tags come on top. Raises
    ImportRefused when the file as a whole cannot be read: what came before, unless `atomic`, stays imported.
    """
    report = Report()
    chunks = _chunks(file, scope, report)
    try:
        async with transaction() if atomic else nullcontext() as whole:
            async for found in _ahead(chunks):
                await _keep(whole, found, clock())
                report.imported += found.rows
                progress(found.done, report.rows)
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


@dataclass
class _Read:
    chunk: Chunk
    rows: int
    done: float


async def _ahead(chunks: Iterator[_Read]) -> AsyncIterator[_Read]:
    """Each chunk while the next one is being read."""
    coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while (found := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            yield found
    finally:
        coming.cancel()


async def _keep(whole: BaseDBAsyncClient | None, found: _Read, now: int) -> None:
    """In the one transaction, or in one of its own, which gives way to whoever it collides with."""
    if whole is not None:
        await write(whole, found.chunk, now)
        return
    for tries_left in reversed(range(5)):
        try:
            async with transaction() as tx:
                await write(tx, found.chunk, now)
        except COLLISIONS:
            if not tries_left:
                raise
        else:
            return


def _chunks(file: Path, scope: Scope, report: Report) -> Iterator[_Read]:
    rows = spreadsheets.read(file)
    reader = _reader(next(rows, None), scope)
    chunk, good, done = Chunk(), 0, 0.0
    for number, cells, done in rows:
        report.rows += 1
        if problems := reader.put(cells, chunk):
            report.note(number, problems)
        else:
            good += 1
        if report.rows % CHUNK == 0:
            yield _Read(chunk, good, done)
            chunk, good = Chunk(), 0
    if not report.rows:
        raise Unreadable(1, "found nobody below the names of the columns")
    yield _Read(chunk, good, 1.0)


def _reader(first: Row | None, scope: Scope) -> Reader:
    """By the names in the first row."""
    if first is None:
        raise Unreadable(1, "found nothing; the first row names the columns")
    columns = header(first[1], KNOWN, first[0])
    if USER_ID not in columns:
        raise Unreadable(first[0], f"found no column {USER_ID}; the first row names the columns: {', '.join(NAMES)}")
    return Reader(columns, scope)
