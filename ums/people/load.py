"""Many people at once: a chunk is a handful of statements, however many rows it has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, fetch_tuples, load, rows

Row = tuple[int, str, str] | tuple[int, str, str, str]


@dataclass
class Chunk:
    """What is known of some people. Where a person has one address, the last one given counts."""

    users: dict[str, None] = field(default_factory=dict)
    """UserIds, each once."""
    single: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(userId, type, bind) to the one address, which replaces what was there."""
    many: dict[tuple[str, str, str, str], None] = field(default_factory=dict)
    """(userId, type, bind, address), which come on top."""
    tags: dict[tuple[str, str, str], None] = field(default_factory=dict)
    """(userId, bind, tag), which come on top."""


async def write(tx: BaseDBAsyncClient, chunk: Chunk, now: int) -> None:
    """Create or change these people."""
    known = await _ids(tx, chunk.users)
    created = await _create(tx, sorted(chunk.users.keys() - known.keys()), now)
    if missing := chunk.users.keys() - known.keys() - created.keys():
        known |= await _ids(tx, missing)  # somebody else created them meanwhile
    ids = known | created
    if known:
        await execute(tx, _TOUCH, rows([n] for n in sorted(known.values())), now)
        changed = [(known[u], kind, bind, value) for (u, kind, bind), value in chunk.single.items() if u in known]
        if changed:
            await execute(tx, _REPLACE, rows(changed))
    addresses = [(ids[u], kind, bind, value) for (u, kind, bind), value in chunk.single.items()]
    addresses += [(ids[u], kind, bind, value) for u, kind, bind, value in chunk.many]
    fresh = set(created.values())
    await _add(tx, "address", addresses, fresh)
    await _add(tx, "tag", [(ids[u], bind, tag) for u, bind, tag in chunk.tags], fresh)


async def _ids(tx: BaseDBAsyncClient, user_ids: Iterable[str]) -> dict[str, int]:
    """Of those who are there."""
    found = await fetch_tuples(tx, _IDS, rows([n] for n in user_ids))
    return {row[0]: row[1] for row in found}


async def _create(tx: BaseDBAsyncClient, user_ids: Sequence[str], now: int) -> dict[str, int]:
    """The ids of those who were not there, as other writers may be faster."""
    if not user_ids:
        return {}
    return {row["user_id"]: row["id"] for row in await fetch(tx, _CREATE, rows([n] for n in user_ids), now)}


async def _add(tx: BaseDBAsyncClient, table: str, found: Iterable[Row], fresh: set[int]) -> None:
    """In the order of the index; of a person who is new nothing can be there yet."""
    new, old = sorted(found), list[Row]()
    if not fresh.issuperset(row[0] for row in new):
        new, old = [row for row in new if row[0] in fresh], [row for row in new if row[0] not in fresh]
    if new:
        await load(tx, table, _COLUMNS[table], new)
    if old:
        await execute(tx, _ADD[table], rows(old))


_COLUMNS = {"address": ("user_id", "type", "bind", "value"), "tag": ("user_id", "bind", "tag")}

_IDS = """
SELECT TUPLES(u.user_id, u.id) FROM ROWS($1: user_id text) AS given JOIN user_account u ON u.user_id = given.user_id"""

_CREATE = """
INSERT INTO user_account (user_id, created_at, updated_at)
SELECT user_id, CAST($2 AS bigint), CAST($2 AS bigint) FROM ROWS($1: user_id text) AS given WHERE true
ON CONFLICT (user_id) DO NOTHING RETURNING user_id, id"""

_TOUCH = "UPDATE user_account SET updated_at = $2 WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS given)"

_REPLACE = """
DELETE FROM address WHERE id IN (
    SELECT a.id FROM ROWS($1: user_id bigint, type text, bind text, value text) AS g
    JOIN address a ON a.user_id = g.user_id AND a.type = g.type AND a.bind = g.bind WHERE a.value <> g.value)"""

_ADD = {
    "address": """
INSERT INTO address (user_id, type, bind, value)
SELECT user_id, type, bind, value FROM ROWS($1: user_id bigint, type text, bind text, value text) AS g WHERE true
ON CONFLICT DO NOTHING""",
    "tag": """
INSERT INTO tag (user_id, bind, tag)
SELECT user_id, bind, tag FROM ROWS($1: user_id bigint, bind text, tag text) AS g WHERE true
ON CONFLICT DO NOTHING""",
}
