"""When what recurs is due, on the clock of a time zone."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ums.messaging.occurrences import NotCron, check, following, latest

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
HOUR = 3_600_000


def at(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def coming(cron: str, after: int, number: int, zone: str = BERLIN) -> list[str]:
    """The next so many, as the clock on the wall shows them, with what it is ahead of UTC."""
    found = []
    for _ in range(number):
        after = following(cron, zone, after) or 0
        found.append(f"{datetime.fromtimestamp(after / 1000, ZoneInfo(zone)):%d %H:%M %z}")
    return found


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 9 * * MON-FRI", "2026-07-03T10:00", ["06 09:30 +0200", "07 09:30 +0200"]),
        ("0 8 1 * *", "2026-07-03T10:00", ["01 08:00 +0200", "01 08:00 +0200"]),
        ("0 8 L * *", "2026-07-03T10:00", ["31 08:00 +0200", "31 08:00 +0200"]),
        ("0 8 29 2 *", "2026-07-03T10:00", ["29 08:00 +0100"]),
    ],
)
def test_on_days_and_at_times(cron: str, after: str, expected: list[str]) -> None:
    assert coming(cron, at(after), len(expected)) == expected


def test_what_is_due_now_is_not_what_follows() -> None:
    assert following("30 9 * * *", BERLIN, at("2026-07-03T09:30")) == at("2026-07-04T09:30")
    assert following("30 9 * * *", BERLIN, at("2026-07-03T09:30") - 1) == at("2026-07-03T09:30")
    assert latest("30 9 * * *", BERLIN, at("2026-07-03T09:30")) == at("2026-07-03T09:30")
    assert latest("30 9 * * *", BERLIN, at("2026-07-03T09:30") - 1) == at("2026-07-02T09:30")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("0,30 2 * * *", ["28 02:30 +0100", "29 03:00 +0200", "30 02:00 +0200"]),
        ("*/30 2 * * *", ["28 02:30 +0100", "30 02:00 +0200", "30 02:30 +0200"]),
    ],
)
def test_a_time_that_the_clock_skips_comes_when_it_is_put_forward(cron: str, expected: list[str]) -> None:
    assert coming(cron, at("2026-03-28T02:00"), 3) == expected


def test_a_time_that_the_clock_shows_twice_comes_the_first_time() -> None:
    assert coming("30 2 * * *", at("2026-10-24T12:00"), 2) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_who_looks_in_the_second_of_two_equal_hours_finds_the_next_day() -> None:
    assert following("30 2 * * *", BERLIN, at("2026-10-25T02:10", fold=1)) == at("2026-10-26T02:30")
    assert latest("30 2 * * *", BERLIN, at("2026-10-25T02:10", fold=1)) == at("2026-10-25T02:30")


def test_what_comes_every_half_hour_comes_in_both_of_two_equal_hours() -> None:
    found = coming("*/30 * * * *", at("2026-10-25T01:59"), 5)

    assert found == ["25 02:00 +0200", "25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100"]


@pytest.mark.parametrize(
    "cron", ["", "30 9 * *", "0 30 9 * * *", "61 9 * * *", "30 9 * * NODAY", "30 9 31 2 *", "@daily", "a b c d e"]
)
def test_what_is_no_cron_expression_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(NotCron, match=r"never comes|found"):
        check(cron, BERLIN)


CRONS = st.sampled_from(
    ["30 2 * * *", "0,30 2-3 * * *", "*/20 * * * *", "15 */2 * * *", "59 23 * * SUN", "0 0 1 * *", "5 1,2,3 * * *"]
)
ZONES = st.sampled_from([BERLIN, SHANGHAI, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])


@given(cron=CRONS, zone=ZONES, begin=st.integers(at("2026-01-01T00:00"), at("2027-12-31T00:00")))
def test_they_only_go_forward_and_the_latest_is_the_one_before_the_following(cron: str, zone: str, begin: int) -> None:
    times = [begin]
    for _ in range(5):
        times.append(following(cron, zone, times[-1]) or 0)

    assert all(one < next_one for one, next_one in pairwise(times))
    assert [latest(cron, zone, moment) for moment in times[2:]] == times[2:]
    assert [latest(cron, zone, moment - 1) for moment in times[2:]] == times[1:-1]
