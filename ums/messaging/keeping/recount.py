"""`ums check`: every counter held against the rows that it counts, and set right if asked.

Counters move with the rows in one transaction, so one statement sees both as they belong together, whatever else is
going on; a difference is therefore a fault, and adding it to the counter mends it without stopping anybody.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, execute, fetch, is_sqlite, rows, transaction
from ums.messaging.counts import BUCKET, Attribution
from ums.messaging.keeping import recount_statements as statements

DAY = 86_400_000
_AT_ONCE = 500
"""Messages a statement."""
_LOCK = (
    8_677_002  # any number that no other user of the database takes: two repairs would add the same difference twice
)


class Difference(NamedTuple):
    counter: str
    """`message_count`, `message_loss` or `channel_count`."""
    key: tuple[str | int, ...]
    kept: int
    """What the counter says."""
    found: int
    """What the rows say."""

    def __str__(self) -> str:
        return f"{self.counter} {' '.join(map(str, self.key))}: {self.kept} kept, {self.found} found"


class Sent(NamedTuple):
    """Messages by the time of their send, in ms."""

    begin: int
    before: int
    channel: str = ""
    """Empty: of all Channels."""

    @property
    def buckets(self) -> tuple[int, int]:
        """The first, and the one behind the last."""
        return max(self.begin // BUCKET, 1), self.before // BUCKET


EVER = Sent(0, (2**31 - 1) * BUCKET)


async def differences(
    retention: Mapping[str, int], now: int, sent: Sent = EVER, *, repair: bool = False
) -> AsyncIterator[Difference]:
    """Each counter of what was sent then that is wrong; with `repair` it is right afterwards.

    Only of messages that are whole, which excludes what the house is being cleared of, and of quarters of an hour from
    which every message is still kept: `retention` is the days for which each Channel, by name, keeps its own.
    """
    async for ids in _messages(sent):
        for difference in await _of_messages(ids, repair=repair):
            yield difference
    for difference in await _of_channels(retention, now, sent, repair=repair):
        yield difference


async def _of_messages(ids: str, *, repair: bool) -> list[Difference]:
    wrong = []
    async with _writing(repair) as on:
        for table, statement in statements.MESSAGE_COUNTERS.items():
            found = await fetch(on, statement, ids)
            if repair and found:
                await execute(on, statements.MEND[table], _deltas(found))
            wrong += [_difference(table, row) for row in found]
    return wrong


async def _of_channels(retention: Mapping[str, int], now: int, sent: Sent, *, repair: bool) -> list[Difference]:
    wrong = []
    async with _writing(repair) as on:
        kept = _Kept(await _segments(on, retention) | dict(retention), now, sent.channel)
        for statement, values in _statements(sent):
            found = [row for row in await fetch(on, statement, *values) if kept.holds(row)]
            if repair and found:
                await execute(on, statements.MEND_BUCKETS, _deltas(found))
            wrong += [_difference("channel_count", row) for row in found]
    return wrong


def _statements(sent: Sent) -> Iterator[tuple[str, Sequence[str | int]]]:
    """With their values."""
    when = (*sent.buckets, sent.channel) if sent.channel else sent.buckets
    yield statements.buckets(narrowed=bool(sent.channel)), when
    yield statements.segments(narrowed=bool(sent.channel)), when
    if sent == EVER:
        yield statements.SUMS, ()


async def _segments(on: BaseDBAsyncClient, retention: Mapping[str, int]) -> dict[str, int]:
    """For how many days the messages to each Segment, by its number, are kept."""
    found = await fetch(on, "SELECT id, name FROM people_list WHERE kind = 'Segment'")
    return {str(row["id"]): retention.get(row["name"].partition("/")[0], 0) for row in found}


class _Kept(NamedTuple):
    """Of which rows of channel_count every message is kept."""

    days: Mapping[str, int]
    """By the name of a Channel, or the number of a Segment."""
    now: int
    channel: str
    """Only of this one, unless empty."""

    def holds(self, row: Mapping[str, str | int]) -> bool:
        """Bucket 0 is a sum of all times."""
        named = row["attribution"] != Attribution.SEGMENT
        if named and self.channel not in ("", row["channel"]):
            return False
        days = self.days.get(str(row["channel"]), 60 if named else 0)
        return row["bucket"] == 0 or int(row["bucket"]) * BUCKET >= self.now - days * DAY


@asynccontextmanager
async def _writing(repair: bool) -> AsyncIterator[BaseDBAsyncClient]:
    """Where to look: a transaction of whoever repairs, alone; who only looks holds up nobody."""
    if not repair:
        yield connection()
        return
    async with transaction() as tx:
        if not is_sqlite(tx):
            await execute(tx, "SELECT pg_advisory_xact_lock($1)", _LOCK)
        yield tx


async def _messages(sent: Sent) -> AsyncIterator[str]:
    """Their ids, some at a time, as ROWS takes them."""
    after, narrow = 0, [sent.channel] if sent.channel else []
    page = statements.page(narrowed=bool(narrow))
    while found := await fetch(connection(), page, after, _AT_ONCE, sent.begin, sent.before, *narrow):
        yield rows([row["id"]] for row in found)
        after = found[-1]["id"]


def _difference(table: str, row: Mapping[str, str | int]) -> Difference:
    key = tuple(value for name, value in row.items() if name not in {"kept", "found", "words"})
    return Difference(table, key, int(row["kept"]), int(row["found"]))


def _deltas(found: Rows) -> str:
    return rows(
        [*(v for k, v in row.items() if k not in {"kept", "found"}), row["found"] - row["kept"]] for row in found
    )
