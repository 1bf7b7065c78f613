"""Do not disturb: when a Channel's messages must not reach anybody, and until when."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.messaging.sending.test_sensitive_words import declares
from tests.shop import Shop, person
from ums.errors import CallerRefused
from ums.messaging.sending.quiet import NEVER, quiet_until
from ums.models import Message
from ums.vocabulary import Priority

ANN = {"users": {"userIds": ["ann"]}}
ALL = ["high", "medium", "low"]


def channel(*periods: str, zone: str = "Asia/Shanghai", **rule: Any) -> dict[str, Any]:
    split = [dict(zip(("from", "to"), period.split("-"), strict=True)) for period in periods]
    return {
        "name": "shop",
        "timeZone": zone,
        "doNotDisturb": {"enabled": True, "priorities": ALL, "mode": "reject", "periods": split} | rule,
    }


def ms(written: str, zone: str = "Asia/Shanghai", fold: int = 0) -> int:
    return int(datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def until(of: dict[str, Any], at: int, priority: Priority = Priority.MEDIUM) -> str:
    """On the Channel's wall."""
    found = quiet_until(of, priority, at)
    return "" if found is None else datetime.fromtimestamp(found / 1000, ZoneInfo(of["timeZone"])).isoformat()


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-23T21:59:59.999", ""),
        ("2026-11-23T22:00", "2026-11-24T07:00:00+08:00"),
        ("2026-11-24T00:00", "2026-11-24T07:00:00+08:00"),
        ("2026-11-24T06:59:59.999", "2026-11-24T07:00:00+08:00"),
        ("2026-11-24T07:00", ""),
    ],
)
def test_a_period_over_midnight_ends_in_the_morning(at: str, end: str) -> None:
    assert until(channel("22:00-07:00"), ms(at)) == end


def test_a_period_within_a_day_ends_that_day() -> None:
    assert until(channel("12:00-13:30"), ms("2026-11-23T12:15:30.5")) == "2026-11-23T13:30:00+08:00"


def test_periods_that_follow_on_each_other_are_one() -> None:
    of = channel("07:00-08:30", "22:00-07:00", "08:00-09:15", "12:00-13:00")

    assert until(of, ms("2026-11-23T23:00")) == "2026-11-24T09:15:00+08:00"


def test_periods_around_the_clock_never_end() -> None:
    assert quiet_until(channel("00:00-12:00", "12:00-00:00"), Priority.LOW, ms("2026-11-23T23:00")) == NEVER


def test_fifteen_periods_on_end_have_an_end() -> None:
    periods = [f"{hour:02}:00-{hour + 1:02}:00" for hour in range(15)]

    assert until(channel(*periods), ms("2026-11-23T00:00")) == "2026-11-23T15:00:00+08:00"


def test_only_the_named_priorities_are_held_back() -> None:
    of = channel("22:00-07:00", priorities=["low"])

    found = [quiet_until(of, priority, ms("2026-11-23T23:00")) is not None for priority in Priority]

    assert found == [False, False, True]


def test_what_is_switched_off_or_not_declared_holds_nothing_back() -> None:
    assert quiet_until(channel("22:00-07:00", enabled=False), Priority.LOW, ms("2026-11-23T23:00")) is None
    assert quiet_until({"timeZone": "UTC"}, Priority.LOW, ms("2026-11-23T23:00")) is None


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("period", "at", "fold", "end"),
    [
        # 2026-03-29: from 02:00 to 03:00.
        ("22:00-07:00", "2026-03-28T23:00", 0, "2026-03-29T07:00:00+02:00"),
        ("22:00-02:30", "2026-03-28T23:00", 0, "2026-03-29T03:00:00+02:00"),
        ("22:00-02:30", "2026-03-29T03:00", 0, ""),
        ("02:10-02:50", "2026-03-29T01:59", 0, ""),
        # 2026-10-25: 02:00 to 03:00 comes twice.
        ("22:00-07:00", "2026-10-24T23:00", 0, "2026-10-25T07:00:00+01:00"),
        ("22:00-02:30", "2026-10-24T23:00", 0, "2026-10-25T02:30:00+02:00"),
        ("22:00-02:30", "2026-10-25T02:45", 0, ""),
        ("22:00-02:30", "2026-10-25T02:15", 1, "2026-10-25T02:30:00+01:00"),
        ("02:15-04:00", "2026-10-25T02:30", 0, "2026-10-25T04:00:00+01:00"),
    ],
)
def test_the_clock_on_the_wall_decides_when_clocks_are_changed(period: str, at: str, fold: int, end: str) -> None:
    assert until(channel(period, zone=BERLIN), ms(at, BERLIN, fold)) == end


def test_a_change_of_half_an_hour_is_one_too() -> None:
    """Lord Howe, 2026-10-04: from 02:00 to 02:30."""
    of = channel("23:00-02:15", zone="Australia/Lord_Howe")

    assert until(of, ms("2026-10-04T01:00", "Australia/Lord_Howe")) == "2026-10-04T02:30:00+11:00"


times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
rules = st.lists(st.tuples(times, times).filter(lambda both: both[0] != both[1]).map("-".join), min_size=1, max_size=15)


@example(["02:01-02:00"], ms("2026-03-28T02:01", "Europe/Berlin"), "Europe/Berlin")
@given(rules, st.integers(ms("2026-03-20T00:00"), ms("2026-04-05T00:00")), st.sampled_from([BERLIN, "Asia/Kathmandu"]))
def test_where_a_quiet_time_ends_it_is_free_and_up_to_there_it_is_not(periods: list[str], at: int, zone: str) -> None:
    of = channel(*periods, zone=zone)

    end = quiet_until(of, Priority.LOW, at)

    if end is not None and end != NEVER:
        # The only free minutes may be those that clocks skip that night: then it is the next one's.
        assert at < end <= at + 49 * 3_600_000
        assert quiet_until(of, Priority.LOW, end) is None
        for minute in range(at, end, 7 * 60_000):
            assert quiet_until(of, Priority.LOW, minute) == end


RULE = """deliveryChannels: [app, sms, mail]
timeZone: UTC
doNotDisturb: {mode: %s, periods: [{from: '08:00', to: '09:00'}]}"""
NINE = 1_800_003_600_000
"""2027-01-15T09:00Z, an hour after the shop's clock stands."""


async def test_a_send_in_a_quiet_time_is_refused_and_told_until_when(shop: Shop) -> None:
    await declares(shop, "", ("deliveryChannels: [app, sms, mail]", RULE % "reject"))

    with pytest.raises(CallerRefused) as caught:
        await shop.sends(ANN)

    [problem] = caught.value.problems
    assert (problem.code, problem.path) == ("do_not_disturb", "input.sendAt")
    assert problem.message == (
        "Channel shop disturbs nobody at 2027-01-15T08:00:00+00:00; "
        "send at or after 2027-01-15T09:00:00+00:00, or with another priority"
    )


async def test_a_scheduled_send_is_judged_at_its_time(shop: Shop) -> None:
    await declares(shop, "", ("deliveryChannels: [app, sms, mail]", RULE % "reject"))

    free = await shop.sends(ANN, send_at=NINE)
    assert (free.send_at, free.deferred_from) == (NINE, None)
    with pytest.raises(CallerRefused):
        await shop.sends(ANN, send_at=NINE + 23 * 3_600_000)


async def test_a_deferred_send_goes_out_at_the_end_of_the_quiet_time_and_says_so(shop: Shop) -> None:
    await declares(shop, "", ("deliveryChannels: [app, sms, mail]", RULE % "defer"))
    await shop.knows(person("ann", app=["rid-ann"]))
    asked = shop.time()

    message = await shop.sends(ANN)
    await shop.works()

    kept = await Message.get(id=message.id)
    assert (kept.send_at, kept.due_at, kept.deferred_from) == (NINE, NINE, asked)
    assert await shop.deliveries(message) == []

    shop.time.passes(NINE - asked)
    await shop.works()
    assert len(await shop.deliveries(message)) == 1
