"""Groups of people as SQL: by tag, by list, by a Segment's rules; walked through in the order of the people's ids."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import rows
from ums.people.lists import numbers
from ums.people.targets import ALL, allowed_binds, tag_binds
from ums.platforms import LINKED
from ums.snapshot import Body, Snapshot, channel_type
from ums.vocabulary import ChannelType


class Parameters:
    """The values of a statement; each is numbered as it is put in, and `add` says how it is called in the text."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)

    def add(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def put(self, part: "Part") -> str:
        """The text of a part, its values put in."""
        return part.text.format(*map(self.add, part.values))


class Part(NamedTuple):
    """A part of a statement, with `{}` where each of its values goes."""

    text: str
    values: tuple[Any, ...] = ()


EVERY = Part("true")


@dataclass(frozen=True)
class Group:
    """People as SQL: the rows of `source`, in the order of `id` (an index has it), of which those count that `fit`."""

    source: Part
    """What stands behind FROM, with a WHERE."""
    id: str
    fit: Part = EVERY


@dataclass(frozen=True)
class View:
    """What a caller can use: tags and addresses bound to all, to its Channel, and to the Channel's DeliveryChannels."""

    channel_key: str
    """`all` for the people key."""
    codes: Mapping[ChannelType, Collection[str]]
    everywhere: Collection[str] | None = None
    """For the people key alone: the keys of all Channels."""

    @classmethod
    def of(cls, snapshot: Snapshot, channel: Body) -> "View":
        return cls(channel["key"], _by_type(snapshot, [grant["name"] for grant in channel["deliveryChannels"]]))

    @classmethod
    def of_all(cls, snapshot: Snapshot) -> "View":
        keys = [body["key"] for body in snapshot.all("Channel").values()]
        return cls(ALL, _by_type(snapshot, snapshot.all("DeliveryChannel")), keys)

    def binds(self, kind: ChannelType) -> list[str]:
        """Of the addresses of this type that serve the caller."""
        keys, codes = {self.channel_key, *(self.everywhere or ())}, set(self.codes.get(kind, ()))
        return sorted(allowed_binds(kind, channel_keys=keys, codes=codes))

    @property
    def visible(self) -> list[str] | None:
        """The binds of all that the caller may see; None: of everything."""
        if self.everywhere is not None:
            return None
        return [ALL, LINKED, self.channel_key, *(code for codes in self.codes.values() for code in codes)]


def _by_type(snapshot: Snapshot, codes: Iterable[str]) -> dict[ChannelType, list[str]]:
    found: dict[ChannelType, list[str]] = {}
    for code in codes:
        if body := snapshot.delivery_channel(code):
            found.setdefault(channel_type(body), []).append(code)
    return found


EVERYBODY = Group(Part("user_account u WHERE true"), "u.id")

NOBODY = Group(Part("user_account u WHERE false"), "u.id")


def known(user_ids: Sequence[str]) -> Group:
    """Those of them whom we know."""
    given = rows([n] for n in user_ids)
    return Group(
        Part("ROWS({}: user_id text) AS g JOIN user_account u ON u.user_id = g.user_id WHERE true", (given,)), "u.id"
    )


def tagged(tag: str, bind: str, fit: Part = EVERY) -> Group:
    return Group(Part("tag t WHERE t.tag = {} AND t.bind = {}", (tag, bind)), "t.user_id", fit)


def listed(number: int) -> Group:
    """Members of a list who were resolved."""
    return Group(Part("list_member m WHERE m.list_id = {}", (number,)), "m.account")


async def segment(on: BaseDBAsyncClient, identity: str, body: Body, view: View) -> list[Group]:
    """Who is in a Segment now: the union of these groups."""
    if (rules := body.get("rules")) is not None:
        return await _ruled(on, rules, view)
    number = (await numbers(on, [("Segment", identity)])).get(("Segment", identity))
    return [] if number is None else [listed(number)]


async def _ruled(on: BaseDBAsyncClient, rules: Body, view: View) -> list[Group]:
    """By an index: people of one tag, or of any of some; only without those it is everybody."""
    tags = rules.get("tags", {})
    bound = dict(await tag_binds(on, sorted({tag for named in tags.values() for tag in named}), view.channel_key))
    wanted, either, unwanted = ([(tag, bound[tag]) for tag in tags.get(which, ())] for which in ("all", "any", "none"))
    drivers = wanted[:1] or either
    who = "t.user_id" if drivers else "u.id"
    fits = [has_tag(who, *each) for each in wanted[1:]]
    fits += [negated(has_tag(who, *each)) for each in unwanted]
    fits += [has_address(who, ChannelType(kind), view.binds(ChannelType(kind))) for kind in rules.get("has", ())]
    if wanted and either:
        fits.append(joined(" OR ", [has_tag(who, *each) for each in either]))
    fit = joined(" AND ", fits)
    return [tagged(*each, fit) for each in drivers] or [Group(EVERYBODY.source, EVERYBODY.id, fit)]


def joined(word: str, parts: Sequence[Part]) -> Part:
    """`(a AND b)`; true without any."""
    if not parts:
        return EVERY
    return Part(f"({word.join(part.text for part in parts)})", tuple(value for part in parts for value in part.values))


def negated(part: Part) -> Part:
    return Part(f"NOT {part.text}", part.values)


def has_tag(who: str, tag: str, bind: str) -> Part:
    """Whether somebody, by the SQL of his id, has that tag."""
    return Part(f"EXISTS (SELECT 1 FROM tag o WHERE o.user_id = {who} AND o.bind = {{}} AND o.tag = {{}})", (bind, tag))


def has_address(who: str, kind: ChannelType, binds: Sequence[str]) -> Part:
    """Whether somebody has an address of this type with one of these binds."""
    if not binds:
        return Part("false")
    places = ", ".join("{}" for _ in binds)
    text = f"EXISTS (SELECT 1 FROM address a WHERE a.user_id = {who} AND a.type = {{}} AND a.bind IN ({places}))"
    return Part(text, (kind.value, *binds))


def in_list(user_id: str, number: int) -> Part:
    """Whether a userId, by its SQL, is in the list of that number, uploaded or not."""
    return Part(f"EXISTS (SELECT 1 FROM list_member m WHERE m.list_id = {{}} AND m.user_id = {user_id})", (number,))


def reached(groups: Sequence[Group], put: Parameters, cursor: str, limit: str) -> str:
    """A query for `until`: up to this id no group has more than `limit` people behind `cursor`; null: all have ended.

    The limit is one of people looked at, not of people found, so that the chunk of a rare group is as short as any.
    """
    windows = []
    for n, group in enumerate(groups):
        at = f"CASE WHEN count(*) = {limit} THEN max(id) END"
        behind = f"{put.put(group.source)} AND {group.id} > {cursor} ORDER BY {group.id} LIMIT {limit}"
        windows.append(f"SELECT {at} AS at FROM (SELECT {group.id} AS id FROM {behind}) AS w{n}")
    return f"SELECT min(at) AS until FROM ({' UNION ALL '.join(windows)}) AS windows"


def chosen(groups: Sequence[Group], put: Parameters, cursor: str, until: str) -> str:
    """A query for the ids in the union of the groups, behind `cursor` up to `until`."""
    return " UNION ".join(
        f"SELECT {each.id} AS id FROM {put.put(each.source)} AND {each.id} > {cursor} AND {each.id} <= {until} "
        f"AND {put.put(each.fit)}"
        for each in groups
    )


def first_of(groups: Sequence[Group], put: Parameters, cursor: str, limit: str) -> str:
    """A query for the first ids in the union of the groups behind `cursor`, a few too many where there are several."""
    return " UNION ".join(
        f"SELECT id FROM (SELECT {each.id} AS id FROM {put.put(each.source)} AND {each.id} > {cursor} "
        f"AND {put.put(each.fit)} ORDER BY {each.id} LIMIT {limit}) AS g{n}"
        for n, each in enumerate(groups)
    )


def ids_of(groups: Sequence[Group], put: Parameters) -> str:
    """A query for the ids in the union of the groups."""
    return " UNION ".join(
        f"SELECT {each.id} AS id FROM {put.put(each.source)} AND {put.put(each.fit)}" for each in groups
    )


def number_of(groups: Sequence[Group], put: Parameters) -> str:
    """A query for the number of people in the union of the groups."""
    return f"SELECT count(*) AS number FROM ({ids_of(groups, put)}) AS people"
