"""Uploaded spreadsheets of people: kept in the database, and worked off by whichever worker is free.

A part is written in one transaction with how far the import is, so whoever comes after a killed worker goes on behind
the last part, and no row is written or counted twice.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.queryset import QuerySet

from ums.database import connection, execute, fetch, rows, transaction
from ums.errors import CallerRefused, Problem
from ums.models import UserImport
from ums.people.imports import MOST_PROBLEMS, Part, check, parts
from ums.people.load import Chunk, write
from ums.people.users import Scope
from ums.snapshot import Snapshots
from ums.spreadsheets import Unreadable
from ums.vocabulary import Clock, ImportState

log = structlog.get_logger()

MOST_ROWS = 50_000
MOST_BYTES = 30_000_000
LEASE = 60_000
"""ms for which a worker has an import to itself; each part that it writes begins them anew."""
KEPT = 7 * 86_400_000
"""ms for which one can see what became of an import."""


async def accept(name: str, content: BinaryIO, channel: str, now: int, *, atomic: bool = False) -> UserImport:
    """The import, kept for a worker; raises CallerRefused for a file that is too large or cannot be read.

    `channel` is the name of the one whose key uploads; empty: the people key.
    """
    with on_disk(name, content) as file:
        total, kept = await asyncio.to_thread(_checked, file)
    return await UserImport.create(
        channel=channel, file_name=name[-255:], file=kept, atomic=atomic, state=ImportState.WAITING.value, total=total,
        created_at=now, due_at=now,
    )  # fmt: skip


def _checked(file: Path) -> tuple[int, bytes]:
    """Its number of rows, and what it holds; raises CallerRefused."""
    if (size := file.stat().st_size) > MOST_BYTES:
        raise _refused("too_large", f"found {size} bytes, at most {MOST_BYTES} may be uploaded; {_ELSE}")
    try:
        total = check(file)
    except Unreadable as error:
        raise _refused("unreadable_file", str(error)) from error
    if total > MOST_ROWS:
        raise _refused("too_many", f"found {total} rows, at most {MOST_ROWS} may be uploaded; {_ELSE}")
    return total, file.read_bytes()


_ELSE = "upload it in parts, or let an operator run: ums people import FILE"


def _refused(code: str, message: str) -> CallerRefused:
    return CallerRefused([Problem(path="file", code=code, message=message)])


@contextmanager
def on_disk(name: str, content: BinaryIO) -> Iterator[Path]:
    """A file of that kind, for as long as it is read."""
    with tempfile.NamedTemporaryFile(suffix=Path(name).suffix[:10]) as file:
        shutil.copyfileobj(content, file)
        file.flush()
        yield Path(file.name)


async def keep_importing(snapshots: Snapshots, clock: Clock, stopping: asyncio.Event, every: float = 1.0) -> None:
    """Work off what was uploaded, until `stopping` is set."""
    while not stopping.is_set():
        try:
            while not stopping.is_set() and await work_off(snapshots, clock):
                pass
            await execute(connection(), _FORGET, clock() - KEPT)
        except Exception as error:  # noqa: BLE001  # whatever it is, the lease ends, and it is tried again
            log.error("import_interrupted", error=f"{type(error).__name__}: {error}", then="it goes on in a minute")
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every)


async def work_off(snapshots: Snapshots, clock: Clock) -> bool:
    """The import that has waited longest, to its end; whether there was one."""
    now, token = clock(), uuid4().hex
    claimed = await fetch(connection(), _CLAIM, now, now + LEASE, token)
    if not claimed:
        return False
    job = await UserImport.get(id=claimed[0]["id"])
    job.lease_token = token  # whoever claims it from now on cannot lend us his
    snapshot = await snapshots.newest()
    channel = snapshot.all("Channel").get(job.channel)
    if job.channel and channel is None:
        await _end(connection(), job, clock(), ImportState.FAILED, f"Channel {job.channel} is not declared any more")
        return True
    scope = Scope.of(channel) if channel else Scope.of_all(snapshot)
    with on_disk(job.file_name, BytesIO(job.file or b"")) as file, suppress(_Taken):
        try:
            await (_whole if job.atomic else _by_parts)(job, file, scope, clock)
        except Unreadable as error:
            await _end(connection(), job, clock(), ImportState.FAILED, str(error))
    return True


def of(channel: str) -> QuerySet[UserImport]:
    """What the key of a Channel, by name, uploaded; empty: the people key. Without what is in the files."""
    return UserImport.filter(channel=channel).only(*_ALL_BUT_FILE)


_ALL_BUT_FILE = sorted(UserImport._meta.fields - {"file", "problems"})


class _Taken(Exception):
    """Another worker has the import by now."""


async def _by_parts(job: UserImport, file: Path, scope: Scope, clock: Clock) -> None:
    async for part in parts(file, scope, skip=job.rows):
        async with transaction() as tx:
            await _advance(tx, job, part, now=clock())
            await write(tx, part.chunk, clock())
    await _end(connection(), job, clock(), ImportState.DONE)


async def _whole(job: UserImport, file: Path, scope: Scope, clock: Clock) -> None:
    read = list[Part]()
    try:
        async with transaction() as tx:
            async for part in parts(file, scope):
                read.append(replace(part, chunk=Chunk()))
                await write(tx, part.chunk, clock())
            if any(part.wrong for part in read):
                raise _Incomplete
            await _advance(tx, job, *read, now=clock())
            await _end(tx, job, clock(), ImportState.DONE)
    except _Incomplete:
        async with transaction() as tx:
            await _advance(tx, job, *read, now=clock())
            await _end(tx, job, clock(), ImportState.REFUSED)


class _Incomplete(Exception):
    pass


async def _advance(tx: BaseDBAsyncClient, job: UserImport, *read: Part, now: int) -> None:
    """So many rows further, and what is wrong with some; raises _Taken."""
    looked_at, wrong = sum(part.rows for part in read), sum(part.wrong for part in read)
    if not await execute(tx, _ADVANCE, job.id, job.lease_token, looked_at, wrong, now + LEASE):
        raise _Taken
    problems = [problem for part in read for problem in part.problems]
    await execute(tx, _ADD_PROBLEMS, rows((job.id, *astuple(problem)) for problem in problems), MOST_PROBLEMS)


async def _end(on: BaseDBAsyncClient, job: UserImport, now: int, state: ImportState, failure: str = "") -> None:
    await execute(on, _END, job.id, job.lease_token, state.value, failure, now)


_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM user_import WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE user_import SET due_at = $2, lease_token = $3, state = 'running' WHERE id IN (SELECT id FROM due) RETURNING id"""

_ADVANCE = """
UPDATE user_import SET rows = rows + $3, imported = imported + $3 - $4, wrong = wrong + $4, due_at = $5
WHERE id = $1 AND lease_token = $2"""

# At most so many of an import.
_ADD_PROBLEMS = """
INSERT INTO import_problem (user_import_id, row, column_name, message)
SELECT given.user_import, given.row, given.column_name, given.message
FROM ROWS($1: user_import int, row int, column_name text, message text) AS given
WHERE (SELECT count(*) FROM import_problem p WHERE p.user_import_id = given.user_import) < $2"""

_END = """
UPDATE user_import SET state = CAST($3 AS text), failure = $4, ended_at = $5, due_at = NULL, file = NULL,
    imported = CASE WHEN CAST($3 AS text) = 'refused' THEN 0 ELSE imported END
WHERE id = $1 AND lease_token = $2"""

_FORGET = "DELETE FROM user_import WHERE ended_at IS NOT NULL AND ended_at < $1"
