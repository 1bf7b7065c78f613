"""`ums db upgrade`: the schema, brought to what this version of UMS needs.

Tortoise's migrations run as they are on PostgreSQL. On SQLite a changed column means a rebuilt table, and the rebuild
drops child rows (through ON DELETE CASCADE) and indexes; so there the file is copied first, foreign keys are off
meanwhile, missing indexes are made again, and everything is checked before the lock is let go.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.indexes import Index
from tortoise.migrations.executor import MigrationExecutor
from tortoise.models import Model

from ums import models
from ums.database import MIGRATIONS, configuration, connection, execute, fetch, sqlite_file
from ums.errors import UmsError
from ums.settings import Settings

_LOCK = 8_677_001  # any number that no other user of the database takes


class UpgradeFailed(UmsError):
    """The operator must act: the database is not as the models say; a copy from before is kept."""


async def upgrade(settings: Settings, migrations: str = MIGRATIONS) -> list[str]:
    """Apply what is missing; the names of the migrations that were applied, none when the schema is up to date."""
    config = configuration(settings, migrations)
    file = sqlite_file(settings)
    existed = file is not None and file.exists()
    if "sqlite" in config["connections"]:
        config["connections"]["sqlite"]["credentials"]["foreign_keys"] = "OFF"
    async with TortoiseContext() as context, _lock(settings):
        await context.init(config=config)
        executor = MigrationExecutor(connection(), config["apps"])
        pending = [step.migration.name for step in await executor.plan() if not step.backward]
        if not pending:
            return []
        if file and existed:
            await _backup(file)
        await executor.migrate(direction="forward")
        if "sqlite" in config["connections"]:
            await context.generate_schemas(safe=True)
            await _check_sqlite()
    return pending


async def is_current(settings: Settings) -> bool:
    """Whether the open database has every migration of this version."""
    executor = MigrationExecutor(connection(), configuration(settings)["apps"])
    return not await executor.plan()


@asynccontextmanager
async def _lock(settings: Settings) -> AsyncIterator[None]:
    """One upgrade at a time; a second one waits and then finds nothing to do."""
    if file := sqlite_file(settings):
        with file.with_name(file.name + ".upgrade-lock").open("w") as held:
            await asyncio.to_thread(fcntl.flock, held, fcntl.LOCK_EX)
            yield
    elif settings.database_url.startswith("postgres"):
        holder = await asyncpg.connect(settings.database_url)
        try:
            await holder.execute("SELECT pg_advisory_lock($1)", _LOCK)
            yield
        finally:
            await holder.close()  # a closed session lets go of its locks
    else:
        yield  # in memory: nobody else can see it


async def _backup(file: Path) -> None:
    """A copy as of now, beside the file; VACUUM INTO reads through the write-ahead log, a plain copy would not."""
    copy = file.with_name(f"{file.name}.before-upgrade")
    copy.unlink(missing_ok=True)
    await execute(connection(), "VACUUM INTO $1", str(copy))


async def _check_sqlite() -> None:
    """Raise UpgradeFailed unless every child row has its parent and every index of the models is there."""
    orphans = await fetch(connection(), "PRAGMA foreign_key_check")
    if orphans:
        raise UpgradeFailed(f"rows of {sorted({row['table'] for row in orphans})} lost their parent row")
    found = {row["name"] for row in await fetch(connection(), "SELECT name FROM sqlite_master WHERE type = 'index'")}
    if missing := named_indexes() - found:
        raise UpgradeFailed(f"indexes are missing: {sorted(missing)}")


def named_indexes() -> set[str]:
    """The names of all indexes that the models ask for by name."""
    everything = vars(models).values()
    tables = [model for model in everything if isinstance(model, type) and issubclass(model, Model)]
    return {index.name for model in tables for index in model._meta.indexes if isinstance(index, Index) and index.name}
