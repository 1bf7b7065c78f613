"""When what recurs is due: five cron fields on the clock of a time zone. Pure.

As Debian's cron has it: a fixed time of day that the clock skips comes at the next moment there is, one that the clock
shows twice comes the first time only, and what runs every so many minutes runs in every one of them. Two that would
fall on one moment are one. https://github.com/cuu508/cronsim
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
MINUTE = 60_000
_AROUND = timedelta(hours=3)
"""More than any clock is put forward or back by."""


class NotCron(ValueError):
    """Says what is wrong with the text."""


def check(cron: str, zone: str) -> None:
    """Raises NotCron for what is no cron expression, or never comes."""
    if len(cron.split()) != FIELDS:
        raise NotCron(
            f"found {cron!r}, expected five fields: minute, hour, day, month, weekday, as in '30 9 * * MON-FRI'"
        )
    try:
        CronSim(cron, datetime.fromtimestamp(0, UTC))
    except CronSimError as error:
        raise NotCron(f"found {cron!r}: {error}; write it as in '30 9 * * MON-FRI'") from error
    if following(cron, zone, 0) is None:
        raise NotCron(f"{cron!r} never comes")


def following(cron: str, zone: str, after: int) -> int | None:
    """ms of the first occurrence after `after`; None when there is none in fifty years."""
    return next((at for at in _moments(cron, _local(after, zone)) if at > after), None)


def latest(cron: str, zone: str, until: int) -> int | None:
    """ms of the last occurrence that is not after `until`."""
    return next((at for at in _moments(cron, _local(until, zone) + _AROUND, back=True) if at <= until), None)


def _moments(cron: str, begin: datetime, *, back: bool = False) -> Iterator[int]:
    return (int(at.timestamp() * 1000) for at in CronSim(cron, begin, reverse=back))


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC).astimezone(ZoneInfo(zone))
