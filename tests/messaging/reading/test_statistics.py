"""The statistics pages: each test's name is the definition that it holds the page to."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.messaging.reading.test_funnel import A_DAY, AN_HOUR, TO, goes_out, undelivered
from tests.messaging.reading.test_funnel import message as message
from tests.messaging.sending.test_sensitive_words import declares
from tests.shop import MINUTE, Shop
from ums.messaging.calendar import DAY, HOUR, local, periods
from ums.messaging.reading import statistics
from ums.messaging.reading.history import Funnel
from ums.models import Message
from ums.people import directory
from ums.people.groups import View
from ums.snapshot import Body
from ums.vocabulary import ChannelType, State

MIDNIGHT = 1_800_000_000_000 - 8 * AN_HOUR  # the shop's clock stands at 08:00 UTC


async def shop_channel(shop: Shop) -> Body:
    found = (await shop.engine.snapshots.newest()).channel("shop")
    assert found is not None
    return found


async def test_coverage_is_the_share_and_number_of_users_with_a_registration_id_of_each_type(
    shop: Shop, message: Message
) -> None:
    snapshot = await shop.engine.snapshots.newest()

    total, found = await directory.coverage(View.of(snapshot, await shop_channel(shop)))

    assert total == 4, "nobody is not known"
    assert (found[ChannelType.APP], found[ChannelType.SMS]) == (3, 0)


async def test_the_comparison_is_of_this_task_with_the_rates_of_thirty_days(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.DELIVERED, "rid-ann", "rid-bob", "rid-eve")
    await shop.hears(message, State.CLICKED, "rid-ann")
    shop.time.passes(30 * A_DAY)
    now = await goes_out(shop)
    shop.time.passes(15 * MINUTE)
    later = await goes_out(shop)
    await shop.hears(now, State.DELIVERED, "rid-ann")

    [mean] = await statistics.means(now, await shop.numbers(now))
    assert mean.delivery_channel == "app"
    assert (mean.message.delivery_rate, mean.message.click_rate) == (1 / 3, 0)
    assert (mean.mean.delivery_rate, mean.mean.click_rate) == (1, 1 / 3)
    [mean] = await statistics.means(later, await shop.numbers(later))
    assert mean.mean == Funnel(4, 3, 3, 1, 0), "the first message is more than thirty days ago, the second is not"


async def test_the_trend_of_today_has_delivered_and_clicked_at_the_time_the_receipt_arrived(
    shop: Shop, message: Message
) -> None:
    shop.time.passes(A_DAY + AN_HOUR)
    await shop.hears(message, State.DELIVERED, "rid-ann", "rid-bob")
    shop.time.passes(AN_HOUR)
    await shop.hears(message, State.CLICKED, "rid-ann")

    day, hours = await statistics.today(await shop_channel(shop), shop.time())

    assert (day.begin, day.end, day.requests) == (MIDNIGHT + A_DAY, MIDNIGHT + 2 * A_DAY, 0)
    assert day.targets == Funnel(0, 0, 0, 2, 1)
    assert day.numbers.users == Funnel(0, 0, 0, 2, 1)
    assert [hour.targets for hour in hours[-2:]] == [Funnel(0, 0, 0, 2, 0), Funnel(0, 0, 0, 0, 1)]
    assert len(hours) == 11


async def test_the_loss_of_today_is_all_reasons_and_shares_from_midnight_split_into_users_and_targets(
    shop: Shop, message: Message
) -> None:
    await undelivered(shop, "rid-ann", "4009", "unreachable")

    day, _ = await statistics.today(await shop_channel(shop), shop.time())

    assert statistics.losses_shared(day.numbers) == [
        ("", "planned to effective", "no_address", 1, 0.5),
        ("", "planned to effective", "unknown_user", 1, 0.5),
        ("app", "planned to effective", "invalid_address", 1, 0.5),
        ("app", "sent to delivered", "unreachable", 1, 0.5),
    ]


async def test_message_statistics_are_by_day_with_delivered_and_clicked_at_the_send_time(
    shop: Shop, message: Message
) -> None:
    shop.time.passes(A_DAY)
    await shop.hears(message, State.CLICKED, "rid-ann")
    channel = await shop_channel(shop)

    first, second = await statistics.messages(channel, MIDNIGHT, MIDNIGHT + 2 * A_DAY, DAY)
    hours = await statistics.messages(channel, MIDNIGHT, MIDNIGHT + A_DAY, HOUR)

    assert (first.requests, first.targets, first.numbers.users) == (1, Funnel(4, 3, 3, 1, 1), Funnel(5, 3, 3, 1, 1))
    assert (second.requests, second.targets) == (0, Funnel(0, 0, 0, 0, 0))
    assert [hour.targets.clicked for hour in hours] == [0] * 8 + [1] + [0] * 15


async def test_request_statistics_are_the_number_of_send_tasks_in_a_period(shop: Shop, message: Message) -> None:
    await shop.sends(TO, send_at=shop.time() + AN_HOUR)
    await shop.sends(TO, "ops")
    await shop.works()
    channel = await shop_channel(shop)
    assert [p.requests for p in await statistics.messages(channel, MIDNIGHT, MIDNIGHT + A_DAY, DAY)] == [1]

    shop.time.passes(AN_HOUR)
    await shop.works()

    assert [p.requests for p in await statistics.messages(channel, MIDNIGHT, MIDNIGHT + A_DAY, DAY)] == [2]


async def test_click_distribution_is_clicks_summed_by_hour_of_day_over_a_period(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.CLICKED, "rid-ann")
    shop.time.passes(A_DAY)
    await shop.hears(message, State.CLICKED, "rid-bob")
    shop.time.passes(2 * AN_HOUR)
    await shop.hears(message, State.CLICKED, "rid-eve")

    found = await statistics.clicks_by_hour(await shop_channel(shop), MIDNIGHT, MIDNIGHT + 2 * A_DAY)

    assert {hour: number for hour, number in enumerate(found) if number} == {8: 2, 10: 1}


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        ("Asia/Kathmandu", "2027-01-15T00:00:00+05:45", 14),
        ("Asia/Kolkata", "2027-01-15T00:00:00+05:30", 14),
        ("Pacific/Chatham", "2027-01-15T00:00:00+13:45", 22),
    ],
)
async def test_a_day_begins_at_midnight_of_the_channel_even_at_a_quarter_past(
    shop: Shop, message: Message, zone: str, begin: str, hours: int
) -> None:
    grants = "deliveryChannels: [app, sms, mail]"
    await declares(shop, "", (grants, f"{grants}\ntimeZone: {zone}"))

    day, found = await statistics.today(await shop_channel(shop), shop.time())

    assert (local(day.begin, ZoneInfo(zone)).isoformat(), day.requests) == (begin, 1)
    assert [hour.requests for hour in found] == [0] * (hours - 1) + [1]


def spans(zone: str, day: str, by: str) -> list[float]:
    """Lengths in hours of the days, or hours, of what begins on this day and ends two days later."""
    begin = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    return [(end - start) / AN_HOUR for start, end in periods(begin, begin + 2 * A_DAY, ZoneInfo(zone), by)]


def test_a_day_on_which_clocks_are_changed_has_23_or_25_hours() -> None:
    assert spans("Europe/Berlin", "2026-03-29", DAY) == [23, 24, 24]
    assert spans("Europe/Berlin", "2026-10-25", DAY) == [25, 24]
    assert spans("Africa/Cairo", "2026-04-24", DAY) == [23, 24, 24]
    assert spans("Europe/Berlin", "2026-03-29", HOUR) == [1] * 48
    assert spans("Australia/Lord_Howe", "2026-10-04", HOUR) == [1, 1.5] + [1] * 46
