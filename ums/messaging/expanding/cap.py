"""How often a person may hear from a Channel: whoever had as many messages as it allows is lost to this one.

What counts is what a person was sent, or is about to be; a message that reached nobody's provider is no disturbance.
"""

from collections.abc import Iterable, Iterator, Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, is_sqlite, rows
from ums.messaging.expanding.fan_out import FanOut, Pinned
from ums.vocabulary import Priority, Reason

Range = tuple[int, int]
"""The first and the last id of recipients of one message."""


async def take_turns(tx: BaseDBAsyncClient, pinned: Iterable[Pinned]) -> None:
    """Until the transaction ends, nobody else judges people by the caps of these messages' Channels.

    Two messages at once would each see the other's recipients too late. SQLite has one writer anyway.
    """
    channels = sorted({each.message.channel for each in pinned if any(_caps(each))})
    if not channels or is_sqlite(tx):
        return
    # PostgreSQL takes _LOSE for so much work that it compiles it first, which takes longer than the work.
    await execute(tx, "SET LOCAL jit = off")
    for channel in channels:
        await execute(tx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, channel)


_LOCK = 8_677_002  # any number that no other user of the database takes


async def cap(out: FanOut, added: Sequence[tuple[Pinned, Range]]) -> None:
    """Of recipients just written, lose those who had enough; the messages are judged in this order, each by itself."""
    capped = [(each.message, run, caps) for each, run in added if (caps := list(_caps(each)))]
    for n, (message, (first, last), caps) in enumerate(capped, 1):
        coming = rows([later.id] for later, _, _ in capped[n:])
        await execute(out.tx, _LOSE, first, last, rows(caps), message.channel, coming)


def _caps(pinned: Pinned) -> Iterator[tuple[int, int, int]]:
    """What binds this message, as _LOSE takes it: how many, since when, and of which priorities, a bit for each."""
    message = pinned.message
    channel = pinned.snapshot.all("Channel")[message.channel]
    for one in channel.get("frequencyCaps", ()):
        counted = sum(1 << Priority[name.upper()] for name in one["priorities"])
        if counted >> message.priority & 1:
            yield one["most"], message.send_at - one["within"] * 1000, counted


# A count for each person, and of each earlier message by its id: what it costs is what the people had, however many
# messages there are. Written so that PostgreSQL has no other way: fresh tables look to it as if there were one message.
# $5: messages whose recipients are there, and not judged yet.
_LOSE = f"""
UPDATE recipient SET state = 5, reason = '{Reason.FREQUENCY_CAPPED.value}'
WHERE id BETWEEN $1 AND $2 AND state = 0 AND EXISTS (
    SELECT 1 FROM ROWS($3: most int, since bigint, counted int) AS cap WHERE cap.most <= (
        SELECT count(*) FROM recipient other
        WHERE other.user_id = recipient.user_id AND other.message_id <> recipient.message_id
        AND other.state IN (0, 10, 40, 45, 60, 70)
        AND other.message_id NOT IN (SELECT id FROM ROWS($5: id int) AS coming)
        AND 1 = (SELECT (cap.counted >> m.priority) & 1 FROM message m
                 WHERE m.id = other.message_id AND m.channel = $4 AND m.send_at > cap.since)))"""  # noqa: S608  # constants
