"""Uploading people: who they are, how they are tagged, where they can be reached."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from ums.database import execute, fetch, rows, transaction
from ums.errors import CallerRefused, Problem
from ums.people.targets import ALL, allowed_binds, is_many
from ums.platforms import LINKED
from ums.snapshot import Body, Snapshot
from ums.vocabulary import ChannelType

MOST = 1000
"""People in one upload."""

_SPECIAL = set("_@!#$&*+=.|￥")


@dataclass(frozen=True)
class Bindings:
    """Tags and addresses, each with what it is bound to: `all`, a Channel Key or a DeliveryChannel code."""

    tags: Sequence[tuple[str, Sequence[str]]] = ()
    """(bind, tags)"""
    addresses: Sequence[tuple[ChannelType, str, Sequence[str]]] = ()
    """(type, bind, values)"""


@dataclass(frozen=True)
class Upload:
    """What shall change for one person: `delete` first, then `set` (replaces all of that bind), then `add`."""

    user_id: str
    add: Bindings = field(default_factory=Bindings)
    set: Bindings = field(default_factory=Bindings)
    delete: Bindings = field(default_factory=Bindings)


@dataclass(frozen=True)
class Scope:
    """The binds that a caller may write."""

    channel_keys: frozenset[str]
    codes: frozenset[str]

    @classmethod
    def of(cls, channel: Body) -> "Scope":
        """What a Channel may write."""
        return cls(frozenset({channel["key"]}), frozenset(grant["name"] for grant in channel["deliveryChannels"]))

    @classmethod
    def of_all(cls, snapshot: Snapshot) -> "Scope":
        """Everything: for the people key and the operator."""
        keys = frozenset(body["key"] for body in snapshot.all("Channel").values())
        return cls(keys, frozenset(snapshot.all("DeliveryChannel")))


Row = tuple[str, str, str, str]
"""(user id, type or "tag", bind, value)"""


async def upsert(uploads: Sequence[Upload], scope: Scope, now: int) -> tuple[int, list[Problem]]:
    """Create or change people; how many were written, and what is wrong with the others, which stay as they were."""
    _check_number(uploads, "users")
    problems: list[Problem] = []
    good: list[tuple[Upload, dict[str, list[Row]]]] = []
    seen: dict[str, int] = {}
    for n, upload in enumerate(uploads):
        found, changes = _read(upload, scope, f"users[{n}]")
        if (before := seen.setdefault(upload.user_id, n)) != n:
            message = f"users[{before}] is the same person; say all about one in one place"
            found = [*found, Problem(path=f"users[{n}].userId", code="duplicate_user", message=message)]
        problems += found
        if not found:
            good.append((upload, changes))
    if good:
        await _write([upload.user_id for upload, _ in good], [changes for _, changes in good], now)
    return len(good), problems


def _read(upload: Upload, scope: Scope, path: str) -> tuple[list[Problem], dict[str, list[Row]]]:
    """The rows of one person by what happens to them, and what is wrong with it."""
    problems = check_user_id(upload.user_id, f"{path}.userId")
    changes: dict[str, list[Row]] = {"emptied": []}
    for verb, bindings in (("add", upload.add), ("set", upload.set), ("del", upload.delete)):
        changes[verb] = []
        for n, (bind, tags) in enumerate(bindings.tags):
            where = f"{path}.{verb}.tags[{n}]"
            problems += _check_bind(bind, scope.channel_keys | {ALL}, where)
            problems += [p for tag in tags for p in check_tag(tag, where)]
            changes[verb] += [(upload.user_id, "tag", bind, tag) for tag in tags]
            changes["emptied"] += [(upload.user_id, "tag", bind, "")] if verb == "set" else []
        for n, (kind, bind, values) in enumerate(bindings.addresses):
            where = f"{path}.{verb}.addresses[{n}]"
            allowed = allowed_binds(kind, channel_keys=set(scope.channel_keys), codes=set(scope.codes))
            problems += _check_bind(bind, allowed, where) + _check_cardinality((kind, bind), verb, values, where)
            changes["emptied"] += [(upload.user_id, kind.value, bind, "")] if verb == "set" else []
            for value in values:
                read, wrong = read_address(kind, value, where, bind)
                problems += wrong
                changes[verb].append((upload.user_id, kind.value, bind, read))
    return problems, changes


def read_address(kind: ChannelType, value: str, path: str, bind: str = ALL) -> tuple[str, list[Problem]]:
    """The address in its one stored form (+8613800000000, lower-case domain), and what is wrong with it."""
    read, wrong = _read_address(kind, value)
    if not wrong and bind == LINKED and not _LINKED_ID.fullmatch(value):
        wrong = f"found {value[:80]!r}, expected CorpId/userid, as for every id in a linked company"
    return read, [Problem(path=path, code="invalid_address", message=wrong)] if wrong else []


def _read_address(kind: ChannelType, value: str) -> tuple[str, str]:
    try:
        if kind is ChannelType.EMAIL:
            return _email(value), ""
        if kind is ChannelType.SMS:
            return _phone(value), ""
    except (EmailNotValidError, phonenumbers.NumberParseException, _Impossible) as error:
        return value, f"{value[:80]!r}: {error}"
    if not value or len(value) > 320:
        return value, f"found {len(value)} characters, expected 1 to 320"
    return value, "" if value.isprintable() and " " not in value else "found a space or a control character"


class _Impossible(Exception):
    pass


_MAINLAND = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")
_EMAIL = re.compile(r"([A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,15}){0,2})@([A-Za-z0-9.-]{1,180})")
_LINKED_ID = re.compile(r"[^/|\s]+/[^/|\s]+")
_WORD = re.compile(r"[A-Za-z0-9_.@:/-]{1,320}")


def _plain_phone(value: str) -> str:
    found = _MAINLAND.fullmatch(value)
    return f"+86{found[1]}" if found else ""


def _plain_email(value: str) -> str:
    found = _EMAIL.fullmatch(value)
    try:
        return f"{found[1]}@{_domain(found[2])}" if found else ""
    except EmailNotValidError:
        return ""


def _plain_word(value: str) -> str:
    return value if _WORD.fullmatch(value) else ""


PLAIN: dict[ChannelType, Callable[[str], str]] = {
    **dict.fromkeys(ChannelType, _plain_word), ChannelType.SMS: _plain_phone, ChannelType.EMAIL: _plain_email,
}  # fmt: skip
"""What reads an address of the sort that nearly all are of, as `read_address` would, in no time; else empty."""


def _phone(value: str) -> str:
    if plain := _plain_phone(value):
        return plain
    number = phonenumbers.parse(value, "CN")  # a number without a country code is a mainland one
    if not phonenumbers.is_possible_number(number):
        raise _Impossible("this is no possible phone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _email(value: str) -> str:
    return _plain_email(value) or validate_email(value, check_deliverability=False).normalized


@lru_cache(maxsize=4096)
def _domain(name: str) -> str:
    """In its one form; raises EmailNotValidError. People are many, their domains few."""
    return validate_email(f"a@{name}", check_deliverability=False).domain


def check_user_id(user_id: str, path: str) -> list[Problem]:
    if 0 < len(user_id) <= 64 and all(_is_plain(c) or c == "-" for c in user_id):
        return []
    message = f"found {user_id!r}, expected 1 to 64 letters, digits, - or {' '.join(sorted(_SPECIAL))}"
    return [Problem(path=path, code="invalid_user_id", message=message)]


def check_tag(tag: str, path: str) -> list[Problem]:
    if tag and len(tag.encode()) <= 40 and all(_is_plain(c) or "一" <= c <= "鿿" for c in tag):
        return []
    message = f"found {tag!r}, expected letters, digits, Chinese or {' '.join(sorted(_SPECIAL))}, at most 40 bytes"
    return [Problem(path=path, code="invalid_tag", message=message)]


def _is_plain(character: str) -> bool:
    return (character.isascii() and character.isalnum()) or character in _SPECIAL


def _check_bind(bind: str, allowed: Iterable[str], path: str) -> list[Problem]:
    if bind in (choices := set(allowed)):
        return []
    message = (
        f"found bind {bind!r}, expected one of {', '.join(sorted(choices)) or 'none: no DeliveryChannel is granted'}"
    )
    return [Problem(path=f"{path}.bind", code="bind_not_allowed", message=message)]


def _check_cardinality(place: tuple[ChannelType, str], verb: str, values: Sequence[str], path: str) -> list[Problem]:
    if is_many(*place):
        return []
    kind = place[0]
    if verb == "add":
        message = f"a person has one {kind.value} address per bind; use set, which replaces it"
        return [Problem(path=path, code="set_not_add", message=message)]
    if len(values) > 1:
        message = f"found {len(values)} values, a person has one {kind.value} address per bind"
        return [Problem(path=f"{path}.values", code="one_per_bind", message=message)]
    return []


async def _write(user_ids: Sequence[str], changes: Sequence[Mapping[str, Sequence[Row]]], now: int) -> None:
    verbs = {verb: [row for change in changes for row in change[verb]] for verb in ("add", "set", "del", "emptied")}
    emptied = {(user, kind, bind) for user, kind, bind, _ in verbs["emptied"]}
    async with transaction() as tx:
        await execute(tx, _USERS, rows([n] for n in sorted(set(user_ids))), now)
        for table, is_mine in (("tag", _is_tag), ("address", _is_address)):
            gone = [row for row in verbs["del"] if is_mine(row)]
            await execute(tx, _DELETE[table], rows(gone))
            await execute(tx, _EMPTY[table], rows(sorted(row for row in emptied if is_mine(row))))
            come = [row for row in [*verbs["set"], *verbs["add"]] if is_mine(row)]
            await execute(tx, _INSERT[table], rows(come))


async def delete(user_ids: Sequence[str]) -> tuple[int, list[Problem]]:
    """People and all that is bound to them are gone; lists keep the userIds. How many were there, and who was not."""
    _check_number(user_ids, "userIds")
    given = rows([n] for n in sorted(set(user_ids)))
    async with transaction() as tx:
        await execute(tx, _LEAVE_PLACES, given)
        deleted = {row["user_id"] for row in await fetch(tx, _DELETE_USERS, given)}
    unknown = [(n, user_id) for n, user_id in enumerate(user_ids) if user_id not in deleted]
    return len(deleted), [
        Problem(path=f"userIds[{n}]", code="unknown_user", message=f"nobody is called {user_id!r}")
        for n, user_id in unknown
    ]


def _check_number(given: Sequence[object], path: str) -> None:
    if len(given) > MOST:
        message = f"found {len(given)} users, at most {MOST} are allowed in one call; send in parts"
        raise CallerRefused([Problem(path=path, code="too_many", message=message)])


def _is_tag(row: Sequence[str]) -> bool:
    return row[1] == "tag"


def _is_address(row: Sequence[str]) -> bool:
    return row[1] != "tag"


_USERS = """
INSERT INTO user_account (user_id, created_at, updated_at)
SELECT user_id, CAST($2 AS bigint), CAST($2 AS bigint) FROM ROWS($1: user_id text) AS given WHERE true
ON CONFLICT (user_id) DO UPDATE SET updated_at = excluded.updated_at"""

_LEAVE_PLACES = """
UPDATE list_member SET account = NULL WHERE user_id IN (SELECT user_id FROM ROWS($1: user_id text) AS given)"""

_DELETE_USERS = """
DELETE FROM user_account WHERE user_id IN (SELECT user_id FROM ROWS($1: user_id text) AS given) RETURNING user_id"""

_GIVEN = "ROWS($1: user_id text, type text, bind text, value text) AS g JOIN user_account u ON u.user_id = g.user_id"

_DELETE = {
    "address": f"""DELETE FROM address WHERE id IN (SELECT a.id FROM {_GIVEN}
        JOIN address a ON a.user_id = u.id AND a.type = g.type AND a.bind = g.bind AND a.value = g.value)""",
    "tag": f"""DELETE FROM tag WHERE id IN (SELECT t.id FROM {_GIVEN}
        JOIN tag t ON t.user_id = u.id AND t.bind = g.bind AND t.tag = g.value)""",
}

_EMPTY = {
    "address": f"""DELETE FROM address WHERE id IN (SELECT a.id FROM {_GIVEN}
        JOIN address a ON a.user_id = u.id AND a.type = g.type AND a.bind = g.bind)""",
    "tag": f"""DELETE FROM tag WHERE id IN (SELECT t.id FROM {_GIVEN}
        JOIN tag t ON t.user_id = u.id AND t.bind = g.bind)""",
}

_INSERT = {
    "address": f"""INSERT INTO address (user_id, type, bind, value)
        SELECT u.id, g.type, g.bind, g.value FROM {_GIVEN} WHERE true ON CONFLICT DO NOTHING""",
    "tag": f"""INSERT INTO tag (user_id, bind, tag)
        SELECT u.id, g.bind, g.value FROM {_GIVEN} WHERE true ON CONFLICT DO NOTHING""",
}
