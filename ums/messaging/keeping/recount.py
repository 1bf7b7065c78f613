"""`ums check`: every counter held against the rows that it counts, and set right if asked.

Counters move with the rows in one transaction, so one statement sees both as they belong together, whatever else is
going on; a difference is therefore a fault, and adding it to the counter mends it without stopping anybody.
"""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, execute, fetch, is_sqlite, rows, transaction
from ums.messaging.counts import BUCKET
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


async def differences(retention: Mapping[str, int], now: int, *, repair: bool = False) -> AsyncIterator[Difference]:
    """Each counter that is wrong; with `repair` it is right afterwards.

    Only of messages that are whole, which excludes what the house is being cleared of, and of quarters of an hour from
    which every message is still kept: `retention` is the days for which each Channel, by name, keeps its own.
    """
    async for ids in _messages():
        for difference in await _of_messages(ids, repair=repair):
            yield difference
    for difference in await _of_channels(retention, now, repair=repair):
        yield difference


async def _of_messages(ids: str, *, repair: bool) -> list[Difference]:
    wrong = []
    async with transaction() as tx:
        await _alone(tx)
        for table, statement in statements.MESSAGE_COUNTERS.items():
            found = await fetch(tx, statement, ids)
            if repair and found:
                await execute(tx, statements.MEND[table], _deltas(found))
            wrong += [_difference(table, row) for row in found]
    return wrong


async def _of_channels(retention: Mapping[str, int], now: int, *, repair: bool) -> list[Difference]:
    wrong = []
    async with transaction() as tx:
        await _alone(tx)
        for statement in (statements.BUCKETS, statements.SUMS):
            found = [row for row in await fetch(tx, statement) if _is_kept(row, retention, now)]
            if repair and found:
                await execute(tx, statements.MEND_BUCKETS, _deltas(found))
            wrong += [_difference("channel_count", row) for row in found]
    return wrong


async def _alone(tx: BaseDBAsyncClient) -> None:
    if not is_sqlite(tx):
        await execute(tx, "SELECT pg_advisory_xact_lock($1)", _LOCK)


async def _messages() -> AsyncIterator[str]:
    """Their ids, some at a time, as ROWS takes them."""
    after = 0
    page = "SELECT id FROM message WHERE id > $1 ORDER BY id LIMIT $2"
    while found := await fetch(connection(), page, after, _AT_ONCE):
        yield rows([row["id"]] for row in found)
        after = found[-1]["id"]


def _is_kept(row: Mapping[str, str | int], retention: Mapping[str, int], now: int) -> bool:
    """Whether every message of its time still is; bucket 0 is a sum of all times."""
    days = retention.get(str(row["channel"]), 60)
    return row["bucket"] == 0 or int(row["bucket"]) * BUCKET >= now - days * DAY


def _difference(table: str, row: Mapping[str, str | int]) -> Difference:
    key = tuple(value for name, value in row.items() if name not in {"kept", "found", "words"})
    return Difference(table, key, int(row["kept"]), int(row["found"]))


def _deltas(found: Rows) -> str:
    return rows(
        [*(v for k, v in row.items() if k not in {"kept", "found"}), row["found"] - row["kept"]] for row in found
    )
