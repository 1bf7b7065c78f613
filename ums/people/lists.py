"""Lists of people: Blacklists, Whitelists and Segments, and who is in them by userId."""

from collections.abc import Iterable, Mapping, Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, rows

Key = tuple[str, str]
"""Kind and identity (`channel/name`)."""

KINDS = ("Blacklist", "Whitelist", "Segment")


async def declare(tx: BaseDBAsyncClient, keys: Iterable[Key]) -> None:
    """These lists are there from now on, empty unless they were there."""
    await execute(tx, _DECLARE, rows(keys))


async def rename(tx: BaseDBAsyncClient, names: Iterable[tuple[str, str, str]]) -> None:
    """Lists, as (kind, old name, new name), keep their members under another name."""
    await execute(tx, _RENAME, rows(names))


async def drop(tx: BaseDBAsyncClient, keys: Iterable[Key]) -> None:
    """These lists are gone, with their members."""
    given = rows(keys)
    await execute(tx, _DROP_MEMBERS, given)
    await execute(tx, _DROP, given)


async def fill(tx: BaseDBAsyncClient, key: Key, members: Sequence[str]) -> None:
    """Exactly these userIds are in the list, known or not; who was in it before keeps his row."""
    number = (await numbers(tx, [key]))[key]
    given = rows([member] for member in members)
    await execute(tx, _KEEP_ONLY, number, given)
    await execute(tx, _ADD, number, given)


async def numbers(on: BaseDBAsyncClient, keys: Iterable[Key]) -> Mapping[Key, int]:
    """Under which number the members of each of these lists are; without those that are not declared."""
    found = await fetch(on, _NUMBERS, rows(keys))
    return {(row["kind"], row["name"]): row["id"] for row in found}


async def resolve(tx: BaseDBAsyncClient, number: int) -> None:
    """Who of the list was uploaded since he came into it is known from now on; costs nothing when nobody was."""
    await fetch(tx, "SELECT id FROM people_list WHERE id = $1 FOR UPDATE", number)
    await execute(tx, _RESOLVE, number)


async def add(tx: BaseDBAsyncClient, number: int, user_ids: Sequence[str]) -> int:
    """How many came into the list; the others were in it."""
    return len(await fetch(tx, f"{_ADD} RETURNING user_id", number, rows([n] for n in sorted(set(user_ids)))))


async def remove(tx: BaseDBAsyncClient, number: int, user_ids: Sequence[str]) -> int:
    """How many left the list; the others were not in it."""
    return await execute(tx, _REMOVE, number, rows([n] for n in sorted(set(user_ids))))


async def sizes(on: BaseDBAsyncClient, keys: Iterable[Key]) -> Mapping[Key, int]:
    """How many userIds are in each of these lists."""
    found = await fetch(on, _SIZES, rows(keys))
    return {(row["kind"], row["name"]): row["size"] for row in found}


_KEYS = "ROWS($1: kind text, name text) AS given"

_DECLARE = f"""
INSERT INTO people_list (kind, name) SELECT kind, name FROM {_KEYS} WHERE true ON CONFLICT (kind, name) DO NOTHING"""

_RENAME = """
UPDATE people_list SET name = given.name FROM ROWS($1: kind text, old_name text, name text) AS given
WHERE people_list.kind = given.kind AND people_list.name = given.old_name"""

_NUMBERS = f"SELECT l.kind, l.name, l.id FROM {_KEYS} JOIN people_list l ON l.kind = given.kind AND l.name = given.name"

_DROP_MEMBERS = f"""
DELETE FROM list_member WHERE list_id IN (
    SELECT l.id FROM {_KEYS} JOIN people_list l ON l.kind = given.kind AND l.name = given.name)"""

_DROP = f"""
DELETE FROM people_list WHERE id IN (
    SELECT l.id FROM {_KEYS} JOIN people_list l ON l.kind = given.kind AND l.name = given.name)"""

_KEEP_ONLY = """
DELETE FROM list_member WHERE list_id = $1 AND user_id NOT IN (SELECT user_id FROM ROWS($2: user_id text) AS given)"""

_ADD = """
INSERT INTO list_member (list_id, user_id, account)
SELECT CAST($1 AS int), given.user_id, u.id
FROM ROWS($2: user_id text) AS given LEFT JOIN user_account u ON u.user_id = given.user_id WHERE true
ON CONFLICT (list_id, user_id) DO NOTHING"""

_REMOVE = """
DELETE FROM list_member WHERE list_id = $1 AND user_id IN (SELECT user_id FROM ROWS($2: user_id text) AS given)"""

_RESOLVE = """
UPDATE list_member SET account = u.id FROM user_account u
WHERE list_member.list_id = $1 AND list_member.account IS NULL AND u.user_id = list_member.user_id"""

_SIZES = f"""
SELECT l.kind, l.name, (SELECT count(*) FROM list_member m WHERE m.list_id = l.id) AS size
FROM {_KEYS} JOIN people_list l ON l.kind = given.kind AND l.name = given.name"""
