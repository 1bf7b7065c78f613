"""The app-then-sms policy through the real engine: who gets the text message, and when."""

from tests.shop import MINUTE, Shop, person
from ums.database import connection, fetch
from ums.messaging.reading.history import Funnel, Loss
from ums.models import Message
from ums.vocabulary import MessageState, State

POLICY = {"template": "shipped", "variables": {"name": "you"}, "policy": "app-then-sms"}


async def sent_to_three(shop: Shop) -> Message:
    await shop.knows(
        person("ann", app=["rid-ann"], phone="13800000001"),
        person("bob", app=["rid-bob"], phone="13800000002"),
        person("eve", phone="13800000003"),
    )
    message = await shop.sends({"users": {"userIds": ["ann", "bob", "eve"]}}, **POLICY)
    await shop.works()
    return message


async def test_who_has_no_address_for_a_step_takes_the_next_one_at_once(shop: Shop) -> None:
    await sent_to_three(shop)

    assert shop.sandbox.record("jsms").addresses == ["13800000003"]


async def test_only_whom_the_app_did_not_reach_in_time_gets_the_text_message(shop: Shop) -> None:
    message = await sent_to_three(shop)
    shop.time.passes(MINUTE)
    await shop.hears(message, State.DELIVERED, "rid-ann")

    shop.time.passes(4 * MINUTE - 1)
    await shop.works()
    assert shop.sandbox.record("jsms").addresses == ["13800000003"]
    shop.time.passes(1)
    await shop.works()

    assert shop.sandbox.record("jsms").addresses == ["13800000003", "13800000002"]
    assert await shop.states(message) == {"ann": State.DELIVERED, "bob": State.SUBMITTED, "eve": State.SUBMITTED}
    assert (await Message.get(id=message.id)).state == MessageState.DONE.value


async def test_an_app_address_that_is_refused_brings_the_text_message_at_once(shop: Shop) -> None:
    await shop.knows(person("ann", app=["bad-ann"], phone="13800000001"))
    shop.plays("jpush", refuse=["^bad-"])

    message = await shop.sends({"users": {"userIds": ["ann"]}}, **POLICY)
    await shop.works()

    assert shop.sandbox.record("jsms").addresses == ["13800000001"]
    numbers = await shop.numbers(message)
    assert numbers.users == Funnel(1, 1, 1, 0, 0)
    assert numbers.delivery_channels == {"app": Funnel(1, 0, 0, 0, 0), "sms": Funnel(1, 1, 1, 0, 0)}


async def test_a_receipt_that_says_undelivered_brings_the_text_message_at_once(shop: Shop) -> None:
    message = await sent_to_three(shop)

    await shop.hears(message, State.UNDELIVERED, "rid-bob")
    await shop.works()

    assert shop.sandbox.record("jsms").addresses == ["13800000003", "13800000002"]


async def test_a_step_goes_out_once_however_often_it_is_looked_at(shop: Shop) -> None:
    message = await sent_to_three(shop)
    for _ in range(3):
        shop.time.passes(10 * MINUTE)
        await shop.works()

    assert sorted(shop.sandbox.record("jsms").addresses) == ["13800000001", "13800000002", "13800000003"]
    assert (await shop.numbers(message)).delivery_channels["sms"] == Funnel(3, 3, 3, 0, 0)


async def test_who_has_no_address_for_any_step_is_lost(shop: Shop) -> None:
    await shop.knows(person("ann", mail="ann@example.org"))

    message = await shop.sends({"users": {"userIds": ["ann"]}}, **POLICY)
    await shop.works()

    assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "no_address", 1)]
    assert (await Message.get(id=message.id)).state == MessageState.DONE.value


async def test_a_window_begins_with_the_recipients_own_submit(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"))
    shop.plays("jpush", busy=1)
    await shop.sends({"users": {"userIds": ["ann"]}}, **POLICY)
    await shop.works()
    shop.time.passes(3 * MINUTE)
    await shop.works()  # submitted only now

    shop.time.passes(5 * MINUTE - 1)
    await shop.works()
    assert shop.sandbox.record("jsms").addresses == []
    shop.time.passes(1)
    await shop.works()

    assert shop.sandbox.record("jsms").addresses == ["13800000001"]


async def test_the_counters_are_what_the_rows_say(shop: Shop) -> None:
    message = await sent_to_three(shop)
    await shop.hears(message, State.CLICKED, "rid-ann")
    shop.time.passes(10 * MINUTE)
    await shop.works()

    counted = await fetch(connection(), "SELECT delivery_channel, state, number FROM message_count WHERE number <> 0")
    rows = await fetch(connection(), _BRUTE_FORCE)

    assert sorted(map(tuple, (r.values() for r in rows))) == sorted(map(tuple, (c.values() for c in counted)))


_BRUTE_FORCE = """
SELECT delivery_channel, state, count(*) AS number FROM delivery GROUP BY delivery_channel, state
UNION ALL SELECT '', state, count(*) FROM recipient GROUP BY state"""
