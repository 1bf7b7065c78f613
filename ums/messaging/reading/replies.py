"""What people wrote back, read."""

from collections.abc import Sequence
from dataclasses import dataclass

from ums.database import Rows, connection, fetch, rows

EVER = 2**62


@dataclass(frozen=True)
class Wanted:
    """To what a list of replies is narrowed."""

    delivery_channel: str = ""
    address: str = ""
    since: int = 0
    before: int = EVER
    """ms, as is `since`: when they were written."""


async def page(channel: str, granted: Sequence[str], wanted: Wanted, *, first: int, before_id: int | None) -> Rows:
    """What came through these DeliveryChannels, the newest first, one more than `first` if there are more.

    `message_id` is null where the message that it may answer is another Channel's, or gone.
    """
    codes = [code for code in granted if wanted.delivery_channel in {"", code}]
    given = (rows([code] for code in codes), channel, wanted.address, wanted.since, wanted.before)
    return await fetch(connection(), _PAGE, *given, before_id or EVER, first + 1)


_PAGE = """
SELECT r.id, r.delivery_channel, r.address, r.content, r.at, r.received_at, m.id AS message_id
FROM reply r LEFT JOIN message m ON m.id = r.message_id AND m.channel = $2 AND m.deleted_at IS NULL
WHERE r.delivery_channel IN (SELECT code FROM ROWS($1: code text) AS granted)
AND ($3 = '' OR r.address = $3) AND r.at >= $4 AND r.at < $5 AND r.id < $6 ORDER BY r.id DESC LIMIT $7"""
