"""Somebody is forgotten: no table holds the userId or an address any more, and the numbers stay."""

import pytest
from structlog.testing import capture_logs

from tests.messaging.expanding.test_lists import declare
from tests.shop import SECOND, Shop, person
from ums.database import connection, fetch, is_sqlite, transaction
from ums.messaging.delivering import replies
from ums.messaging.keeping.forget import FORGOTTEN, Forgotten, forget
from ums.models import Message, Reply
from ums.people import lists
from ums.providers.contract import Replied
from ums.vocabulary import State

TABLES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    False: "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
}


async def forgets(shop: Shop, user_id: str) -> Forgotten:
    return await forget(await shop.engine.snapshots.newest(), user_id, shop.time())


async def tables_with(*words: str) -> set[str]:
    """Those with a row that holds one of the words."""
    found = set()
    for table in await fetch(connection(), TABLES[is_sqlite(connection())]):
        rows = await fetch(connection(), f"SELECT * FROM {table['name']}")  # noqa: S608  # a name from the catalogue
        found |= {table["name"] for row in rows if any(word in str(row) for word in words)}
    return found


async def test_no_table_holds_somebody_who_was_forgotten_and_the_numbers_stay(shop: Shop) -> None:
    await declare(shop, "Blacklist", "kept", "membership: api")
    await shop.knows(
        person("ann-7", app=["rid-ann"], phone="13812345678", tags=["vip"]), person("bob", app=["rid-bob"])
    )
    async with transaction() as tx:
        await lists.add(
            tx, (await lists.numbers(tx, [("Blacklist", "shop/kept")]))["Blacklist", "shop/kept"], ["ann-7"]
        )
    to_both = await shop.sends({"users": {"userIds": ["ann-7", "bob"]}})
    direct = await shop.sends({"addresses": [{"type": "app", "addresses": ["rid-ann", "rid-bob"]}]})
    await shop.works()
    await shop.hears(to_both, State.DELIVERED, "rid-ann", "rid-bob")
    wrote_back = [Replied(f"+86{phone}", "Ann says no", shop.time()) for phone in ("13812345678", "13812345679")]
    await replies.keep(shop.engine, "sms", wrote_back)
    later = await shop.sends({"users": {"userIds": ["ann-7", "bob"]}}, send_at=shop.time() + 60 * SECOND)
    before = await shop.numbers(to_both)

    with capture_logs() as logs:
        found = await forgets(shop, "ann-7")

    assert found == Forgotten(known=True, addresses=2, recipients=2, documents=())
    assert await tables_with("ann-7", "rid-ann", "13812345678") == set()
    assert [reply.address for reply in await Reply.all()] == ["+8613812345679"]
    assert await shop.numbers(to_both) == before
    assert await shop.states(to_both) == {FORGOTTEN: State.DELIVERED, "bob": State.DELIVERED}
    assert await shop.states(direct) == {FORGOTTEN: State.SUBMITTED, "rid-bob": State.SUBMITTED}
    assert logs == [{"event": "person_forgotten", "known": True, "addresses": 2, "recipients": 2, "log_level": "info"}]
    shop.time.passes(60 * SECOND)
    await shop.works()
    assert await shop.states(later) == {FORGOTTEN: State.LOST, "bob": State.SUBMITTED}


async def test_what_was_planned_for_somebody_does_not_go_out_any_more(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13812345678"), person("bob", app=["rid-bob"]))
    shop.plays("jpush", busy=1000)
    both = {"users": {"userIds": ["ann", "bob"]}}
    message = await shop.sends(both, policy="app-then-sms", template="shipped", variables={"name": "x"})
    await shop.works()

    await forgets(shop, "ann")
    shop.plays("jpush")
    shop.time.passes(3600 * SECOND)
    await shop.works()

    assert shop.sandbox.record("jpush").addresses == ["rid-bob"]
    assert shop.sandbox.record("jsms").addresses == []
    states = await shop.states(message)
    assert (states[FORGOTTEN], states["bob"]) == (State.INVALID, State.SUBMITTED)
    shop.time.passes(600 * SECOND)
    await shop.works()
    assert (await Message.get(id=message.id)).state == "done"


async def test_who_shares_an_address_keeps_the_own_history(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid"]), person("bob", app=["rid"]))
    message = await shop.sends({"users": {"userIds": ["bob"]}})
    await shop.works()

    await forgets(shop, "ann")

    assert await shop.deliveries(message) == [("app", "rid", State.SUBMITTED)]
    assert await shop.states(message) == {"bob": State.SUBMITTED}


async def test_somebody_whom_nobody_uploaded_is_forgotten_too(shop: Shop) -> None:
    message = await shop.sends({"users": {"userIds": ["ghost"]}})
    await shop.works()

    assert await forgets(shop, "ghost") == Forgotten(known=False, addresses=0, recipients=1, documents=())
    assert await shop.states(message) == {FORGOTTEN: State.LOST}
    assert await tables_with("ghost") == set()


async def test_documents_that_name_somebody_are_said(shop: Shop) -> None:
    await declare(shop, "Blacklist", "quiet", "members: [ann, bob]")
    await declare(shop, "Segment", "testers", "members: [ann]")

    assert (await forgets(shop, "ann")).documents == ("Blacklist/shop/quiet", "Segment/shop/testers")


@pytest.mark.parametrize("user_id", ["", "nobody"])
async def test_of_nobody_nothing_is_found(shop: Shop, user_id: str) -> None:
    assert await forgets(shop, user_id) == Forgotten(known=False, addresses=0, recipients=0, documents=())
