"""The GitOps loop: a folder or a git checkout, reconciled again and again; a bad revision leaves the last good one."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import asyncpg
from tortoise.exceptions import BaseORMException

from ums.errors import ConfigInvalid, Problem, UmsError
from ums.models import WatchStatus
from ums.reconcile import DEFAULT, DatabaseUnreachable, Note, Options, Plan, SchemaMissing, reconcile
from ums.reconcile.current import latest
from ums.reconcile.ready import ready
from ums.settings import Settings
from ums.vocabulary import Clock, system_clock

AWAY = (DatabaseUnreachable, SchemaMissing, BaseORMException, asyncpg.PostgresError, asyncpg.InterfaceError,
        sqlite3.Error, OSError)  # fmt: skip
"""What a database says that is not there just now."""
AUTHOR = "ums watch"
_LONGEST_PAUSE = 60.0
_GIT_PATIENCE = 60.0


class Sync(Enum):
    """How what is live stands to the files."""

    SYNCED = "Synced"
    PENDING = "Pending"
    """There are changes that could not be applied, or it is not known whether there are."""
    DRIFT = "Drift"
    """Everything is applied, and something is switched or changed at runtime all the same."""
    INVALID = "Invalid"
    """The files are wrong; the last good revision stays live."""


@dataclass(frozen=True)
class Round:
    """How one look ended."""

    status: Sync
    revision: int = 0
    commit: str = ""
    message: str = ""
    problems: tuple[Problem, ...] = ()
    away: bool = False
    """The database could not be reached: what is live is not known."""

    def __str__(self) -> str:
        commit = f" commit {self.commit[:12]}" if self.commit else ""
        message = f": {self.message}" if self.message else ""
        return f"{self.status.value} revision {self.revision}{commit}{message}"


class PullFailed(UmsError):
    """The operator must act, or the network come back: the checkout may be behind."""


@dataclass(frozen=True)
class Watch:
    """What is looked at, and how."""

    settings: Settings
    options: Options = DEFAULT
    pull: bool = False
    every: float = 30.0

    async def run(self, stop: asyncio.Event, tell: Callable[[Round], None]) -> None:
        """Look, tell, wait, until `stop`; while the database is away the pauses grow from a second to a minute."""
        pause = 0.5
        while not stop.is_set():
            seen = await self.look()
            tell(seen)
            pause = min(pause * 2, _LONGEST_PAUSE) if seen.away else 0.5
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause if seen.away else self.every)

    async def look(self, clock: Clock = system_clock) -> Round:
        """One round: pull, reconcile, and write down how it went."""
        note, failed = await _pulled(self.settings.config) if self.pull else (Note(AUTHOR), "")
        try:
            seen = await self._reconciled(note, failed)
            await _write_down(self.settings, seen, clock())
        except AWAY as error:
            return Round(Sync.PENDING, commit=note.commit, message=str(error), away=True)
        return seen

    async def _reconciled(self, note: Note, failed: str) -> Round:
        try:
            made = await reconcile(self.settings, write=True, options=self.options, note=note)
        except ConfigInvalid as invalid:
            message = f"{len(invalid.problems)} problems, first {invalid.problems[0]}"
            number = await _latest(self.settings)
            return Round(Sync.INVALID, number, note.commit, message, tuple(invalid.problems))
        except AWAY:
            raise
        except UmsError as error:
            return Round(Sync.PENDING, await _latest(self.settings), note.commit, str(error))
        if failed:
            return Round(Sync.PENDING, made.revision, note.commit, failed)
        left = _left(made)
        return Round(Sync.DRIFT if left else Sync.SYNCED, made.revision, note.commit, "; ".join(left))


def _left(made: Plan) -> list[str]:
    """The drift that the apply did not end."""
    written = {change.key for change in made.changes}
    switched = [str(one) for one in made.overrides if one not in made.ended]
    return [str(one) for one in made.drift if one.key not in written] + switched


async def _latest(settings: Settings) -> int:
    async with ready(settings, write=True):
        return await latest()


async def _write_down(settings: Settings, seen: Round, now: int) -> None:
    """For the API and the metrics, which live in other processes."""
    values = {
        "status": seen.status.value, "revision": seen.revision, "commit": seen.commit, "message": seen.message,
        "checked_at": now,
    }  # fmt: skip
    async with ready(settings, write=True):
        await WatchStatus.update_or_create(defaults=values, id=1)


async def _pulled(folder: Path) -> tuple[Note, str]:
    """Bring the checkout up to date: which commit it is at, and why that may not be the newest."""
    failed = ""
    try:
        await _git(folder, "pull", "--ff-only", "--quiet")
    except PullFailed as error:
        failed = str(error)
    try:
        said = await _git(folder, "log", "-1", "--format=%H%x00%aN <%aE>%x00%s")
    except PullFailed as error:
        return Note(AUTHOR), failed or str(error)
    commit, author, subject = said.split("\0", 2)
    return Note(author[:200], commit, subject), failed


async def _git(folder: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git", "-C", str(folder), *arguments,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, words = await asyncio.wait_for(process.communicate(), _GIT_PATIENCE)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise PullFailed(f"git {arguments[0]} took longer than {_GIT_PATIENCE:.0f} s") from error
    if process.returncode:
        raise PullFailed(f"git {arguments[0]} failed: {words.decode(errors='replace').strip()}")
    return out.decode(errors="replace").strip()
