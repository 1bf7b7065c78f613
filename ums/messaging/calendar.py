"""Days and hours as a Channel's clock on the wall has them. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ums.messaging.counts import BUCKET

DAY, HOUR = "day", "hour"


def day_start(at: int, zone: ZoneInfo) -> int:
    """ms of the first moment of the day of `at`."""
    return _ms(local(at, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0))


def periods(begin: int, end: int, zone: ZoneInfo, by: str) -> Iterator[tuple[int, int]]:
    """(begin, end) in ms of every day or hour that has a part of what lies from `begin` to before `end`.

    A day on which clocks are changed has 23 or 25 hours.
    """
    start = day_start(begin, zone) if by == DAY else _hour_start(begin, zone)
    while start < end:
        after = _next_day(start, zone) if by == DAY else _next_hour(start, zone)
        yield start, after
        start = after


def local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def _next_day(start: int, zone: ZoneInfo) -> int:
    return day_start(_ms(local(start, zone).replace(hour=12) + timedelta(days=1)), zone)


def _hour_start(at: int, zone: ZoneInfo) -> int:
    start = at - at % BUCKET
    while local(start, zone).minute:
        start -= BUCKET
    return start


def _next_hour(start: int, zone: ZoneInfo) -> int:
    start += BUCKET
    while local(start, zone).minute:
        start += BUCKET
    return start


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
