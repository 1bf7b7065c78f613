"""Who is signed in, and who is about to: both known by a text that only the browser has, kept as its hash."""

import hashlib
import secrets
from typing import NamedTuple

from ums.database import connection, execute, fetch
from ums.errors import CallerRefused, Problem

HOUR = 3_600_000
PATIENCE = 600_000
"""ms from the start of signing in to its end."""


class SigningIn(NamedTuple):
    """What a browser brings back from the provider must fit."""

    nonce: str
    verifier: str
    """Of the challenge by which the provider knows that nobody stole its code: RFC 7636."""
    place: str
    """Where to go afterwards."""


class Session(NamedTuple):
    """A browser in which a Member is signed in; never what it shows."""

    id: int
    member: str
    created_at: int
    expires_at: int


async def begin(place: str, now: int) -> tuple[str, SigningIn]:
    """The state that a browser takes along, once, and what belongs to it."""
    state, made = secrets.token_urlsafe(32), SigningIn(secrets.token_urlsafe(32), secrets.token_urlsafe(48), place)
    await execute(connection(), "DELETE FROM signing_in WHERE expires_at <= $1", now)
    await execute(connection(), _BEGIN, _hash(state), *made, now + PATIENCE)
    return state, made


async def take(state: str, now: int) -> SigningIn | None:
    """What belongs to a state; None when it is none, too old, or was brought back before."""
    found = await fetch(connection(), _TAKE, _hash(state), now)
    return SigningIn(**found[0]) if found else None


async def start(member: str, hours: int, now: int) -> str:
    """The text of a new session, which is nowhere else."""
    text = secrets.token_urlsafe(32)
    await execute(connection(), "DELETE FROM member_session WHERE expires_at <= $1", now)
    await execute(connection(), _START, member, _hash(text), now, now + hours * HOUR)
    return text


async def member_of(text: str, now: int) -> str | None:
    """Whose session it is, by login; None when it is nobody's, or over."""
    found = await fetch(connection(), _MEMBER_OF, _hash(text), now)
    return str(found[0]["member"]) if found else None


async def end(text: str) -> None:
    """The session is nobody's any more."""
    await execute(connection(), "DELETE FROM member_session WHERE hash = $1", _hash(text))


async def sessions(member: str | None, now: int) -> list[Session]:
    """Those of a Member, or of all, that are not over; the oldest first."""
    whose = "" if member is None else " AND member = $2"
    query = f"SELECT id, member, created_at, expires_at FROM member_session WHERE expires_at > $1{whose}"
    found = await fetch(connection(), f"{query} ORDER BY member, id", now, *filter(None, [member]))
    return [Session(**row) for row in found]


async def revoke(member: str, now: int) -> int:
    """The Member is signed in nowhere any more; how many sessions that ended. Raises CallerRefused for none."""
    ended = await execute(connection(), "DELETE FROM member_session WHERE member = $1 AND expires_at > $2", member, now)
    if not ended:
        message = f"{member} is signed in nowhere"
        raise CallerRefused([Problem(path="member", code="no_session", message=message)])
    return ended


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_BEGIN = "INSERT INTO signing_in (hash, nonce, verifier, place, expires_at) VALUES ($1, $2, $3, $4, $5)"

_TAKE = "DELETE FROM signing_in WHERE hash = $1 AND expires_at > $2 RETURNING nonce, verifier, place"

_START = "INSERT INTO member_session (member, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)"

_MEMBER_OF = "SELECT member FROM member_session WHERE hash = $1 AND expires_at > $2"
