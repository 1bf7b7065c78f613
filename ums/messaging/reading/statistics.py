"""The statistics pages of a Channel, from its counters; the cost depends on the time they span, never on deliveries.

The definitions are the reference product's; days and hours are those of the Channel's time zone.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ums.database import Rows, connection, fetch, rows
from ums.messaging.calendar import DAY, HOUR, day_start, local, periods
from ums.messaging.counts import BUCKET, REQUEST, USERS, Attribution
from ums.messaging.reading.history import Funnel, Numbers, of_cells
from ums.models import Message, Night
from ums.snapshot import Body

MEAN_OVER = 30 * 86_400_000
"""ms."""


@dataclass(frozen=True)
class PeriodNumbers:
    """What belongs to a day or an hour, and how many messages."""

    begin: int
    end: int
    numbers: Numbers
    requests: int

    @property
    def targets(self) -> Funnel:
        """Of all DeliveryChannels together."""
        return self.numbers.targets


@dataclass(frozen=True)
class Mean:
    """The rates of a DeliveryChannel over the thirty days before a message, beside the message's own."""

    delivery_channel: str
    message: Funnel
    mean: Funnel


def zone_of(channel: Body) -> ZoneInfo:
    return ZoneInfo(channel["timeZone"])


async def messages(channel: Body, begin: int, end: int, by: str) -> list[PeriodNumbers]:
    """By the time of the send: what was delivered or clicked later counts where its message does."""
    return await _by_period(channel, list(periods(begin, end, zone_of(channel), by)), Attribution.SENT)


async def today(channel: Body, now: int) -> tuple[PeriodNumbers, list[PeriodNumbers]]:
    """By the time when we heard of it: the day so far, and its hours."""
    begin = day_start(now, zone_of(channel))
    hours = list(periods(begin, now + 1, zone_of(channel), HOUR))
    day = [next(periods(now, now + 1, zone_of(channel), DAY))]
    whole = (await _by_period(channel, day, Attribution.HEARD))[0]
    return whole, await _by_period(channel, hours, Attribution.HEARD)


async def clicks_by_hour(channel: Body, begin: int, end: int) -> list[int]:
    """24 sums, for each hour of the day of the clicks that came in it."""
    zone = zone_of(channel)
    clicked = Counter[int]()
    for hour in await _by_period(channel, list(periods(begin, end, zone, HOUR)), Attribution.HEARD):
        clicked[local(hour.begin, zone).hour] += hour.targets.clicked
    return [clicked[hour] for hour in range(24)]


async def means(message: Message, numbers: Numbers) -> list[Mean]:
    """Each DeliveryChannel of a message, against the same in its Channel over the thirty days before."""
    before = (message.send_at - MEAN_OVER, message.send_at)
    found = (await _cells(message.channel, [before], Attribution.SENT))[0]
    usual = of_cells([cell for cell in found if cell["state"] != REQUEST]).delivery_channels
    nothing = Funnel(0, 0, 0, 0, 0)
    return [Mean(code, funnel, usual.get(code, nothing)) for code, funnel in numbers.delivery_channels.items()]


@dataclass(frozen=True)
class Check:
    """How the nightly check of a Channel's counters went."""

    day: str
    """What was sent on it was checked; as in 2027-01-15."""
    at: int
    wrong: int
    """How many counters."""
    first: str
    """A few of them, a line each."""


async def last_check(channel: Body) -> Check | None:
    """The newest; None before the first night."""
    found = await Night.filter(task="check", channel=channel["name"], done_at__isnull=False).order_by("-day").first()
    return Check(found.day, found.done_at or 0, found.found, found.words) if found else None


async def _by_period(channel: Body, spans: Sequence[tuple[int, int]], attribution: Attribution) -> list[PeriodNumbers]:
    found = await _cells(channel["name"], spans, attribution)
    made = []
    for n, (begin, end) in enumerate(spans):
        cells = [cell for cell in found[n] if cell["state"] != REQUEST]
        requests = sum(cell["number"] for cell in found[n] if cell["state"] == REQUEST)
        made.append(PeriodNumbers(begin, end, of_cells(cells), requests))
    return made


async def _cells(
    channel: str, spans: Sequence[tuple[int, int]], attribution: Attribution
) -> Mapping[int, list[dict[str, Any]]]:
    """The sums of each span, by its number."""
    listed = rows((n, begin // BUCKET, end // BUCKET) for n, (begin, end) in enumerate(spans))
    sums: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    found: Rows = await fetch(connection(), _SPANS, listed, channel, int(attribution))
    for row in found:
        sums[row["n"]].append(row)
    return sums


_SPANS = """
SELECT span.n, c.delivery_channel, c.state, c.reason, CAST(sum(c.number) AS bigint) AS number
FROM ROWS($1: n int, first int, last int) AS span
JOIN channel_count c ON c.channel = $2 AND c.attribution = $3 AND c.bucket >= span.first AND c.bucket < span.last
GROUP BY span.n, c.delivery_channel, c.state, c.reason ORDER BY 1, 2, 3, 4"""


def losses_shared(numbers: Numbers) -> list[tuple[str, str, str, int, float]]:
    """(DeliveryChannel or USERS, stage, reason, number, share among the losses of users or of targets)."""
    all_users = sum(loss.number for loss in numbers.losses if loss.delivery_channel == USERS)
    all_targets = sum(loss.number for loss in numbers.losses if loss.delivery_channel != USERS)
    return [
        (x.delivery_channel, x.stage, x.reason, x.number, x.number / (all_targets if x.delivery_channel else all_users))
        for x in numbers.losses
    ]
