"""How each DeliveryChannel is doing right now, for operators."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from ums.messaging.delivering.limits import FAILURES
from ums.models import DeliveryChannelStatus


class Standing(Enum):
    WORKING = "working"
    PAUSED = "paused"
    """The provider asked to be left alone for a while."""
    FAILING = "failing"
    """It kept failing: the breaker is open, and one call at a time tries whether it works again."""


@dataclass(frozen=True)
class Status:
    delivery_channel: str
    standing: Standing
    closed_until: int | None
    """ms; no call is made before. None: calls are made."""
    failures: int
    """Calls that failed one after the other, until now."""
    since: int | None
    """When the first of them was, ms."""
    code: str
    words: str
    """What the provider, or the way to it, said last."""


async def standings(codes: Collection[str], now: int) -> list[Status]:
    """Of these DeliveryChannels, in the order of their codes."""
    rows = {row.delivery_channel: row for row in await DeliveryChannelStatus.filter(delivery_channel__in=list(codes))}
    return [_status(code, rows.get(code), now) for code in sorted(codes)]


def _status(code: str, row: DeliveryChannelStatus | None, now: int) -> Status:
    if row is None:
        return Status(code, Standing.WORKING, None, 0, None, "", "")
    closed = row.closed_until > now
    standing = Standing.FAILING if row.failures >= FAILURES else Standing.PAUSED if closed else Standing.WORKING
    until, since = row.closed_until if closed else None, row.since if row.failures else None
    return Status(code, standing, until, row.failures, since, row.code, row.words)
