"""What was applied, and what everything was as of a revision."""

import pytest

from tests.reconcile.test_apply import NOTE, applied, channel
from ums.models import Override, Resource, StoredSecret
from ums.reconcile.apply import Note, apply
from ums.reconcile.current import current
from ums.reconcile.history import RevisionUnknown, bodies_as_of, history, shown
from ums.reconcile.plan import Options, plan
from ums.settings import Settings

STORE = channel("store", title="shop", key="shop")
RENAMED = {("Channel", "store"): ("Channel", "shop")}


async def test_history_says_who_when_why_and_how_much(database: Settings) -> None:
    await applied(database, channel("shop"))
    await applied(database, channel("shop", title="The shop"), Note("bob", message="second"))

    newest, first = await history()

    assert (newest.number, newest.at, newest.author, newest.message) == (2, 1_700_000_000_000, "bob", "second")
    assert newest.summary == {"create": 0, "update": 1, "delete": 0}
    assert (first.number, first.commit) == (1, "4f2a1c")
    assert [step.number for step in await history(1)] == [2]


async def test_a_revision_says_what_it_changed_field_by_field(database: Settings) -> None:
    await applied(database, channel("shop") | channel("old"))
    await applied(database, channel("shop", title="The shop") | channel("new"))
    await applied(database, channel("shop", title="Later") | channel("new"))

    changes = (await shown(2)).changes

    assert [str(change) for change in changes] == ["+ Channel/new", "~ Channel/shop", "- Channel/old"]
    assert [str(field) for field in changes[1].fields] == ['title: "shop" -> "The shop"']


async def test_everything_as_of_a_revision_is_what_was_applied_then(database: Settings) -> None:
    first = channel("shop") | channel("old")
    second = channel("shop", title="The shop")
    await applied(database, first)
    await applied(database, second)

    assert [await bodies_as_of(1), await bodies_as_of(2)] == [first, second]
    with pytest.raises(RevisionUnknown, match="there is no revision 3; known: 1, 2"):
        await bodies_as_of(3)


async def test_a_rename_keeps_the_row_and_what_is_switched(database: Settings) -> None:
    await applied(database, channel("shop"))
    before = await Resource.get()
    await Override.create(kind="Channel", name="shop", path="protect", value=True, created_at=1)
    await StoredSecret.create(kind="Channel", name="shop", path="other", ciphertext="sealed")

    await apply(database, plan(STORE, await current(), Options(prune=True), RENAMED), NOTE)

    after = await Resource.get()
    assert (after.id, after.name, after.body) == (before.id, "store", STORE["Channel", "store"])
    assert (await Override.get()).name == "store"
    assert (await StoredSecret.get()).name == "store"
    assert [await bodies_as_of(1), await bodies_as_of(2)] == [channel("shop"), STORE]
    assert [str(change) for change in (await shown(2)).changes] == ["~ Channel/shop -> store"]
    assert plan(STORE, await current(), Options(prune=True), RENAMED).is_empty
