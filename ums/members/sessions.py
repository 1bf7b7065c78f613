"""Who is signed in, and who is about to: both known by a text that only the browser has, kept as its hash."""

import hashlib
import secrets
from typing import NamedTuple

from ums.database import connection, execute, fetch

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


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_BEGIN = "INSERT INTO signing_in (hash, nonce, verifier, place, expires_at) VALUES ($1, $2, $3, $4, $5)"

_TAKE = "DELETE FROM signing_in WHERE hash = $1 AND expires_at > $2 RETURNING nonce, verifier, place"

_START = "INSERT INTO member_session (member, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)"

_MEMBER_OF = "SELECT member FROM member_session WHERE hash = $1 AND expires_at > $2"
