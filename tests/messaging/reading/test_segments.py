"""A Segment analysed: each test's name is what the guide says such an analysis has."""

import pytest

from tests.shop import Shop, person
from ums.messaging.keeping.nights import look
from ums.messaging.keeping.retention import TOLD_APART, expire
from ums.messaging.reading import segments
from ums.messaging.reading.history import Funnel
from ums.people.directory import Contacts
from ums.people.groups import View
from ums.snapshot import Body
from ums.vocabulary import ChannelType, State

A_DAY = 86_400_000
EARLY, VIPS = "shop/early", "shop/vips"


@pytest.fixture
def more_declared() -> str:
    return """
apiVersion: ums/v1
kind: Segment
channel: shop
name: early
members: [ann, bob, nobody]
---
apiVersion: ums/v1
kind: Segment
channel: shop
name: vips
rules: {tags: {all: [vip]}}
"""


@pytest.fixture
async def people(shop: Shop) -> None:
    await shop.knows(
        person("ann", app=["rid-ann", "rid-ann-2"], phone="+8613800000001", tags=["vip"]),
        person("bob", app=["rid-bob"], tags=["vip"]),
        person("eve", phone="+8613800000003"),
    )


async def of(shop: Shop, identity: str) -> tuple[Body, View]:
    snapshot = await shop.engine.snapshots.newest()
    channel = snapshot.channel("shop")
    assert channel is not None
    return snapshot.all("Segment")[identity], View.of(snapshot, channel)


@pytest.mark.parametrize(("identity", "number"), [(EARLY, 3), (VIPS, 2)])
async def test_total_users_are_those_who_are_in_it_now(shop: Shop, people: None, identity: str, number: int) -> None:
    assert await segments.users(identity, *await of(shop, identity)) == number


@pytest.mark.parametrize("identity", [EARLY, VIPS])
async def test_contacts_are_told_by_channel_type(shop: Shop, people: None, identity: str) -> None:
    found = await segments.contacts(identity, *await of(shop, identity))

    assert [each for each in found if each.addresses] == [
        Contacts(ChannelType.APP, 2, 3),
        Contacts(ChannelType.SMS, 1, 1),
    ]
    assert len(found) == len(ChannelType)


async def test_the_history_of_size_has_a_day_for_each_day_that_a_worker_looked(shop: Shop, people: None) -> None:
    await look(shop.engine)
    await look(shop.engine)
    await shop.knows(person("eve", tags=["vip"]))
    shop.time.passes(A_DAY)
    await look(shop.engine)

    assert await segments.sizes(VIPS, 90) == [segments.Size("2027-01-15", 2), segments.Size("2027-01-16", 3)]
    assert await segments.sizes(VIPS, 1) == [segments.Size("2027-01-16", 3)]
    assert await segments.sizes("shop/other", 90) == []


async def test_historical_rates_are_over_all_messages_sent_to_it(shop: Shop, people: None) -> None:
    first = await shop.sends({"users": {"segment": "early"}})
    await shop.sends({"users": {"userIds": ["eve"], "segment": "early"}})
    await shop.sends({"broadcast": True})
    await shop.works()
    await shop.hears(first, State.DELIVERED, "rid-ann", "rid-bob")
    await shop.hears(first, State.CLICKED, "rid-ann")

    found = await segments.sent(EARLY)

    assert found.messages == 2
    assert found.numbers.users == Funnel(7, 4, 4, 2, 1)
    assert found.numbers.targets == Funnel(6, 6, 6, 2, 1)
    assert (found.numbers.users.delivery_rate, found.numbers.users.click_rate) == (0.5, 0.5)
    assert (await segments.sent(VIPS)).messages == 0


async def test_historical_rates_outlive_the_messages(shop: Shop, people: None) -> None:
    await shop.sends({"users": {"segment": "early"}})
    await shop.works()
    before = await segments.sent(EARLY)

    shop.time.passes(TOLD_APART + A_DAY)
    while await expire(shop.engine):
        pass

    assert await segments.sent(EARLY) == before
    assert before.numbers.users.sent == 2
