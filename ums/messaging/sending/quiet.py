"""Do not disturb: whether a message would reach people at a time when its Channel must not, and when that time ends.

Pure: the declared rule, the time zone and the moment are parameters.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ums.vocabulary import Priority

Body = Mapping[str, Any]

_MINUTE = 60_000
NEVER = 2**62
_FOR_EVER = 20
"""Periods on end: there are 15 at most, so who met more of them went around the clock."""


def quiet_until(channel: Body, priority: Priority, at: int) -> int | None:
    """When the quiet time around `at` (ms) ends for messages of this priority; None when it is no quiet time.

    Periods that follow on each other are one. The clock on the wall decides: a time of day that comes twice is quiet
    twice, and where clocks are put forward past the end of a period, it ends with that. NEVER where the periods leave
    no minute of the day.
    """
    rule = channel.get("doNotDisturb")
    if not rule or not rule["enabled"] or priority.name.lower() not in rule["priorities"]:
        return None
    zone = ZoneInfo(channel["timeZone"])
    end = at
    for _ in range(_FOR_EVER):
        ends = [_end(end, period, zone) for period in rule["periods"] if _within(end, period, zone)]
        if not ends:
            return end if end > at else None
        end = max(ends)
    return NEVER


def disturbing(channel: Body, at: int, until: int) -> str:
    """What is wrong with a send that goes out at `at`, where it is quiet until `until`."""
    zone = ZoneInfo(channel["timeZone"])
    begin = f"Channel {channel['name']} disturbs nobody at {_local(at, zone).isoformat(timespec='seconds')}"
    if until == NEVER:
        return f"{begin}, nor at any other time; use another priority"
    return f"{begin}; send at or after {_local(until, zone).isoformat(timespec='seconds')}, or with another priority"


def _within(at: int, period: Body, zone: ZoneInfo) -> bool:
    now, begin, end = f"{_local(at, zone):%H:%M}", str(period["from"]), str(period["to"])
    return begin <= now < end if begin < end else now >= begin or now < end


def _end(at: int, period: Body, zone: ZoneInfo) -> int:
    """The first minute after the period that `at` lies in; clocks that are put back into before it do not end it."""
    end = next(moment for moment in _moments(at, period["to"], zone) if moment > at)
    while not _within(end - _MINUTE, period, zone):
        end -= _MINUTE  # clocks were put forward past the end
    return end


def _moments(at: int, time_of_day: str, zone: ZoneInfo) -> Iterator[int]:
    """When the clock shows this, from the day of `at` on; twice where it is put back."""
    hour, minute = map(int, time_of_day.split(":"))
    today = _local(at, zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    for days in range(3):
        for fold in (0, 1):
            yield int((today + timedelta(days)).replace(fold=fold).timestamp() * 1000)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
