"""`ums watch` as it really runs: a process, a folder or a git checkout, and what it writes down for the others."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ums.database import opened
from ums.models import Override, Resource, Revision, WatchStatus
from ums.reconcile import Options
from ums.reconcile.watch import Round, Sync, Watch
from ums.sandbox import free_address
from ums.settings import Settings

CHANNEL = "apiVersion: ums/v1\nkind: Channel\nname: shop\nmasterSecret: {env: SECRET}\ndeliveryChannels: []\n"
_ME = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
GIT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **dict.fromkeys(_ME, "ada@shop.example")}


class Watched:
    """A running `ums watch`, and what it last wrote down."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self.settings = settings
        file = settings.root / "ums.yaml"
        file.write_text(f"apiVersion: ums/v1\nkind: Installation\nconfig: {settings.config}\n")
        self.log = (settings.root / "watch.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ums.cli", "watch", "--every", "0.1", *arguments],
            env={**GIT, "UMS_FILE": str(file), "UMS_DATABASE_URL": settings.database_url},
            stdout=self.log,
            stderr=self.log,
        )

    async def until(self, status: Sync, revision: int, message: str = "") -> WatchStatus:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            async with opened(self.settings):
                seen = await WatchStatus.get_or_none(id=1)
            if seen and (seen.status, seen.revision) == (status.value, revision) and message in seen.message:
                return seen
            await asyncio.sleep(0.05)
        raise AssertionError(f"{seen and (seen.status, seen.revision, seen.message)}\n{self.said()}")

    async def titles(self) -> list[str]:
        async with opened(self.settings):
            return [row.body["title"] for row in await Resource.all().order_by("name")]

    def said(self) -> str:
        return Path(self.log.name).read_text()

    def stop(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        return self.process.wait(20)


@pytest.fixture
def folder(settings: Settings) -> Path:
    settings.config.mkdir()
    (settings.config / "shop.yaml").write_text(CHANNEL)
    return settings.config


@pytest.fixture
def watched(settings: Settings, folder: Path) -> Iterator[Watched]:
    yield from running(Watched(settings))


def running(one: Watched) -> Iterator[Watched]:
    yield one
    one.process.kill()
    one.process.wait()
    one.log.close()


async def test_what_is_written_into_the_folder_is_live_and_a_bad_revision_keeps_the_last_good_one(
    watched: Watched, folder: Path
) -> None:
    await watched.until(Sync.SYNCED, 1)

    (folder / "shop.yaml").write_text(CHANNEL + "tilte: The shop\n")
    seen = await watched.until(Sync.INVALID, 1)
    assert "unknown property 'tilte'; did you mean 'title'?" in seen.message
    assert await watched.titles() == ["shop"]

    (folder / "shop.yaml").write_text(CHANNEL + "title: The shop\n")
    await watched.until(Sync.SYNCED, 2)
    assert await watched.titles() == ["The shop"]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_in_order(watched: Watched, by: signal.Signals) -> None:
    await watched.until(Sync.SYNCED, 1)

    assert watched.stop(by) == 0
    assert watched.said() == "Synced revision 1\n"


@pytest.fixture
def origin(settings: Settings) -> Path:
    """A repository with one commit; `settings.config` is a checkout of it."""
    there = settings.root / "origin"
    there.mkdir()
    git(there, "init", "-q", "-b", "main")
    commit(there, CHANNEL, "the first shop")
    git(settings.root, "clone", "-q", str(there), str(settings.config))
    return there


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], env=GIT, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(there: Path, text: str, message: str) -> str:
    (there / "shop.yaml").write_text(text)
    git(there, "add", ".")
    git(there, "commit", "-q", "-m", message)
    return git(there, "rev-parse", "HEAD")


@pytest.fixture
def pulled(settings: Settings, origin: Path) -> Iterator[Watched]:
    yield from running(Watched(settings, "--git"))


async def test_what_is_pushed_is_pulled_and_applied_and_a_bad_commit_keeps_the_last_good_one(
    pulled: Watched, origin: Path
) -> None:
    await pulled.until(Sync.SYNCED, 1)
    bad = commit(origin, CHANNEL.replace("Channel\n", "Chanel\n"), "a slip")
    assert (await pulled.until(Sync.INVALID, 1)).commit == bad

    good = commit(origin, CHANNEL + "title: The shop\n", "The shop has a name")
    assert (await pulled.until(Sync.SYNCED, 2)).commit == good

    async with opened(pulled.settings):
        revision = await Revision.get(number=2)
    assert (revision.author, revision.commit, revision.message) == (
        "ada@shop.example <ada@shop.example>", good, "The shop has a name",
    )  # fmt: skip


async def test_a_checkout_that_cannot_be_pulled_is_pending_and_says_why(pulled: Watched, origin: Path) -> None:
    await pulled.until(Sync.SYNCED, 1)

    git(pulled.settings.config, "remote", "set-url", "origin", str(origin.with_name("gone")))

    await pulled.until(Sync.PENDING, 1, "git pull failed: ")


async def test_what_somebody_changed_by_hand_is_put_back(settings: Settings, folder: Path) -> None:
    watch = Watch(settings)
    await watch.look()
    async with opened(settings):
        await Resource.filter(name="shop").update(body={"title": "Hacked"})

    assert (await watch.look()).revision == 2
    async with opened(settings):
        assert (await Resource.get()).body["title"] == "shop"


async def test_what_is_switched_at_runtime_is_drift_and_stays(settings: Settings, folder: Path) -> None:
    watch = Watch(settings)
    await watch.look()
    async with opened(settings):
        await Override.create(kind="Channel", name="shop", path="protect", value=True, created_at=1, author="bob")

    seen = await watch.look()

    assert (seen.status, seen.revision) == (Sync.DRIFT, 1)
    assert seen.message == "! Channel/shop protect: switched to true by bob at runtime"


async def test_too_many_deletes_are_pending(settings: Settings, folder: Path) -> None:
    (folder / "ops.yaml").write_text(CHANNEL.replace("shop", "ops"))
    watch = Watch(settings, Options(prune=True))
    await watch.look()
    for file in ("shop.yaml", "ops.yaml"):
        (folder / file).unlink()

    seen = await watch.look()

    assert (seen.status, seen.revision) == (Sync.PENDING, 1)
    assert seen.message.startswith("not applied: it deletes 2 of 2 Channel objects")


async def forward(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both ways, until one of them has said everything."""
    there_reader, there_writer = await asyncio.open_connection(host, port)
    await asyncio.gather(pour(reader, there_writer), pour(there_reader, writer))


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


async def test_it_outlives_a_database_that_is_away(postgres_settings: Settings) -> None:
    """The server is reached through a door that opens after the second look."""
    postgres_settings.config.mkdir()
    (postgres_settings.config / "shop.yaml").write_text(CHANNEL)
    url = urlsplit(postgres_settings.database_url)
    door = free_address()
    settings = replace(
        postgres_settings, database_url=url._replace(netloc=f"{url.username}@{door.host}:{door.port}").geturl()
    )
    stop, twice, told = asyncio.Event(), asyncio.Event(), list[Round]()

    def tell(seen: Round) -> None:
        told.append(seen)
        if len(told) == 2:
            twice.set()
        if not seen.away:
            stop.set()

    watching = asyncio.create_task(Watch(settings, every=0.1).run(stop, tell))
    await twice.wait()
    server = await asyncio.start_server(
        partial(forward, url.hostname or "127.0.0.1", url.port or 5432), door.host, door.port
    )
    async with server:
        await watching

    assert [seen.away for seen in told] == [True, True, False]
    assert (told[2].status, told[2].revision) == (Sync.SYNCED, 1)


async def test_a_database_server_that_is_down_is_said(settings: Settings, folder: Path) -> None:
    seen = await Watch(replace(settings, database_url="postgres://ums:hunter2@127.0.0.1:1/ums")).look()

    assert (seen.away, seen.status) == (True, Sync.PENDING)
    assert seen.message.startswith("the database cannot be reached: ")
    assert "hunter2" not in seen.message
