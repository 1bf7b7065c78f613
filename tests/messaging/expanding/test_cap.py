"""Frequency caps: how often a person may hear from a Channel."""

import asyncio
from typing import Any

import pytest

from tests.shop import APP, MINUTE, Shop, person
from ums.messaging.after.recall import recall
from ums.messaging.after.take_back import take_back
from ums.messaging.expanding.look import look
from ums.messaging.reading.history import Loss
from ums.messaging.reading.lifecycle import lifecycle
from ums.models import Message
from ums.reconcile import reconcile
from ums.vocabulary import Priority, State

HOUR = 60 * MINUTE
LOST, SENT = State.LOST, State.SUBMITTED
EVERYBODY = {"broadcast": True}
BOTH = {"app": APP, "sms": {"temp_id": 1}}
CAPPED = Loss("", "planned to effective", "frequency_capped", 1)


@pytest.fixture
def more_declared() -> str:
    return """---
apiVersion: ums/v1
kind: Channel
name: news
masterSecret: {env: NEWS_MASTER_SECRET}
deliveryChannels: [app, sms]
frequencyCaps:
  - {most: 2, within: 24h}
  - {most: 1, within: 1h, priorities: [low]}
---
apiVersion: ums/v1
kind: Segment
channel: news
name: readers
members: [ann, bob]
---
apiVersion: ums/v1
kind: SendPolicy
channel: news
name: app-then-sms
steps:
  - send: [app]
  - send: [sms]
    when: {all: [{notDelivered: app, within: 5m}]}
"""


async def sent(shop: Shop, audience: dict[str, Any] = EVERYBODY, **options: Any) -> dict[str, State]:
    """Where everybody stands after a send of the capped Channel."""
    message = await shop.sends(audience, "news", **options)
    await shop.works()
    return await shop.states(message)


def to(*names: str) -> dict[str, Any]:
    return {"users": {"userIds": list(names)}}


async def knows(shop: Shop, *names: str) -> None:
    await shop.knows(*(person(name, app=[f"rid-{name}"], tags=["reader"]) for name in names))


async def test_who_had_enough_is_lost_and_counted_and_the_others_are_not(shop: Shop) -> None:
    await knows(shop, "ann", "bob")
    await sent(shop, to("ann"))
    await sent(shop, to("ann"))

    message = await shop.sends(EVERYBODY, "news")
    await shop.works()

    assert await shop.states(message) == {"ann": LOST, "bob": SENT}
    numbers = await shop.numbers(message)
    assert (numbers.users.planned, numbers.users.effective, numbers.losses) == (2, 1, [CAPPED])


async def test_who_was_left_out_is_told_why_and_by_which_line(shop: Shop, more_declared: str) -> None:
    await knows(shop, "ann")
    await sent(shop)
    await sent(shop)
    message = await shop.sends(EVERYBODY, "news")
    await shop.works()

    (story,) = await lifecycle(await Message.get(id=message.id), "ann", shop.time())

    (decided,) = story.why
    assert story.declared is not None
    line = 1 + more_declared.splitlines().index("  - {most: 2, within: 24h}")
    assert story.declared.told(decided.path) == f"config/more.yaml:{line}"
    assert decided.words == "nothing was sent: had as many messages as Channel news allows"


async def test_whichever_way_they_are_meant(shop: Shop) -> None:
    await knows(shop, "ann", "bob")
    await sent(shop, to("ann"))
    await sent(shop, to("ann"))
    expected = {"ann": LOST, "bob": SENT}

    assert await sent(shop, {"users": {"tags": ["reader"]}}) == expected
    assert await sent(shop, {"users": {"segment": "readers"}}) == expected
    assert await sent(shop, to("ann", "bob")) == {"ann": LOST, "bob": LOST}


async def test_a_millisecond_after_the_time_is_over_they_may_hear_again(shop: Shop) -> None:
    await knows(shop, "ann")
    await sent(shop)
    await sent(shop)

    shop.time.passes(24 * HOUR - 1)
    inside = await sent(shop)
    shop.time.passes(1)

    assert inside == {"ann": LOST}
    assert [await sent(shop), await sent(shop), await sent(shop)] == [{"ann": SENT}, {"ann": SENT}, {"ann": LOST}]


async def test_high_messages_pass_and_do_not_count_unless_they_are_named(shop: Shop) -> None:
    await knows(shop, "ann")
    high = [await sent(shop, priority=Priority.HIGH) for _ in range(3)]

    medium = [await sent(shop) for _ in range(3)]

    assert high == [{"ann": SENT}] * 3
    assert medium == [{"ann": SENT}, {"ann": SENT}, {"ann": LOST}]
    assert await sent(shop, priority=Priority.HIGH) == {"ann": SENT}


async def test_every_cap_must_be_kept(shop: Shop) -> None:
    await knows(shop, "ann")
    low = [await sent(shop, priority=Priority.LOW) for _ in range(2)]
    shop.time.passes(2 * HOUR)
    later = [await sent(shop, priority=Priority.LOW) for _ in range(2)]
    shop.time.passes(2 * HOUR)

    assert low == [{"ann": SENT}, {"ann": LOST}]
    assert later == [{"ann": SENT}, {"ann": LOST}]
    assert await sent(shop, priority=Priority.LOW) == {"ann": LOST}
    assert await sent(shop) == {"ann": LOST}


async def test_messages_that_are_worked_out_together_see_each_other(shop: Shop) -> None:
    await knows(shop, "ann", "bob")
    messages = [await shop.sends(to(*names), "news") for names in (["ann"], ["ann", "bob"], ["bob", "ann"], ["bob"])]

    await shop.works()

    assert [await shop.states(message) for message in messages] == [
        {"ann": SENT},
        {"ann": SENT, "bob": SENT},
        {"ann": LOST, "bob": SENT},
        {"bob": LOST},
    ]


async def test_one_that_another_cap_holds_back_does_not_hold_back_the_next(shop: Shop) -> None:
    await knows(shop, "ann")
    await sent(shop, priority=Priority.LOW)
    messages = [await shop.sends(to("ann"), "news", priority=p) for p in (Priority.LOW, Priority.MEDIUM)]

    await shop.works()

    assert [await shop.states(message) for message in messages] == [{"ann": LOST}, {"ann": SENT}]


async def test_what_reached_nobody_does_not_count(shop: Shop) -> None:
    await knows(shop, "ann")
    undelivered = await shop.sends(EVERYBODY, "news")
    await shop.works()
    await shop.hears(undelivered, State.UNDELIVERED, "rid-ann")
    recalled = await shop.sends(EVERYBODY, "news", send_at=shop.time() + HOUR)
    shop.time.passes(HOUR)
    await look(shop.engine, Priority.MEDIUM)
    await recall(shop.engine, "news", recalled.id)
    await take_back(shop.engine)

    assert [await sent(shop), await sent(shop), await sent(shop)] == [{"ann": SENT}, {"ann": SENT}, {"ann": LOST}]


async def test_other_channels_and_direct_addresses_are_not_counted(shop: Shop) -> None:
    await knows(shop, "ann")
    for _ in range(3):
        await shop.sends(EVERYBODY)
        addresses = [{"type": "app", "deliveryChannel": "app", "addresses": ["rid-ann"]}]
        await shop.sends({"addresses": addresses}, "news")
    await shop.works()

    assert [await sent(shop), await sent(shop), await sent(shop)] == [{"ann": SENT}, {"ann": SENT}, {"ann": LOST}]
    assert await sent(shop, {"addresses": addresses}) == {"rid-ann": SENT}


async def test_who_is_lost_to_the_cap_takes_no_later_step_either(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"))
    await sent(shop)
    await sent(shop)
    message = await shop.sends(EVERYBODY, "news", content=BOTH, policy="app-then-sms")
    await shop.works()
    shop.time.passes(HOUR)
    await shop.works()

    assert await shop.states(message) == {"ann": LOST}
    assert await shop.deliveries(message) == []


async def test_messages_at_the_same_time_do_not_both_take_the_last_place(shop: Shop) -> None:
    names = [f"u{n}" for n in range(300)]
    await knows(shop, *names)
    lanes = Priority.MEDIUM, Priority.LOW

    for _ in range(3):
        shop.time.passes(25 * HOUR)
        await sent(shop)
        messages = [await shop.sends(EVERYBODY, "news", priority=lane) for lane in lanes]
        await asyncio.gather(*(look(shop.engine, lane) for lane in lanes))
        await shop.works()
        states = [await shop.states(message) for message in messages]

        assert {tuple(sorted(each[name] for each in states)) for name in names} == {(LOST, SENT)}


async def test_a_message_keeps_the_caps_that_it_was_accepted_under(shop: Shop, more_declared: str) -> None:
    await knows(shop, "ann")
    await sent(shop)
    await sent(shop)
    scheduled = await shop.sends(EVERYBODY, "news", send_at=shop.time() + HOUR)
    (shop.engine.settings.config / "more.yaml").write_text(more_declared.replace("most: 2", "most: 3"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()

    assert await sent(shop) == {"ann": SENT}
    shop.time.passes(HOUR)
    await shop.works()
    assert await shop.states(scheduled) == {"ann": LOST}
