"""kill -9 in the middle of an apply: the database is at the old revision or at the new one, never between."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ums.database import connection, fetch, opened, sqlite_file
from ums.models import Resource, ResourceVersion, Revision
from ums.reconcile import reconcile
from ums.settings import Settings

DOCUMENTS = 1_500
MOMENTS = (0.0, 0.05, 0.15, 0.4)
"""How long after its transaction began the process is killed, in seconds."""

CHANNEL = """apiVersion: ums/v1
kind: Channel
name: c{0}
title: {1}-{0}
masterSecret: {{env: SECRET}}
deliveryChannels: []
"""
_LOCKED = """
SELECT count(*) AS held FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND c.relname = 'revision' AND l.mode = 'ShareRowExclusiveLock' AND l.granted"""


def write(folder: Path, generation: int) -> None:
    text = "---\n".join(CHANNEL.format(number, generation) for number in range(DOCUMENTS))
    (folder / "it.yaml").write_text(text)


async def everything(settings: Settings) -> tuple[int, set[str], int]:
    """The latest revision, the generations of what is live, and how many versions there are."""
    async with opened(settings):
        latest = (await Revision.all().order_by("-number"))[0].number
        generations = {row.body["title"].split("-")[0] for row in await Resource.all()}
        return latest, generations, await ResourceVersion.all().count()


def start(settings: Settings) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "UMS_FILE": str(settings.root / "ums.yaml"),
        "UMS_DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "ums.cli", "apply"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)


async def is_writing(settings: Settings) -> bool:
    """Whether somebody is inside the transaction of an apply."""
    file = sqlite_file(settings)
    if file is None:
        return bool((await fetch(connection(), _LOCKED))[0]["held"])
    other = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


async def kill_inside(settings: Settings, moment: float) -> None:
    """`ums apply`, killed so long after its transaction began."""
    process = start(settings)
    async with opened(settings):
        while process.poll() is None and not await is_writing(settings):
            await asyncio.sleep(0.001)
    await asyncio.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.timeout(240)
async def test_a_killed_apply_leaves_nothing_half_done(settings: Settings) -> None:
    settings.config.mkdir()
    (settings.root / "ums.yaml").write_text("apiVersion: ums/v1\nkind: Installation\n")
    write(settings.config, 1)
    await reconcile(settings, write=True)

    undone = 0
    for generation, moment in enumerate(MOMENTS, 2):
        before = await everything(settings)
        write(settings.config, generation)
        await kill_inside(settings, moment)
        after = await everything(settings)
        assert after in (before, (before[0] + 1, {str(generation)}, before[2] + DOCUMENTS))
        undone += after == before

    assert undone
    await reconcile(settings, write=True)
    assert (await reconcile(settings, write=False)).is_empty
