"""How fast a DeliveryChannel goes, and when it does not go at all: the same for all workers together."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.shop import MINUTE, SECOND, Shop, person
from ums.messaging.connections import connected
from ums.messaging.delivering.deliver import Lease
from ums.messaging.delivering.drain import drain, is_due
from ums.messaging.delivering.limits import FAILURES, claim
from ums.messaging.engine import Engine, running
from ums.messaging.expanding.look import look
from ums.models import Attempt, DeliveryChannelStatus, Message
from ums.providers.contract import Answer, Common
from ums.providers.jpush.public import Jpush
from ums.reconcile import reconcile
from ums.sandbox import free_address
from ums.vocabulary import Priority, State


async def declares(shop: Shop, limits: str) -> None:
    """The DeliveryChannel `app` gets these limits."""
    file = shop.engine.settings.config / "shop.yaml"
    file.write_text(file.read_text().replace("title: Shop App\n", f"title: Shop App\nlimits: {limits}\n"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()


async def sends_to(shop: Shop, number: int, priority: Priority = Priority.MEDIUM) -> Message:
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(number)))
    return await shop.sends({"users": {"userIds": [f"u{n}" for n in range(number)]}}, priority=priority)


async def under_way(shop: Shop, lane: Priority, most: int = 8) -> list[Lease]:
    """What a worker claims, and then takes its time over."""
    while await look(shop.engine, lane):
        pass
    return (await claim(shop.engine, lane, most))[0]


@pytest.fixture
async def another(shop: Shop) -> AsyncIterator[Engine]:
    """A second worker on the same database."""
    async with running(shop.engine.settings, shop.time) as engine:
        yield engine


async def test_a_rate_is_kept_over_time(shop: Shop) -> None:
    await declares(shop, "{perSecond: 10}")
    await sends_to(shop, 35)

    sent = []
    for _ in range(5):
        await shop.works()
        sent.append(len(shop.sandbox.record("jpush").addresses))
        shop.time.passes(SECOND)

    assert sent == [10, 20, 30, 35, 35]


async def test_two_workers_share_a_rate(shop: Shop, another: Engine) -> None:
    await declares(shop, "{perSecond: 10}")
    another.snapshots.look_again()
    await sends_to(shop, 30)

    for engine in (shop.engine, another, shop.engine):
        await drain(engine, Priority.MEDIUM)

    assert len(shop.sandbox.record("jpush").addresses) == 10


async def test_what_the_rate_leaves_no_room_for_is_not_due_until_it_does(shop: Shop) -> None:
    await declares(shop, "{perSecond: 10}")
    await sends_to(shop, 20)
    await shop.works()

    waits = not await is_due(shop.engine, Priority.MEDIUM)
    shop.time.passes(SECOND)

    assert waits
    assert await is_due(shop.engine, Priority.MEDIUM)


async def test_a_high_lane_finds_room_in_a_rate_that_the_low_lane_has_used_up(shop: Shop) -> None:
    await declares(shop, "{perSecond: 2}")
    await sends_to(shop, 20, Priority.LOW)
    await drain(shop.engine, Priority.LOW)
    sent = len(shop.sandbox.record("jpush").addresses)

    await shop.sends({"users": {"userIds": ["u1"]}}, priority=Priority.HIGH)
    await drain(shop.engine, Priority.LOW)
    after_low = len(shop.sandbox.record("jpush").addresses)
    await drain(shop.engine, Priority.HIGH)

    assert (sent, after_low, len(shop.sandbox.record("jpush").addresses)) == (2, 2, 3)


async def test_no_more_calls_are_under_way_than_declared_and_the_low_lane_leaves_one(shop: Shop) -> None:
    await declares(shop, "{concurrency: 3}")
    for lane in (Priority.LOW, Priority.HIGH):
        for _ in range(5):
            await sends_to(shop, 1, lane)

    low, high = await under_way(shop, Priority.LOW), await under_way(shop, Priority.HIGH)

    assert (len(low), len(high)) == (2, 1)
    assert await under_way(shop, Priority.HIGH) == []


async def test_the_calls_of_a_killed_worker_do_not_count_for_ever(shop: Shop) -> None:
    await declares(shop, "{concurrency: 1}")
    message = await sends_to(shop, 1)
    assert len(await under_way(shop, Priority.MEDIUM)) == 1  # and then it is killed

    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(message) == {"u0": State.SUBMITTED}


async def test_a_provider_that_asks_for_a_pause_is_left_alone_by_all_messages(shop: Shop) -> None:
    shop.plays("jpush", perMinute=1)
    for _ in range(3):
        await sends_to(shop, 1)
    await shop.works()
    tried = await Attempt.all().count()

    await sends_to(shop, 1)
    await shop.works()
    again = await Attempt.all().count()
    shop.plays("jpush")
    shop.time.passes(2 * MINUTE)
    await shop.works()

    assert again == tried
    assert len(shop.sandbox.record("jpush").addresses) == 4


async def test_a_used_up_quota_closes_until_the_provider_renews_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def last_one(*_: object) -> Answer:
        return Answer(others=Common(State.SUBMITTED), provider_id="1", pause=30)

    monkeypatch.setattr(Jpush, "send", last_one)
    await sends_to(shop, 1)
    await shop.works()
    later = await sends_to(shop, 1)

    await shop.works()
    waiting = await shop.states(later)
    shop.time.passes(30 * SECOND)
    await shop.works()

    assert waiting == {"u0": State.PLANNED}
    assert await shop.states(later) == {"u0": State.SUBMITTED}


async def fails(shop: Shop, times: int, lane: Priority = Priority.LOW) -> None:
    """That often nobody answers at the provider's address, each time as soon as it is tried again."""
    nobody = free_address()
    async with connected(
        replace(shop.engine.settings, sandbox=f"{nobody.host}:{nobody.port}"), shop.time
    ) as connections:
        for _ in range(times):
            await drain(replace(shop.engine, connections=connections, _rounds={}), lane)
            shop.time.passes(40 * MINUTE)


async def test_a_provider_that_keeps_failing_opens_the_breaker_and_says_why(shop: Shop) -> None:
    await sends_to(shop, 1, Priority.LOW)
    begun = shop.time()

    await fails(shop, FAILURES)
    shop.time.now -= 40 * MINUTE

    status = await DeliveryChannelStatus.get(delivery_channel="app")
    assert (status.failures, status.code, status.since) == (FAILURES, "no_connection", begun)
    assert status.closed_until == shop.time() + 5 * SECOND
    assert not await is_due(shop.engine, Priority.LOW)


async def test_an_open_breaker_lets_one_call_try_and_closes_when_it_succeeds(shop: Shop) -> None:
    await sends_to(shop, 1, Priority.LOW)
    await fails(shop, FAILURES)
    for _ in range(4):
        await sends_to(shop, 1, Priority.LOW)

    trying = await under_way(shop, Priority.LOW)
    shop.time.passes(MINUTE)
    await shop.works()

    assert len(trying) == 1
    assert (await DeliveryChannelStatus.get(delivery_channel="app")).failures == 0
    assert len(await Attempt.filter(verdict="answered")) == 5


async def test_an_open_breaker_waits_longer_after_each_try_that_fails(shop: Shop) -> None:
    await sends_to(shop, 1, Priority.LOW)

    pauses = []
    for more in (FAILURES, 1, 1, 1, 1, 1):
        await fails(shop, more)
        status = await DeliveryChannelStatus.get(delivery_channel="app")
        pauses.append((status.closed_until - (shop.time() - 40 * MINUTE)) // SECOND)

    assert pauses == [5, 10, 20, 40, 60, 60]


async def test_a_breaker_is_of_one_delivery_channel_only(shop: Shop) -> None:
    await sends_to(shop, 1, Priority.LOW)
    await fails(shop, FAILURES)
    shop.time.now -= 40 * MINUTE
    await shop.knows(person("bob", phone="13800000001"))

    message = await shop.sends({"users": {"userIds": ["bob"]}}, content={"sms": {"temp_id": 1}})
    await shop.works()

    assert await shop.states(message) == {"bob": State.SUBMITTED}
