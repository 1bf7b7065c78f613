"""What is done once a day for each Channel."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.messaging.sending.test_sensitive_words import declares
from tests.shop import Shop, person
from ums.database import connection, execute
from ums.messaging.keeping import nights
from ums.messaging.keeping.nights import look
from ums.models import Night

AN_HOUR, A_DAY = 3_600_000, 86_400_000


async def checks() -> dict[tuple[str, str], tuple[int, str]]:
    return {(n.channel, n.day): (n.found, n.words) for n in await Night.filter(task="check", done_at__isnull=False)}


@pytest.fixture
async def sent(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()


async def test_counters_that_are_right_are_found_right_at_two_at_night(shop: Shop, sent: None) -> None:
    shop.time.passes(17 * AN_HOUR)  # it was 8 o'clock
    await look(shop.engine)
    assert ("shop", "2027-01-15") not in await checks()

    shop.time.passes(AN_HOUR)
    await look(shop.engine)

    found = await checks()
    assert (found["shop", "2027-01-15"], found["ops", "2027-01-15"]) == ((0, ""), (0, ""))


async def test_counters_that_are_wrong_are_told_and_left_as_they_are(shop: Shop, sent: None) -> None:
    await execute(connection(), "UPDATE message_count SET number = 9 WHERE state = 40 AND delivery_channel = 'app'")
    shop.time.passes(A_DAY)

    with capture_logs() as logs:
        await look(shop.engine)
        shop.time.passes(A_DAY)
        await look(shop.engine)

    words = "message_count 1 app 40 : 9 kept, 1 found"
    found = await checks()
    assert found["shop", "2027-01-15"][0] == 2
    assert found["shop", "2027-01-15"][1].splitlines()[0] == words
    assert found["shop", "2027-01-16"] == (0, ""), "of what was sent on that day only"
    assert found["ops", "2027-01-15"] == (0, "")
    assert [(line["channel"], line["first"]) for line in logs if line["event"] == "counters_wrong"] == [("shop", words)]


async def test_a_day_is_one_of_the_channel(shop: Shop, sent: None) -> None:
    grants = "deliveryChannels: [app, sms, mail]"
    await declares(shop, "", (grants, f"{grants}\ntimeZone: America/Los_Angeles"))
    await execute(connection(), "UPDATE channel_count SET number = 9 WHERE attribution = 0 AND state = 40")

    shop.time.passes(26 * AN_HOUR)  # two in the morning of the 16th there; the message went out at midnight of the 15th
    await look(shop.engine)

    assert (await checks())["shop", "2027-01-15"][0] == 2


async def test_of_many_workers_one_does_it(shop: Shop, sent: None) -> None:
    shop.time.passes(A_DAY)

    with capture_logs() as logs:
        await asyncio.gather(*(look(replace(shop.engine, worker=f"w{n}")) for n in range(4)))

    assert sorted(line["channel"] for line in logs if line["event"] == "counters_right") == ["ops", "shop", "staff"]


async def test_what_a_killed_worker_left_is_done_by_another_when_its_lease_is_over(shop: Shop, sent: None) -> None:
    shop.time.passes(A_DAY)
    held = ("check", "shop", "2027-01-15", shop.time(), shop.time() + nights.LEASE)
    await execute(connection(), nights._CLAIM, *held)

    await look(shop.engine)
    assert ("shop", "2027-01-15") not in await checks()

    shop.time.passes(nights.LEASE)
    await look(shop.engine)
    assert (await checks())["shop", "2027-01-15"] == (0, "")
