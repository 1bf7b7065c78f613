import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tortoise.exceptions import IntegrityError

from ums.database import opened
from ums.documents import read
from ums.errors import PlanStale, SecretMissing
from ums.models import Resource, ResourceVersion, Revision, StoredSecret
from ums.reconcile import DatabaseUnreachable, Note, Plan, SchemaMissing, reconcile
from ums.reconcile.apply import TooMuchDeleted, apply
from ums.reconcile.change import Change
from ums.reconcile.current import current, generated_secret
from ums.reconcile.kinds import BY_NAME, Body, Key
from ums.reconcile.load import canonical
from ums.reconcile.plan import Options, plan
from ums.settings import Settings, unseal

NOTE = Note("ada", "4f2a1c", "first")


def channel(name: str, **more: Any) -> dict[Key, Body]:
    body = {"name": name, "masterSecret": {"env": "SECRET"}, "deliveryChannels": [], **more}
    return {("Channel", name): canonical(BY_NAME["Channel"], body)}


async def applied(settings: Settings, desired: dict[Key, Body], note: Note = NOTE) -> Plan:
    """Everything that is not desired is gone afterwards."""
    changes = plan(desired, await current(), Options(prune=True))
    await apply(settings, changes, note, force=True, clock=lambda: 1_700_000_000_000)
    return changes


async def test_an_apply_writes_the_bodies_their_versions_and_one_revision(database: Settings) -> None:
    await applied(database, channel("shop") | channel("ops"))

    revision = await Revision.get()
    assert (revision.number, revision.author, revision.commit, revision.message) == (1, "ada", "4f2a1c", "first")
    assert revision.created_at == 1_700_000_000_000
    assert revision.summary == {"create": 2, "update": 0, "delete": 0}
    assert {(row.kind, row.name): row.body for row in await Resource.all()} == channel("shop") | channel("ops")
    assert await ResourceVersion.filter(revision=1).count() == 2


async def test_updates_and_deletes_leave_every_version_readable(database: Settings) -> None:
    await applied(database, channel("shop") | channel("ops"))
    await applied(database, channel("shop", title="The shop"))

    versions = await ResourceVersion.all().order_by("name", "revision")
    assert [(row.name, row.revision, row.body and row.body["title"]) for row in versions] == [
        ("ops", 1, "ops"),
        ("ops", 2, None),
        ("shop", 1, "shop"),
        ("shop", 2, "The shop"),
    ]
    assert [(row.name, row.revision) for row in await Resource.all()] == [("shop", 2)]
    assert await ResourceVersion.filter(body__isnull=True).count() == 1


async def test_an_empty_plan_makes_no_revision(database: Settings) -> None:
    await applied(database, channel("shop"))
    await applied(database, channel("shop"))

    assert await Revision.all().count() == 1


async def test_a_plan_from_an_older_revision_is_stale_and_says_what_moved(database: Settings) -> None:
    await applied(database, channel("shop") | channel("old"))
    mine = plan(channel("shop", title="Mine"), await current())
    await applied(database, channel("shop", title="Theirs") | channel("new"), Note("bob", message="second"))

    with pytest.raises(PlanStale) as caught:
        await apply(database, mine, NOTE)

    assert str(caught.value).splitlines() == [
        "the plan was made on revision 1, which is not the latest any more; plan again. Since then:",
        "revision 2 (bob: second)",
        "  + Channel/new",
        "  ~ Channel/shop",
        "  - Channel/old",
    ]
    assert (await current()).bodies == channel("shop", title="Theirs") | channel("new")


async def test_of_two_applies_at_once_one_wins_and_the_other_is_stale(database: Settings) -> None:
    plans = [plan(channel(name), await current()) for name in ("red", "blue")]

    results = await asyncio.gather(*(apply(database, one, NOTE) for one in plans), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType", "PlanStale"]
    assert await Resource.all().count() == 1
    winner = (await Resource.get()).name
    assert [str(result).splitlines()[1:] for result in results if result] == [
        ["revision 1 (ada: first)", f"  + Channel/{winner}"]
    ]


async def test_an_apply_that_fails_halfway_writes_nothing(database: Settings) -> None:
    twice = (Change("Channel", "shop", None, {"a": 1}), Change("Channel", "shop", None, {"a": 2}))

    with pytest.raises(IntegrityError):
        await apply(database, Plan(0, twice), NOTE)

    assert [await table.all().count() for table in (Resource, ResourceVersion, Revision)] == [0, 0, 0]


async def test_deleting_much_needs_force(database: Settings) -> None:
    await applied(database, channel("shop") | channel("ops"))
    nothing = plan({}, await current(), Options(prune=True))

    with pytest.raises(TooMuchDeleted) as caught:
        await apply(database, nothing, NOTE)

    assert str(caught.value) == (
        "not applied: it deletes 2 of 2 Channel objects: ops, shop; if that is meant, use --force"
    )
    assert await Resource.all().count() == 2


@pytest.fixture
def keyed(database: Settings) -> Settings:
    """`database`, with the secret key there: on PostgreSQL UMS makes none itself."""
    database.path("var").mkdir()
    database.path(database.secret_key.file).write_text("any text that nobody guesses")
    return database


async def test_a_generated_secret_needs_the_secret_key_on_postgresql(postgres_settings: Settings) -> None:
    async with opened(postgres_settings):
        with pytest.raises(SecretMissing, match=r"file var/secret\.key is not set"):
            await applied(postgres_settings, channel("shop", masterSecret={"generate": True}))

        assert await Revision.all().count() == 0


async def test_a_generated_secret_is_stored_encrypted_and_shown_nowhere(keyed: Settings) -> None:
    changes = await applied(keyed, channel("shop", masterSecret={"generate": True}))

    stored = await StoredSecret.get()
    secret = await generated_secret(keyed, "Channel", "shop", "masterSecret")
    assert len(secret) == 43
    assert secret == unseal(keyed, stored.ciphertext)
    everything = [str(changes), repr(changes), json.dumps((await Resource.get()).body), stored.ciphertext]
    assert not [text for text in everything if secret in text]


async def test_a_generated_secret_outlives_updates(keyed: Settings) -> None:
    await applied(keyed, channel("shop", masterSecret={"generate": True}))
    before = await generated_secret(keyed, "Channel", "shop", "masterSecret")
    await applied(keyed, channel("shop", masterSecret={"generate": True}, title="The shop"))

    assert await generated_secret(keyed, "Channel", "shop", "masterSecret") == before


@pytest.mark.parametrize("after", [{}, channel("shop")], ids=["deleted", "another reference"])
async def test_a_generated_secret_goes_with_its_reference(keyed: Settings, after: dict[Key, Body]) -> None:
    await applied(keyed, channel("shop", masterSecret={"generate": True}))
    await applied(keyed, after)

    with pytest.raises(SecretMissing, match="Channel/shop has no generated masterSecret"):
        await generated_secret(keyed, "Channel", "shop", "masterSecret")


unreadable = "\0\x7f\ufffe\uffff" + "".join(map(chr, range(0x80, 0xA0)))  # in YAML
letters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=unreadable), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=8,
)
templates = st.fixed_dictionaries(
    {
        "apiVersion": st.just("ums/v1"),
        "kind": st.just("Template"),
        "channel": st.sampled_from(["shop", "ops"]),
        "name": st.sampled_from(["a", "b", "c"]),
        "content": st.fixed_dictionaries(
            {
                "app": st.fixed_dictionaries(
                    {
                        "platform": st.just("all"),
                        "message": st.fixed_dictionaries(
                            {"msg_content": letters, "extras": st.dictionaries(letters, values, max_size=3)}
                        ),
                    }
                )
            }
        ),
    },
    optional={"description": letters, "labels": st.dictionaries(letters, letters, max_size=2)},
)


@given(st.lists(templates, max_size=4))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_a_plan_right_after_an_apply_is_empty(database: Settings, written: list[dict[str, Any]]) -> None:
    text = "\n---\n".join(json.dumps(document, ensure_ascii=False) for document in written)
    documents, problems = read("it.yaml", text.encode())
    assert problems == []
    kind = BY_NAME["Template"]
    desired = {("Template", kind.identity(one.body)): canonical(kind, one.body) for one in documents}

    await applied(database, desired)

    assert plan(desired, await current(), Options(prune=True)).changes == ()
    assert (await current()).bodies.keys() == desired.keys()


CHANNEL = "apiVersion: ums/v1\nkind: Channel\nname: shop\nmasterSecret: {env: SECRET}\ndeliveryChannels: []\n"


@pytest.fixture
def fresh(tmp_path: Path) -> Settings:
    """An embedded installation that never ran, with one Channel in its files."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "it.yaml").write_text(CHANNEL)
    return Settings(root=tmp_path, config=tmp_path / "config", database_url="sqlite://var/ums.db")


async def test_plan_and_apply_are_one_path_to_an_empty_plan(settings: Settings) -> None:
    settings.config.mkdir()
    (settings.config / "it.yaml").write_text(CHANNEL)

    planned = await reconcile(settings, write=False)
    done = await reconcile(settings, write=True)
    again = await reconcile(settings, write=False)

    assert planned == done
    assert (done.base, done.revision, len(done.changes)) == (0, 1, 1)
    assert (again.base, again.revision, again.changes) == (1, 1, ())


async def test_a_plan_of_an_installation_that_never_ran_writes_no_file(fresh: Settings) -> None:
    assert [str(change) for change in (await reconcile(fresh, write=False)).changes] == ["+ Channel/shop"]
    assert not (fresh.root / "var").exists()


async def test_an_embedded_apply_makes_its_database(fresh: Settings) -> None:
    assert (await reconcile(fresh, write=True)).revision == 1
    assert (fresh.root / "var" / "ums.db").is_file()


async def test_a_database_without_tables_is_said(fresh: Settings) -> None:
    (fresh.root / "var").mkdir()
    (fresh.root / "var" / "ums.db").touch()

    with pytest.raises(SchemaMissing, match="has not the tables of this version of UMS; run: ums db upgrade"):
        await reconcile(fresh, write=False)


async def test_a_database_that_is_down_is_said_without_its_password(fresh: Settings) -> None:
    down = Settings(root=fresh.root, config=fresh.config, database_url="postgres://ums:hunter2@127.0.0.1:1/ums")

    with pytest.raises(DatabaseUnreachable) as caught:
        await reconcile(down, write=True)

    assert str(caught.value).startswith("the database cannot be reached: ")
    assert "hunter2" not in str(caught.value)


async def test_a_plan_for_a_row_that_somebody_deleted_is_stale(database: Settings) -> None:
    await applied(database, channel("shop") | channel("ops"))
    update = plan(channel("shop", title="The shop") | channel("ops"), await current())
    delete = plan(channel("ops"), await current(), Options(prune=True))
    await Resource.filter(name="shop").delete()

    for stale in (update, delete):
        with pytest.raises(
            PlanStale, match="Channel/shop: not there any more, although no apply deleted it; plan again"
        ):
            await apply(database, stale, NOTE)
    assert await Revision.all().count() == 1
