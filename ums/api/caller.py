"""Who is calling: a Channel by key and secret, the holder of the people key, or a Member by a token or a session."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from ums.errors import CallerForbidden, Unauthorized
from ums.members import sessions, tokens
from ums.members.rights import Right, Role, rights_of
from ums.members.roster import Member, member
from ums.messaging.engine import Engine
from ums.people.users import Scope
from ums.schemas import did_you_mean
from ums.settings import Settings
from ums.snapshot import Body, Snapshot

CHANNEL_HEADER = "X-UMS-Channel"
"""By it a Member says for which Channel, by name, a request is."""

_HINT = "send HTTP Basic credentials: Channel Key as user and Master Secret as password"
_BEARER_HINT = "unknown or expired token; make another one"


@dataclass(frozen=True)
class Credentials:
    """What a request brings along."""

    authorization: str = ""
    channel: str = ""
    """The value of `X-UMS-Channel`; empty: there is none."""
    cookies: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = None
    """Of the page that made the browser send this; None: it does not say."""
    only_reads: bool = False
    """Without a body, and no websocket: a link that somebody followed."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Credentials":
        """`headers` by their names in whatever case."""
        cookies = cookie_parser(headers.get("cookie", ""))
        authorization, channel = headers.get("authorization", ""), headers.get(CHANNEL_HEADER, "")
        only_reads = not {"content-length", "transfer-encoding", "upgrade"} & {name.lower() for name in headers}
        return cls(authorization, channel, cookies, headers.get("origin"), only_reads)


@dataclass(frozen=True)
class Caller:
    """Who calls, for which Channel, and what that allows.

    `channel` is None for the holder of the people key, who may manage people and nothing else, and for a Member who
    names none.
    """

    channel: Body | None
    scope: Scope
    rights: frozenset[Right]
    role: Role | None = None
    """Of a caller that is no Member."""
    member: Member | None = None
    means: str = ""
    """By which a Member got in, such as `token laptop`."""
    channels: tuple[str, ...] = ()
    """Which a Member may name."""

    @property
    def name(self) -> str:
        """For what is written down of this call: the Member's login or the Channel Key."""
        return self.member.login if self.member else self.channel["key"] if self.channel else ""

    @property
    def login(self) -> str:
        """Of the Member; empty: it is none, but a system with a key."""
        return self.member.login if self.member else ""

    def for_channel(self) -> Body:
        """The Channel that the caller acts for; raises CallerForbidden when it names none."""
        if self.channel is None:
            raise _channel_missing(self)
        return self.channel

    def require(self, right: Right) -> None:
        """Raises CallerForbidden, with what is missing, unless the caller may."""
        if right not in self.rights:
            raise _refusal(self, right)


async def authenticate(engine: Engine, given: Credentials) -> Caller:
    """The caller behind the credentials; raises Unauthorized, CallerForbidden or SecretMissing."""
    scheme, _, rest = given.authorization.partition(" ")
    snapshot = await engine.snapshots.newest()
    if scheme.lower() == "bearer":
        token = await tokens.known(rest.strip(), engine.clock())
        found = member(snapshot, token.member) if token else None
        if token is None or found is None:
            raise Unauthorized(_BEARER_HINT)
        return as_member(snapshot, found, given.channel, f"token {token.name}")
    if not given.authorization and (text := given.cookies.get(session_cookie(engine.settings))):
        return await _signed_in(engine, snapshot, given, text)
    if scheme.lower() != "basic":
        raise Unauthorized(f"no credentials; {_HINT}")
    caller = _by_key(engine, snapshot, *_basic(rest))
    if given.channel and given.channel != (caller.channel["name"] if caller.channel else ""):
        raise CallerForbidden(f"{CHANNEL_HEADER}: a key is for what it is for; the header is for Members")
    return caller


async def _signed_in(engine: Engine, snapshot: Snapshot, given: Credentials, text: str) -> Caller:
    """Whose session it is. A browser sends the cookie along whichever page asks it to, so the page counts too."""
    login = await sessions.member_of(text, engine.clock())
    found = member(snapshot, login) if login else None
    if found is None:
        raise Unauthorized("the session is over; sign in at /login")
    if given.origin is not None or not given.only_reads:
        check_origin(engine.settings, given.origin)
    return as_member(snapshot, found, given.channel, "session")


def session_cookie(settings: Settings) -> str:
    """Its name. With `__Host-` a browser takes it from us alone, not from a neighbour below the same domain."""
    return "__Host-ums_session" if settings.public_url.startswith("https://") else "ums_session"


def check_origin(settings: Settings, origin: str | None) -> None:
    """Raises CallerForbidden for a request that a page of somebody else made a browser send.

    Browsers say the page's origin with everything that may change something, and with every websocket.
    """
    own = urlsplit(settings.public_url)
    if origin is None or urlsplit(origin)[:2] != own[:2]:
        message = f"with a session, requests come from pages of {own.scheme}://{own.netloc}"
        raise CallerForbidden(f"{message}; this one came from {origin or 'nowhere'}", "CROSS_SITE")


def as_member(snapshot: Snapshot, who: Member, name: str, means: str) -> Caller:
    """A Member who acts for a Channel, by name, or for none; raises CallerForbidden where he has no role in it."""
    mine = who.channels(snapshot.all("Channel"))
    if not name:
        scope = Scope.of_all(snapshot) if who.is_admin() else Scope(frozenset(), frozenset())
        return Caller(None, scope, who.rights_in(None), None, who, means, tuple(mine))
    if name not in mine:
        known = ", ".join(mine) or "none"
        message = f"{CHANNEL_HEADER}: {who.login} has no role in a Channel {name!r}{did_you_mean(name, mine)}"
        raise CallerForbidden(f"{message}; expected one of {known}")
    channel = {**snapshot.all("Channel")[name], "name": name}
    return Caller(channel, Scope.of(channel), who.rights_in(name), None, who, means, tuple(mine))


def _by_key(engine: Engine, snapshot: Snapshot, name: str, secret: str) -> Caller:
    channel = snapshot.channel(name)
    if channel is not None:
        _compare(secret, snapshot.secret(engine.settings, "Channel", channel["name"], "masterSecret"))
        return Caller(channel, Scope.of(channel), rights_of([Role.CHANNEL_KEY]), Role.CHANNEL_KEY)
    people = engine.settings.people_secret
    if name and name == engine.settings.people_key and people is not None:
        _compare(secret, engine.settings.resolve(people))
        return Caller(None, Scope.of_all(snapshot), rights_of([Role.PEOPLE_KEY]), Role.PEOPLE_KEY)
    raise Unauthorized(f"unknown key or wrong secret; {_HINT}")


def _refusal(caller: Caller, right: Right) -> CallerForbidden:
    if caller.role is not None:
        return CallerForbidden(f"the {caller.role.value} is not for this: {right.value}")
    if caller.member is None or caller.channel is None:
        return _channel_missing(caller)
    where = f"Channel {caller.channel['name']}"
    return CallerForbidden(f"{caller.member.login} has no role in {where} that may do this: {right.value}")


def _channel_missing(caller: Caller) -> CallerForbidden:
    if caller.role is not None:
        return CallerForbidden("the people key manages people only; call with a Channel Key")
    yours = ", ".join(caller.channels) or "none"
    return CallerForbidden(f"say for which Channel by the header {CHANNEL_HEADER}; yours: {yours}", "CHANNEL_MISSING")


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized(f"the credentials are not base64 of key:secret; {_HINT}") from error
    return name, secret


def _compare(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unauthorized(f"unknown key or wrong secret; {_HINT}")
