"""`ums db upgrade`: an installed database becomes what this version needs, and loses nothing."""

import asyncio
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations import Migration
from tortoise.migrations.executor import MigrationExecutor

from ums.database import configuration, connection, execute, fetch, migrations, opened
from ums.database.upgrade import UpgradeFailed, is_current, named_indexes, upgrade
from ums.messaging.keeping.recount import differences
from ums.messaging.reading.history import Funnel, Said, numbers
from ums.messaging.reading.statistics import messages
from ums.models import Address, User
from ums.settings import Settings

FIRST, *SINCE = sorted(file.stem for file in Path(migrations.__path__[0]).glob("0*.py"))
"""Our migrations, the first version's and those after it."""

INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgres": "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'",
}


async def test_the_migrations_make_what_the_models_say(database: Settings) -> None:
    kind = "sqlite" if database.database_url.startswith("sqlite") else "postgres"

    found = {row["name"] for row in await fetch(connection(), INDEXES[kind])}

    assert named_indexes() <= found
    assert await is_current(database)


async def test_an_upgrade_of_a_current_database_does_nothing(settings: Settings) -> None:
    assert await upgrade(settings) == []


async def test_two_upgrades_at_once_apply_each_migration_once(sqlite_settings: Settings) -> None:
    fresh = replace(sqlite_settings, database_url="sqlite://fresh.db")

    done = await asyncio.gather(asyncio.create_task(upgrade(fresh)), asyncio.create_task(upgrade(fresh)))

    assert sorted(done) == [[], [FIRST, *SINCE]]


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The migrations of a later version, which rebuilds two tables on SQLite; the package's name."""
    package = tmp_path / "next_version"
    package.mkdir()
    (package / "__init__.py").touch()
    for migration in Path(migrations.__path__[0]).glob("0*.py"):
        shutil.copy(migration, package)
    (package / "9999_wider.py").write_text(WIDER)
    monkeypatch.syspath_prepend(tmp_path)
    return "next_version"


@pytest.fixture
def first_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The migrations of the first version; the package's name."""
    package = tmp_path / "first_version"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(Path(migrations.__path__[0]) / f"{FIRST}.py", package)
    monkeypatch.syspath_prepend(tmp_path)
    return "first_version"


WIDER = f"""
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    dependencies = [("ums", "{SINCE[-1]}")]
    operations = [
        ops.AlterField("User", "user_id", fields.CharField(unique=True, max_length=80)),
        ops.AlterField("Recipient", "target", fields.CharField(max_length=400)),
    ]
"""


async def test_rows_children_and_indexes_survive_an_upgrade_and_a_copy_is_kept(
    settings: Settings, next_version: str
) -> None:
    async with opened(settings):
        ann = await User.create(user_id="ann", created_at=1, updated_at=1)
        await Address.create(user=ann, type="sms", bind="all", value="+8613800000001")

    assert await upgrade(settings, next_version) == ["9999_wider"]

    async with opened(settings):
        assert await Address.filter(user__user_id="ann").count() == 1
        kind = "sqlite" if settings.database_url.startswith("sqlite") else "postgres"
        assert named_indexes() <= {row["name"] for row in await fetch(connection(), INDEXES[kind])}
    assert (settings.root / "ums.db.before-upgrade").is_file() == (kind == "sqlite")


async def test_an_upgrade_that_finds_orphans_says_so(sqlite_settings: Settings, next_version: str) -> None:
    config = configuration(sqlite_settings)
    config["connections"]["sqlite"]["credentials"]["foreign_keys"] = "OFF"
    async with TortoiseContext() as context:
        await context.init(config=config)
        await execute(connection(), "INSERT INTO tag (user_id, bind, tag) VALUES (99, 'all', 'vip')")

    with pytest.raises(UpgradeFailed, match=r"rows of \['tag'\] lost their parent row"):
        await upgrade(sqlite_settings, next_version)


MESSAGE = """
INSERT INTO message (channel, revision, created_at, priority, state, audience, content, template, policy, steps,
    send_no, owner, input_hash, send_at, lease_until, lease_token, expanded, cursor, recipients, deliveries)
VALUES ('shop', 1, 1, 1, 'done', '{}', '{}', '', '', '[]', '', '', '', 900000000, 0, '', true, 0, 2, 2)"""
RECIPIENTS = """
INSERT INTO recipient (id, message_id, target, state, reason, step)
VALUES (4294967297, 1, 'ann', 30, '', 0), (4294967298, 1, 'bob', 40, '', 0)"""
DELIVERIES = """
INSERT INTO delivery (id, recipient_id, delivery_channel, step, address, state, reason, code, words, planned_at)
VALUES (4294967297, 4294967297, 'app', 0, 'a', 30, 'content', '17', 'bad words', 1),
       (4294967298, 4294967298, 'app', 0, 'b', 40, '', '', '', 1)"""
COUNTERS = """
INSERT INTO message_count (message_id, delivery_channel, state, reason, number)
VALUES (1, '', 30, '', 1), (1, '', 40, '', 1), (1, 'app', 30, 'content', 1), (1, 'app', 40, '', 1)"""


async def test_a_database_of_the_first_version_keeps_its_messages(settings: Settings, first_version: str) -> None:
    old = await emptied(settings)
    await migrated(old, first_version)
    async with opened(old):
        await execute(connection(), MESSAGE)

    assert await upgrade(old) == SINCE

    async with opened(old):
        assert await fetch(connection(), "SELECT state, failure FROM message") == [{"state": "done", "failure": ""}]


async def test_what_was_sent_before_there_were_statistics_is_in_them(settings: Settings, first_version: str) -> None:
    old = await emptied(settings)
    await migrated(old, first_version)
    async with opened(old):
        for statement in (MESSAGE, RECIPIENTS, DELIVERIES, COUNTERS):
            await execute(connection(), statement)

    await upgrade(old)

    async with opened(old):
        assert [found async for found in differences({"shop": 60}, 900_000_000)] == []
        assert (await numbers([1]))[1].losses[0].said == [Said("17", "bad words", 1)]
        [day] = await messages({"name": "shop", "timeZone": "UTC"}, 900_000_000, 900_000_001, "day")
        assert (day.requests, day.targets) == (1, Funnel(2, 2, 1, 0, 0))


async def migrated(settings: Settings, package: str) -> None:
    """The migrations of another version alone: `upgrade` would add what the models of today want."""
    config = configuration(settings, package)
    async with TortoiseContext() as context:
        await context.init(config=config)
        await MigrationExecutor(connection(), config["apps"]).migrate(direction="forward")


async def emptied(settings: Settings) -> Settings:
    """The installation without any table."""
    if settings.database_url.startswith("sqlite"):
        return replace(settings, database_url="sqlite://first.db")
    async with opened(settings):
        await execute(connection(), "DROP SCHEMA public CASCADE")
        await execute(connection(), "CREATE SCHEMA public")
    return settings


LIST = """
INSERT INTO resource (kind, name, body, hash, revision) VALUES
('Blacklist', 'shop/opted-out', '{"channel": "shop", "membership": "file", "members": ["ann", "bob"]}', '', 1),
('Segment', 'shop/kept', '{"channel": "shop", "membership": "api"}', '', 1)"""


async def test_lists_that_were_applied_before_there_were_members_have_them_after(
    settings: Settings, first_version: str
) -> None:
    old = await emptied(settings)
    await migrated(old, first_version)
    async with opened(old):
        await execute(connection(), LIST)

    await upgrade(old)

    async with opened(old):
        found = await fetch(
            connection(),
            "SELECT l.kind, m.user_id FROM people_list l LEFT JOIN list_member m ON m.list_id = l.id ORDER BY 1, 2",
        )
    assert found == [
        {"kind": "Blacklist", "user_id": "ann"},
        {"kind": "Blacklist", "user_id": "bob"},
        {"kind": "Segment", "user_id": None},
    ]


PEOPLE = """
INSERT INTO user_account (id, user_id, created_at, updated_at) VALUES (1, 'ann', 1, 1)"""

IDS = """
INSERT INTO address (user_id, type, bind, value) VALUES
(1, 'wecom', 'all', 'corp/ann'), (1, 'dingtalk', 'all', 'a/b')"""


async def test_ids_in_linked_companies_are_bound_to_linked_after(settings: Settings, first_version: str) -> None:
    old = await emptied(settings)
    await migrated(old, first_version)
    async with opened(old):
        await execute(connection(), PEOPLE)
        await execute(connection(), IDS)

    await upgrade(old)

    async with opened(old):
        found = await fetch(connection(), "SELECT bind, value FROM address ORDER BY 1")
    assert found == [{"bind": "all", "value": "a/b"}, {"bind": "linked", "value": "corp/ann"}]


def test_each_migration_stands_on_the_one_before() -> None:
    names = [FIRST, *SINCE]
    built_on = [migrations_of(name).dependencies for name in names]

    assert [name.partition("_")[0] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]
    assert built_on[1:] == [[("ums", name)] for name in names[:-1]]


def migrations_of(name: str) -> type[Migration]:
    found: type[Migration] = import_module(f"{migrations.__name__}.{name}").Migration
    return found
