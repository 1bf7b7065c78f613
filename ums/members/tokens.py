"""API tokens of Members: made once, shown once, kept as a hash.

The hash is a single SHA-256. A slow hash protects what people think up, which is guessed from a list; a token is 256
random bits, which nobody guesses, and it is checked with every request.
"""

import hashlib
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from ums.database import connection, execute, fetch
from ums.errors import CallerRefused, Problem
from ums.schemas import did_you_mean

PREFIX = "ums_"
"""By it a scanner of repositories knows one that was committed by mistake."""

DAY = 86_400_000
LONGEST = 366
"""Days."""
MOST = 50
"""Tokens that one Member may have."""
_USED_EVERY = 60_000
"""ms; that a token was used is written no more often."""


class Token(NamedTuple):
    """What is known of a token; never what it is."""

    id: int
    member: str
    name: str
    created_at: int
    created_by: str
    expires_at: int
    used_at: int | None


class Maker(NamedTuple):
    """Who makes a token, and when."""

    login: str
    now: int


async def create(member: str, name: str, days: int, by: Maker) -> tuple[Token, str]:
    """A new token of a Member and its text, which is nowhere else; raises CallerRefused."""
    _check(name, days)
    text = PREFIX + secrets.token_urlsafe(32)
    values = member, name, _hash(text), by.now, by.login, by.now + days * DAY
    found = await fetch(connection(), _CREATE, *values, MOST)
    if not found:
        taken = await fetch(connection(), "SELECT id FROM member_token WHERE member = $1 AND name = $2", member, name)
        if taken:
            raise _refused("name", "name_taken", f"{member} has a token {name!r} already; revoke it, or choose another")
        raise _refused("name", "too_many", f"{member} has {MOST} tokens; revoke one that is not used")
    return Token(**found[0]), text


async def revoke(member: str, name: str) -> None:
    """The token is worth nothing from now on; raises CallerRefused when there is none of that name."""
    if not await execute(connection(), "DELETE FROM member_token WHERE member = $1 AND name = $2", member, name):
        raise _refused("name", "unknown_token", f"{member} has no token {name!r}")


async def tokens(member: str | None) -> list[Token]:
    """Those of a Member, or of all, the oldest first; those that have expired too, until somebody revokes them."""
    every = "SELECT {columns} FROM member_token {which} ORDER BY member, id"
    if member is None:
        found = await fetch(connection(), every.format(columns=_COLUMNS, which=""))
    else:
        found = await fetch(connection(), every.format(columns=_COLUMNS, which="WHERE member = $1"), member)
    return [Token(**row) for row in found]


async def known(text: str, now: int) -> Token | None:
    """The token that this is the text of; None when it is none, or has expired."""
    found = await fetch(connection(), f"SELECT {_COLUMNS} FROM member_token WHERE hash = $1", _hash(text))
    if not found or found[0]["expires_at"] <= now:
        return None
    if (found[0]["used_at"] or 0) < now - _USED_EVERY:
        await execute(connection(), "UPDATE member_token SET used_at = $2 WHERE id = $1", found[0]["id"], now)
    return Token(**found[0])


def unknown_member(login: str, declared: Iterable[str]) -> CallerRefused:
    """What to raise of a login that is not declared, or is disabled."""
    message = f"there is no Member {login!r} who may get in{did_you_mean(login, declared)}"
    return _refused("member", "unknown_member", message)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check(name: str, days: int) -> None:
    if not (name.strip() and name.isprintable() and len(name) <= 80):
        raise _refused("name", "name_invalid", f"found {name[:80]!r}, expected 1 to 80 characters, as in laptop")
    if not 1 <= days <= LONGEST:
        raise _refused("days", "days_invalid", f"found {days} days, expected 1 to {LONGEST}")


def _refused(path: str, code: str, message: str) -> CallerRefused:
    return CallerRefused([Problem(path=path, code=code, message=message)])


_COLUMNS = "id, member, name, created_at, created_by, expires_at, used_at"

_CREATE = f"""
INSERT INTO member_token (member, name, hash, created_at, created_by, expires_at)
SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS bigint), CAST($5 AS text), CAST($6 AS bigint)
WHERE (SELECT count(*) FROM member_token WHERE member = CAST($1 AS text)) < $7
ON CONFLICT (member, name) DO NOTHING RETURNING {_COLUMNS}"""
