"""What Members did: an entry for everything that they ask to be changed, made before it is, so that none is missed."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from ums.database import connection, execute, fetch
from ums.vocabulary import Clock

INTERRUPTED = "INTERRUPTED"
"""In place of a problem where nobody knows whether it was done: the process ended meanwhile, or it is being done."""
COMMAND_LINE = "command line"


class Deed(NamedTuple):
    """Who wants to do what."""

    who: str
    """The login; of the command line the user who ran it."""
    means: str
    """By which he got in: `token laptop`, `session`, `command line`."""
    channel: str
    """The Channel, by name, for which he acts; empty: none."""
    what: str
    """The mutation, or the command."""
    about: Sequence[str] = ()
    """Ids and names as `word:value`, such as `message:7`; no content, no address, no secret."""


class Wanted(NamedTuple):
    """Which entries are looked for; what is empty does not narrow."""

    channel: str | None = None
    who: str = ""
    what: str = ""
    about: str = ""
    begin: int | None = None
    before: int | None = None
    failed: bool | None = None


class Entry(NamedTuple):
    """Something that a Member did, or tried to."""

    id: int
    at: int
    who: str
    means: str
    channel: str
    what: str
    about: list[str]
    problems: list[str]
    """Codes; none: it was done."""


async def begin(deed: Deed, now: int) -> int:
    """The id of a new entry, of something that is to be done now."""
    about = _text(deed.about)
    found = await fetch(connection(), _BEGIN, now, deed.who, deed.means, deed.channel, deed.what, about, _UNKNOWN)
    return int(found[0]["id"])


async def end(entry: int, problems: Sequence[str], about: Sequence[str] = ()) -> None:
    """What came of it, and what else it was about as it turned out."""
    found = await fetch(connection(), "SELECT about FROM audit_log WHERE id = $1", entry)
    whole = _text(dict.fromkeys([*orjson.loads(found[0]["about"]), *about]))
    done = "UPDATE audit_log SET problems = $2, about = $3 WHERE id = $1"
    await execute(connection(), done, entry, _text(problems), whole)


async def note(deed: Deed, clock: Clock) -> None:
    """An entry of something that is done."""
    await end(await begin(deed, clock()), ())


async def page(wanted: Wanted, *, first: int, before_id: int | None) -> list[Entry]:
    """Entries before `before_id`, the newest first, one more than `first` if there are more."""
    conditions = {
        "channel = {}": wanted.channel,
        "who = {}": wanted.who or None,
        "what = {}": wanted.what or None,
        "replace(about, {}, '') <> about": _text([wanted.about])[1:-1] if wanted.about else None,
        "at >= {}": wanted.begin,
        "at < {}": wanted.before,
        "id < {}": before_id,
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    narrow = [text.format(f"${n}") for n, text in enumerate(given, start=2)]
    if wanted.failed is not None:
        narrow.append("problems <> '[]'" if wanted.failed else "problems = '[]'")
    where = f"WHERE {' AND '.join(narrow)}" if narrow else ""
    found = await fetch(
        connection(), f"SELECT * FROM audit_log {where} ORDER BY id DESC LIMIT $1", first + 1, *given.values()
    )
    return [
        Entry(**{**row, "about": orjson.loads(row["about"]), "problems": orjson.loads(row["problems"])})
        for row in found
    ]


async def expire(before: int, most: int) -> int:
    """Remove entries from before that time, at most so many; how many it were."""
    return await execute(connection(), _EXPIRE, before, most)


FORGET = "UPDATE audit_log SET about = replace(about, $1, $2) WHERE replace(about, $1, '') <> about"
"""Put one text of `about` in the place of another; see `word_of_user`."""


def word_of_user(user_id: str) -> str:
    """As it stands in the `about` of a row."""
    return _text([f"user:{user_id}"])[1:-1]


def _text(words: "Sequence[str] | dict[str, None]") -> str:
    return orjson.dumps(list(words)).decode()


_UNKNOWN = _text([INTERRUPTED])

_BEGIN = """
INSERT INTO audit_log (at, who, means, channel, what, about, problems) VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id"""

_EXPIRE = """
WITH old AS MATERIALIZED (
    SELECT id FROM audit_log WHERE at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM audit_log WHERE id IN (SELECT id FROM old) RETURNING id"""
