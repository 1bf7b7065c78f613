"""Once a day for each Channel, by its own clock: how large its Segments are, and whether yesterday was counted right.

Every worker looks, and whoever comes first does it, under a lease in the database; what a killed worker left is done
by another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from ums.database import connection, execute, fetch
from ums.messaging.calendar import day_start, local
from ums.messaging.engine import Engine, log_failure
from ums.messaging.keeping.recount import Difference, Sent, differences
from ums.people import directory, lists
from ums.people.groups import View
from ums.snapshot import Body

log = structlog.get_logger()

SIZES, CHECK = "segments", "check"
"""Tasks."""

CHECKED_FROM = 2
"""The hour of the Channel's clock from which yesterday is checked."""
LEASE = 3_600_000
"""ms; more than ten million deliveries take."""
REMEMBERED = timedelta(days=100)
_SHOWN = 10
"""Differences that are written down; `ums check` tells all."""


@dataclass(frozen=True)
class _Round:
    """A Channel whose tasks are looked at."""

    engine: Engine
    name: str
    channel: Body
    now: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.channel["timeZone"])

    @property
    def local(self) -> datetime:
        return local(self.now, self.zone)


async def keep_nights(engine: Engine, every: float = 300.0) -> None:
    """Look every so many seconds whether a day's tasks are due, until `engine.stopping` is set."""
    while not engine.stopping.is_set():
        try:
            await look(engine)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
            log_failure("night_failed", error, then="it is tried again")
        try:
            await asyncio.wait_for(engine.stopping.wait(), every)
        except TimeoutError:
            continue


async def look(engine: Engine) -> None:
    """Do what is due, and nobody does."""
    snapshot, now = await engine.snapshots.newest(), engine.clock()
    for name, channel in snapshot.all("Channel").items():
        of = _Round(engine, name, channel, now)
        today = of.local.date()
        await _once(of, SIZES, today, _measure)
        if of.local.hour >= CHECKED_FROM:
            await _once(of, CHECK, today - timedelta(days=1), _check)
    await execute(connection(), _FORGET, (local(now, ZoneInfo("UTC")).date() - REMEMBERED).isoformat())


_Task = Callable[[_Round, date], Awaitable[list[Difference]]]


async def _once(of: _Round, task: str, day: date, work: _Task) -> None:
    key = (task, of.name, day.isoformat())
    if await fetch(connection(), _CLAIM, *key, of.now, of.now + LEASE):
        wrong = await work(of, day)
        words = "\n".join(map(str, wrong[:_SHOWN]))
        await execute(connection(), _DONE, *key, of.engine.clock(), len(wrong), words)


async def _measure(of: _Round, day: date) -> list[Difference]:
    """How many people are in each Segment, as the day begins; none of this can be wrong."""
    snapshot = await of.engine.snapshots.newest()
    view = View.of(snapshot, of.channel)
    own = {name: body for name, body in snapshot.all("Segment").items() if body["channel"] == of.name}
    numbers = await lists.numbers(connection(), [("Segment", name) for name in own])
    for name, body in own.items():
        if number := numbers.get(("Segment", name)):
            size = await directory.size(name, body, view)
            await execute(connection(), _KEEP_SIZE, number, day.isoformat(), size)
    return []


async def _check(of: _Round, day: date) -> list[Difference]:
    """Counters of what was sent on the day that differ from the rows; they are told, and left as they are."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=of.zone)
    begin = day_start(int(noon.timestamp() * 1000), of.zone)
    after = day_start(int((noon + timedelta(days=1)).timestamp() * 1000), of.zone)
    retention = {of.name: of.channel["retentionDays"]}
    wrong = [found async for found in differences(retention, of.now, Sent(begin, after, of.name))]
    said = {"channel": of.name, "day": day.isoformat(), "wrong": len(wrong)}
    if wrong:
        log.error("counters_wrong", **said, first=str(wrong[0]), then="ums check tells all, --repair sets them right")
    else:
        log.info("counters_right", **said)
    return wrong


# Not while it is done, nor once it is.
_CLAIM = """
INSERT INTO night (task, channel, day, lease_until, found, words) VALUES ($1, $2, $3, CAST($5 AS bigint), 0, '')
ON CONFLICT (task, channel, day) DO UPDATE SET lease_until = excluded.lease_until
WHERE night.done_at IS NULL AND night.lease_until <= CAST($4 AS bigint) RETURNING id"""

_DONE = """
UPDATE night SET done_at = $4, found = $5, words = $6 WHERE task = $1 AND channel = $2 AND day = $3"""

_KEEP_SIZE = """
INSERT INTO segment_size (list_id, day, size) VALUES ($1, $2, $3) ON CONFLICT (list_id, day) DO NOTHING"""

_FORGET = "DELETE FROM night WHERE day < $1"
