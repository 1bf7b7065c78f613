"""Looking people up: one, a page of those who fit, and how many can be reached in which way."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, connection, fetch, rows, transaction
from ums.people import groups, lists
from ums.people.groups import EVERYBODY, NOBODY, Group, Parameters, View
from ums.people.targets import tag_binds
from ums.snapshot import Body
from ums.vocabulary import ChannelType


@dataclass(frozen=True)
class Person:
    id: int
    user_id: str
    created_at: int
    updated_at: int
    tags: Mapping[str, Sequence[str]]
    """By what they are bound to."""
    addresses: Mapping[tuple[str, str], Sequence[str]]
    """By type and what they are bound to."""


@dataclass(frozen=True)
class Filter:
    """Who is looked for; what is not given does not narrow."""

    tag: str = ""
    segment: str = ""
    """Its identity, `channel/name`."""
    has: ChannelType | None = None


async def person(user_id: str, binds: Sequence[str] | None) -> Person | None:
    """Somebody, with what is bound to `binds` (None: everything)."""
    found = await fetch(connection(), f"{_USER} WHERE user_id = $1", user_id)
    return (await _complete(found, binds))[0] if found else None


async def page(view: View, declared: Body | None, wanted: Filter, *, first: int, after: int) -> list[Person]:
    """People behind the id `after` who fit, one more than `first` if there are more; `declared` is the Segment."""
    async with transaction() as tx:
        chosen = await _groups(tx, view, declared, wanted)
        put = Parameters(after, first + 1)
        ids = groups.first_of(chosen or [NOBODY], put, "$1", "$2")
        found = await fetch(tx, f"{_USER} WHERE id IN ({ids}) ORDER BY id LIMIT $2", *put.values)
    return await _complete(found, view.visible)


async def size(identity: str, segment: Body, view: View) -> int:
    """How many people are in a Segment; of one that names its members, those whom nobody has uploaded too."""
    if "rules" not in segment:
        return (await lists.sizes(connection(), [("Segment", identity)])).get(("Segment", identity), 0)
    put = Parameters()
    chosen = await groups.segment(connection(), identity, segment, view)
    number: int = (await fetch(connection(), groups.number_of(chosen, put), *put.values))[0]["number"]
    return number


class Contacts(NamedTuple):
    """The ways to reach people by one type of address."""

    type: ChannelType
    users: int
    """How many of them have such an address."""
    addresses: int


async def contacts(identity: str, segment: Body, view: View) -> list[Contacts]:
    """The addresses of a Segment's people that serve the caller, by type, each type whether there are any or not."""
    async with transaction() as tx:
        key = ("Segment", identity)
        if "rules" not in segment and (number := (await lists.numbers(tx, [key])).get(key)):
            await lists.resolve(tx, number)
        chosen = await groups.segment(tx, identity, segment, view)
        usable = rows((kind.value, bind) for kind in ChannelType for bind in view.binds(kind))
        put = Parameters(usable)
        statement = _CONTACTS.format(people=groups.ids_of(chosen or [NOBODY], put))
        found = {row["type"]: row for row in await fetch(tx, statement, *put.values)}
    none = {"users": 0, "addresses": 0}
    return [Contacts(kind, **_numbers(found.get(kind.value, none))) for kind in ChannelType]


def _numbers(row: Mapping[str, Any]) -> dict[str, int]:
    return {"users": row["users"], "addresses": row["addresses"]}


async def sizes(keys: Sequence[lists.Key]) -> Mapping[lists.Key, int]:
    """How many userIds are in each of these lists."""
    return await lists.sizes(connection(), keys)


async def coverage(view: View) -> tuple[int, Mapping[ChannelType, int]]:
    """How many people there are, and how many of them have an address of each type that serves the Channel."""
    usable = rows((kind.value, bind) for kind in ChannelType for bind in view.binds(kind))
    total: int = (await fetch(connection(), "SELECT count(*) AS number FROM user_account"))[0]["number"]
    found = {row["type"]: row["number"] for row in await fetch(connection(), _COVERAGE, usable)}
    return total, {kind: found.get(kind.value, 0) for kind in ChannelType}


async def _groups(tx: BaseDBAsyncClient, view: View, declared: Body | None, wanted: Filter) -> list[Group]:
    bound = await tag_binds(tx, [wanted.tag], view.channel_key) if wanted.tag else []
    if declared is None:
        found = [groups.tagged(*each) for each in bound] or [EVERYBODY]
        bound = []
    else:
        key = ("Segment", wanted.segment)
        if number := (await lists.numbers(tx, [key])).get(key):
            await lists.resolve(tx, number)
        found = await groups.segment(tx, wanted.segment, declared, view)
    return [_narrowed(group, view, bound, wanted.has) for group in found]


def _narrowed(group: Group, view: View, bound: Sequence[tuple[str, str]], has: ChannelType | None) -> Group:
    fits = [group.fit, *(groups.has_tag(group.id, *each) for each in bound)]
    fits += [groups.has_address(group.id, has, view.binds(has))] if has else []
    return Group(group.source, group.id, groups.joined(" AND ", fits))


async def _complete(found: Rows, binds: Sequence[str] | None) -> list[Person]:
    """Rows of users, with their tags and addresses."""
    given = rows([row["id"]] for row in found)
    narrow, values = ("", []) if binds is None else (_VISIBLE, [rows([bind] for bind in binds)])
    tags: defaultdict[int, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in await fetch(connection(), _TAGS.format(narrow=narrow), given, *values):
        tags[row["user_id"]][row["bind"]].append(row["tag"])
    addresses: defaultdict[int, defaultdict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in await fetch(connection(), _ADDRESSES.format(narrow=narrow), given, *values):
        addresses[row["user_id"]][row["type"], row["bind"]].append(row["value"])
    return [_person(row, tags[row["id"]], addresses[row["id"]]) for row in found]


def _person(row: dict[str, Any], tags: Mapping[str, Any], addresses: Mapping[tuple[str, str], Any]) -> Person:
    return Person(row["id"], row["user_id"], row["created_at"], row["updated_at"], tags, addresses)


_USER = "SELECT id, user_id, created_at, updated_at FROM user_account"

_VISIBLE = "WHERE x.bind IN (SELECT bind FROM ROWS($2: bind text) AS visible)"

_TAGS = """
SELECT x.user_id, x.bind, x.tag FROM ROWS($1: id bigint) AS given JOIN tag x ON x.user_id = given.id
{narrow} ORDER BY x.bind, x.tag"""

_ADDRESSES = """
SELECT x.user_id, x.type, x.bind, x.value FROM ROWS($1: id bigint) AS given JOIN address x ON x.user_id = given.id
{narrow} ORDER BY x.type, x.bind, x.value"""

_CONTACTS = """
SELECT a.type, count(DISTINCT a.user_id) AS users, count(DISTINCT a.value) AS addresses
FROM ({people}) AS people JOIN address a ON a.user_id = people.id
JOIN ROWS($1: type text, bind text) AS usable ON usable.type = a.type AND usable.bind = a.bind
GROUP BY a.type"""

_COVERAGE = """
SELECT reached.type, count(*) AS number FROM (
    SELECT DISTINCT a.user_id, a.type FROM address a
    JOIN ROWS($1: type text, bind text) AS usable ON usable.type = a.type AND usable.bind = a.bind) AS reached
GROUP BY reached.type"""
