"""Who is calling: a Channel by its key and secret, or the holder of the people key."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from ums.errors import Unauthorized
from ums.messaging.engine import Engine
from ums.people.users import Scope
from ums.snapshot import Body

_HINT = "send HTTP Basic credentials: Channel Key as user and Master Secret as password"


@dataclass(frozen=True)
class Caller:
    """`channel` is None for the holder of the people key, who may manage people and nothing else."""

    channel: Body | None
    scope: Scope


async def authenticate(engine: Engine, authorization: str | None) -> Caller:
    """The caller behind an Authorization header; raises Unauthorized or SecretMissing."""
    name, secret = _basic(authorization)
    snapshot = await engine.snapshots.newest()
    channel = snapshot.channel(name)
    if channel is not None:
        _compare(secret, snapshot.secret(engine.settings, "Channel", channel["name"], "masterSecret"))
        granted = frozenset(grant["name"] for grant in channel["deliveryChannels"])
        return Caller(channel, Scope(frozenset({channel["key"]}), granted))
    people = engine.settings.people_secret
    if name and name == engine.settings.people_key and people is not None:
        _compare(secret, engine.settings.resolve(people))
        keys = frozenset(body["key"] for body in snapshot.all("Channel").values())
        return Caller(None, Scope(keys, frozenset(snapshot.all("DeliveryChannel"))))
    raise Unauthorized(f"unknown key or wrong secret; {_HINT}")


def _basic(authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized(f"no credentials; {_HINT}")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized(f"the credentials are not base64 of key:secret; {_HINT}") from error
    return name, secret


def _compare(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unauthorized(f"unknown key or wrong secret; {_HINT}")
