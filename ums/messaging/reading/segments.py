"""A Segment analysed: who is in it and how they can be reached, its size over time, and what became of its messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from ums.database import connection, fetch
from ums.messaging.counts import REQUEST, Attribution
from ums.messaging.reading.history import Numbers, of_cells
from ums.people import directory, lists
from ums.people.directory import Contacts
from ums.people.groups import View
from ums.snapshot import Body


@dataclass(frozen=True)
class Size:
    day: str
    """Of the Channel, as in 2027-01-15."""
    users: int


@dataclass(frozen=True)
class Sent:
    """All messages whose audience named the Segment, since it is there; such an audience may have named others too."""

    messages: int
    numbers: Numbers


async def users(identity: str, body: Body, view: View) -> int:
    """How many are in it now; of one that names its members, those whom nobody has uploaded too."""
    return await directory.size(identity, body, view)


async def contacts(identity: str, body: Body, view: View) -> Sequence[Contacts]:
    """The addresses of its people that serve the Channel now, by type."""
    return await directory.contacts(identity, body, view)


async def sizes(identity: str, days: int) -> list[Size]:
    """How many were in it as each of the last so many days began that anybody looked, the oldest first."""
    found = await fetch(connection(), _SIZES, await _number(identity), days)
    return [Size(row["day"], row["size"]) for row in reversed(found)]


async def sent(identity: str) -> Sent:
    """From counters, which outlive the messages."""
    found = await fetch(connection(), _SUMS, str(await _number(identity)), int(Attribution.SEGMENT))
    requests = sum(cell["number"] for cell in found if cell["state"] == REQUEST)
    return Sent(requests, of_cells([cell for cell in found if cell["state"] != REQUEST]))


async def _number(identity: str) -> int:
    """0 when it is not there."""
    key = ("Segment", identity)
    return (await lists.numbers(connection(), [key])).get(key, 0)


_SIZES = "SELECT day, size FROM segment_size WHERE list_id = $1 ORDER BY day DESC LIMIT $2"

_SUMS = """
SELECT delivery_channel, state, reason, CAST(sum(number) AS bigint) AS number
FROM channel_count WHERE channel = $1 AND attribution = $2
GROUP BY delivery_channel, state, reason ORDER BY 1, 2, 3"""
