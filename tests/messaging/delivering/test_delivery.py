"""From a send to what the provider got, and what the ledger says of it."""

from dataclasses import replace

from tests.shop import APP, MINUTE, Shop, person
from ums.database import connection, execute, fetch
from ums.messaging.connections import connected
from ums.messaging.delivering.drain import drain
from ums.messaging.delivering.limits import claim
from ums.messaging.expanding.fan_out import DEADLINES
from ums.messaging.expanding.look import look
from ums.messaging.reading.history import Funnel, Loss
from ums.models import Attempt, Batch, Message
from ums.sandbox import free_address
from ums.vocabulary import MessageState, Priority, State


async def test_a_message_to_a_user_reaches_the_provider(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()

    assert await shop.deliveries(message) == [("app", "rid-ann", State.SUBMITTED)]
    assert shop.sandbox.record("jpush").addresses == ["rid-ann"]
    assert (await shop.numbers(message)).users == Funnel(1, 1, 1, 0, 0)


async def test_a_broadcast_goes_out_in_batches_of_what_the_provider_takes(shop: Shop) -> None:
    for start in (0, 1000, 2000):
        await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(start, start + 850)))

    message = await shop.sends({"broadcast": True})
    await shop.works()

    assert (await shop.numbers(message)).delivery_channels == {"app": Funnel(2550, 2550, 2550, 0, 0)}
    assert len(set(shop.sandbox.record("jpush").addresses)) == 2550
    assert [b.last_id - b.first_id + 1 for b in await Batch.all().order_by("id")] == [1000, 1000, 550]
    assert (await Message.get(id=message.id)).state == MessageState.DONE.value


async def test_a_person_named_and_tagged_gets_it_once(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], tags=["vip"]), person("bob", app=["rid-bob"], tags=["vip", "new"]))

    message = await shop.sends({"users": {"userIds": ["ann"], "tags": ["vip", "new"]}})
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED, "bob": State.SUBMITTED}
    assert sorted(shop.sandbox.record("jpush").addresses) == ["rid-ann", "rid-bob"]


async def test_every_device_of_a_person_gets_it_and_the_person_counts_once(shop: Shop) -> None:
    await shop.knows(person("ann", app=["phone", "tablet"]))

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()

    numbers = await shop.numbers(message)
    assert numbers.users == Funnel(1, 1, 1, 0, 0)
    assert numbers.delivery_channels == {"app": Funnel(2, 2, 2, 0, 0)}


async def test_whom_nobody_knows_and_who_has_no_address_is_lost_with_the_reason(shop: Shop) -> None:
    await shop.knows(person("ann", phone="13800000001"))

    message = await shop.sends({"users": {"userIds": ["ann", "nobody"]}})
    await shop.works()

    numbers = await shop.numbers(message)
    assert numbers.users == Funnel(2, 0, 0, 0, 0)
    assert numbers.losses == [
        Loss("", "planned to effective", "no_address", 1),
        Loss("", "planned to effective", "unknown_user", 1),
    ]


async def test_a_direct_address_named_twice_is_sent_once_and_said_to_be_a_duplicate(shop: Shop) -> None:
    group = {"type": "app", "deliveryChannel": None, "addresses": ["rid-1", "rid-2", "rid-1"]}

    message = await shop.sends({"addresses": [group]})
    await shop.works()

    assert shop.sandbox.record("jpush").addresses == ["rid-1", "rid-2"]
    assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "duplicate", 1)]


async def test_a_template_reaches_every_type_with_its_variables(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001", mail="ann@example.org"))

    options = {"template": "shipped", "variables": {"name": "Ann <3"}}
    message = await shop.sends({"users": {"userIds": ["ann"]}}, **options)
    await shop.works()

    assert message.content["app"]["notification"]["alert"] == "Ann <3, your parcel left with our own van"
    assert message.content["email"]["text"] == "<p>Dear Ann &lt;3, it left with our own van.</p>"
    assert message.content["email"]["subject"] == "Shipped, Ann <3"
    assert {code: state for code, _, state in await shop.deliveries(message)} == {
        "app": State.SUBMITTED,
        "sms": State.SUBMITTED,
        "mail": State.DELIVERED,  # a mail server's yes is all the receipt there is
    }


async def test_an_address_that_the_provider_refuses_is_lost_and_the_others_are_not(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", app=["bad-bob"]))
    shop.plays("jpush", refuse=["^bad-"])

    message = await shop.sends({"users": {"userIds": ["ann", "bob"]}})
    await shop.works()
    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED, "bob": State.INVALID}
    assert (await shop.numbers(message)).losses == [Loss("app", "planned to effective", "invalid_address", 1)]


async def test_a_busy_provider_is_asked_again_and_nothing_is_lost(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=2)

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    assert await shop.states(message) == {"ann": State.PLANNED}
    for _ in range(3):
        shop.time.passes(MINUTE)
        await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}
    assert [a.verdict for a in await Attempt.all().order_by("id")] == ["busy", "busy", "answered"]


async def test_a_wrong_key_keeps_the_message_waiting_until_it_is_mended(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", accounts={"app-key": "another secret"})

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    shop.plays("jpush")
    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}
    log = [(a.verdict, a.code) for a in await Attempt.all().order_by("id")]
    assert log == [("refused", "1004"), ("answered", "200")]


async def test_what_could_not_be_sent_in_time_has_failed_and_says_why(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1000)

    message = await shop.sends({"users": {"userIds": ["ann"]}}, priority=Priority.HIGH)
    await shop.works()
    shop.time.passes(DEADLINES[Priority.HIGH])
    await shop.works()

    assert await shop.states(message) == {"ann": State.REFUSED}
    assert (await shop.numbers(message)).losses == [Loss("app", "effective to sent", "too_late", 1)]
    rows = await fetch(connection(), "SELECT code FROM delivery")
    assert rows == [{"code": "2002"}]


async def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_reaches_people_once(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", loseAnswer=1.0)
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    assert await shop.states(message) == {"ann": State.PLANNED}

    shop.plays("jpush")
    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}
    assert shop.sandbox.record("jpush").addresses == ["rid-ann"]


async def test_a_lost_answer_without_a_key_is_unknown_and_never_repeated(shop: Shop) -> None:
    await shop.knows(person("ann", phone="13800000001"))
    shop.plays("jsms", loseAnswer=1.0)

    message = await shop.sends({"users": {"userIds": ["ann"]}}, content={"sms": {"temp_id": 7}})
    await shop.works()
    shop.plays("jsms")
    shop.time.passes(60 * MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.UNKNOWN}
    assert shop.sandbox.record("jsms").addresses == ["13800000001"]


async def test_the_batch_of_a_killed_worker_is_sent_by_the_next_one(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await look(shop.engine, Priority.MEDIUM)
    leased, _ = await claim(shop.engine, Priority.MEDIUM, 10)  # and then it is killed

    await shop.works()
    assert len(leased) == 1
    assert await shop.states(message) == {"ann": State.PLANNED}
    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_an_expansion_that_was_cut_off_goes_on_where_it_stood(shop: Shop) -> None:
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(30)))
    message = await shop.sends({"broadcast": True})
    await execute(connection(), "UPDATE message SET lease_until = $1", shop.time() + MINUTE)

    await shop.works()
    assert await shop.states(message) == {}
    shop.time.passes(MINUTE)
    await shop.works()

    assert (await shop.numbers(message)).users == Funnel(30, 30, 30, 0, 0)


async def test_a_scheduled_message_goes_out_at_its_time(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))

    message = await shop.sends({"users": {"userIds": ["ann"]}}, send_at=shop.time() + MINUTE)
    shop.time.passes(MINUTE - 1)
    await shop.works()
    assert shop.sandbox.record("jpush").addresses == []
    shop.time.passes(1)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_a_message_says_what_it_said_when_it_was_accepted(shop: Shop) -> None:
    """Pinned: neither a later template nor a later policy changes what is under way."""
    message = await shop.sends({"broadcast": True}, template="shipped", variables={"name": "Ann"})
    await execute(connection(), "UPDATE resource_version SET body = '{}' WHERE kind = 'Template'")

    kept = await Message.get(id=message.id)

    assert kept.content["app"]["notification"]["alert"] == "Ann, your parcel left with our own van"


async def test_high_work_does_not_wait_for_low_work(shop: Shop) -> None:
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(10)))
    await shop.sends({"broadcast": True}, priority=Priority.LOW)

    urgent = await shop.sends({"users": {"userIds": ["u1"]}}, priority=Priority.HIGH, content={"app": APP})
    await drain(shop.engine, Priority.HIGH)

    assert await shop.states(urgent) == {"u1": State.SUBMITTED}
    assert shop.sandbox.record("jpush").addresses == ["rid-1"]


async def test_a_provider_that_is_down_is_asked_again_until_it_is_back(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    nobody = free_address()
    async with connected(
        replace(shop.engine.settings, sandbox=f"{nobody.host}:{nobody.port}"), shop.time
    ) as connections:
        await drain(replace(shop.engine, connections=connections), Priority.MEDIUM)
    assert await shop.states(message) == {"ann": State.PLANNED}

    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}
    log = [(a.verdict, a.code) for a in await Attempt.all().order_by("id")]
    assert log == [("busy", "no_connection"), ("answered", "200")]


async def test_a_missing_secret_keeps_the_message_waiting_and_is_named(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})

    async with connected(replace(shop.engine.settings, sandbox=""), shop.time) as connections:
        await drain(replace(shop.engine, connections=connections), Priority.MEDIUM)

    (attempt,) = await Attempt.all()
    assert (attempt.verdict, attempt.code) == ("refused", "secret_missing")
    assert "DeliveryChannel app: secret not found: environment variable APP_SECRET is not set" in attempt.words
    assert await shop.states(message) == {"ann": State.PLANNED}
