"""The two tables of what providers keep for us, read and written; what it means is in `ums.provider_objects.known`."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, execute, fetch, rows
from ums.provider_objects.known import KeptObjects, Known, Made
from ums.providers.keeper import Kept, ObjectId, Reviewed
from ums.vocabulary import ObjectState, Review


async def read() -> KeptObjects:
    """All of it, as it is now."""
    objects = [known(row) for row in await fetch(connection(), _ALL)]
    made = {
        (row["kind"], row["name"]): Made(row["delivery_channel"], row["provider_id"], row["problem"])
        for row in await fetch(connection(), "SELECT * FROM making")
    }
    return KeptObjects({(one.kind, one.delivery_channel, one.provider_id): one for one in objects}, made, was_read=True)


def known(row: Mapping[str, Any]) -> Known:
    """Of a row of the table."""
    said = row["said"] if isinstance(row["said"], Mapping) else orjson.loads(row["said"])
    review = Review(row["review"]) if row["review"] else None
    return Known(
        row["kind"], row["delivery_channel"], row["provider_id"], ObjectState(row["state"]), review, row["reason"],
        row["title"], row["text"], said, row["account"], row["checked_at"],
    )  # fmt: skip


async def found(tx: BaseDBAsyncClient, code: str, account: str, kept: Sequence[Kept], now: int) -> None:
    """These are at the provider now. Why one was rejected is kept as long as it is."""
    given = rows(
        (one.object.kind, one.object.id, one.review.value if one.review else "", one.title[:200], one.text,
         orjson.dumps(dict(one.said)).decode())
        for one in kept
    )  # fmt: skip
    await execute(tx, _FOUND, code, given, account, now)


async def missing(tx: BaseDBAsyncClient, code: str, account: str, objects: Sequence[ObjectId], now: int) -> None:
    """These are not at the provider any more; of those that were another account's, nobody knows."""
    if objects:
        await execute(tx, _MISSING, code, rows(objects), account, now, GONE, ELSEWHERE)


GONE = "the provider has none of this id any more; it was deleted there"
ELSEWHERE = "the DeliveryChannel belongs to another account now, which has none of this id"


async def refused(tx: BaseDBAsyncClient, code: str, gone: ObjectId, words: str, now: int) -> None:
    """The provider said, when something was sent with it, that there is no such thing."""
    await execute(tx, _REFUSED, gone.kind, code, gone.id, words, now)


async def reviewed(tx: BaseDBAsyncClient, code: str, told: Sequence[Reviewed], now: int) -> None:
    """What reviewers decided; of what nobody here knew, the provider is to be asked what it is."""
    given = rows((one.object.kind, one.object.id, one.review.value, one.reason) for one in told)
    await execute(tx, _REVIEWED, code, given, now)


async def forget(tx: BaseDBAsyncClient, code: str, gone: ObjectId) -> int:
    """Nothing is known of it any more; how much was."""
    return await execute(tx, _FORGET, gone.kind, code, gone.id)


async def marks(on: BaseDBAsyncClient) -> Rows:
    """Whatever is different in these means: something changed."""
    return await fetch(on, _MARKS)


_ALL = "SELECT * FROM provider_object ORDER BY delivery_channel, kind, provider_id"

# A row's `changes` only rises and ids only grow, so what comes and what goes shows in one of them.
_MARKS = """
SELECT o.number AS objects, o.changes AS object_changes, o.newest AS object_newest,
       m.number AS makings, m.changes AS making_changes, m.newest AS making_newest
FROM (SELECT count(*) AS number, sum(changes) AS changes, max(id) AS newest FROM provider_object) AS o
CROSS JOIN (SELECT count(*) AS number, sum(changes) AS changes, max(id) AS newest FROM making) AS m"""

_FOUND = """
INSERT INTO provider_object AS o (kind, delivery_channel, provider_id, account, state, review, reason, title, text,
                                  said, checked_at, changes)
SELECT given.kind, $1, given.id, $3, 'normal', given.review, '', given.title, given.text,
       given.said, $4, 1
FROM ROWS($2: kind text, id text, review text, title text, text text, said jsonb) AS given WHERE true
ON CONFLICT (kind, delivery_channel, provider_id) DO UPDATE SET account = excluded.account, state = 'normal',
    reason = CASE WHEN excluded.review = 'rejected' AND o.review = 'rejected' THEN o.reason ELSE '' END,
    review = excluded.review, title = excluded.title, text = excluded.text, said = excluded.said,
    checked_at = excluded.checked_at, changes = o.changes + 1"""

_MISSING = """
UPDATE provider_object SET checked_at = $4, changes = changes + 1,
    state = CASE WHEN account IN ('', $3) THEN 'invalid' ELSE 'unknown' END,
    reason = CASE WHEN account IN ('', $3) THEN $5 ELSE $6 END
WHERE delivery_channel = $1 AND EXISTS (SELECT 1 FROM ROWS($2: kind text, id text) AS given
    WHERE given.kind = provider_object.kind AND given.id = provider_object.provider_id)"""

_REFUSED = """
INSERT INTO provider_object AS o (kind, delivery_channel, provider_id, account, state, review, reason, title, text,
                                  said, checked_at, changes)
VALUES ($1, $2, $3, '', 'invalid', '', $4, '', '', '{}', $5, 1)
ON CONFLICT (kind, delivery_channel, provider_id) DO UPDATE SET state = 'invalid', reason = excluded.reason,
    checked_at = excluded.checked_at, changes = o.changes + 1"""

_REVIEWED = """
INSERT INTO provider_object AS o (kind, delivery_channel, provider_id, account, state, review, reason, title, text,
                                  said, checked_at, changes)
SELECT given.kind, $1, given.id, '', 'normal', given.review, given.reason, '', '', '{}', 0, 1
FROM ROWS($2: kind text, id text, review text, reason text) AS given WHERE true
ON CONFLICT (kind, delivery_channel, provider_id) DO UPDATE SET state = 'normal', review = excluded.review,
    reason = excluded.reason, checked_at = CASE WHEN o.checked_at = 0 THEN 0 ELSE CAST($3 AS bigint) END,
    changes = o.changes + 1"""

_FORGET = "DELETE FROM provider_object WHERE kind = $1 AND delivery_channel = $2 AND provider_id = $3"
