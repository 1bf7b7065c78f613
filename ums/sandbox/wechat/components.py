"""Third-party platforms and the accounts that authorized them: what the stand-ins of WeChat have in common.

Whatever account a platform asks for has authorized it with all permission sets, until somebody says otherwise: see
`ums.sandbox.wechat.open_platform`.
"""

import hashlib
import secrets
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import NamedTuple

from ums.sandbox.wechat.events import Server
from ums.sandbox.wechat.refusals import Refused

LIFE, TICKET_LIFE, CODE_LIFE = 7200, 12 * 3600, 600
"""Seconds: of tokens, of tickets, and of what is given out on the way to an authorization."""
MESSAGES, SUBSCRIPTIONS, MINI_PROGRAM = 7, 89, 18
"""Permission sets."""
ALL = (MESSAGES, SUBSCRIPTIONS, MINI_PROGRAM)


class Authorizer(NamedTuple):
    """An account that is called for by a platform, where others have their secret."""

    account: str
    component: str


@dataclass
class Expiring:
    """Values that are good for a while, and what each stands for."""

    seconds: float
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)

    def make(self, prefix: str, meaning: str = "") -> str:
        value = prefix + secrets.token_urlsafe(48)
        self._known[value] = time.time() + self.seconds, meaning
        return value

    def take(self, value: object) -> str | None:
        """What it stood for, once."""
        meaning = self.read(value)
        self._known.pop(str(value), None)
        return meaning

    def read(self, value: object) -> str | None:
        until, meaning = self._known.get(str(value), (0.0, ""))
        return meaning if until > time.time() else None

    def end(self) -> None:
        """All of them."""
        self._known.clear()


@dataclass
class Component:
    """A platform."""

    app_id: str
    secret: str
    server: Server = field(init=False)
    """What is entered about it on WeChat's page: Token and EncodingAESKey, both made of the secret until then."""
    events: str = ""
    """Where to post what happens to the platform itself; empty: where the service is."""
    messages: str = ""
    """The same for what happens to accounts; `$APPID$` in it stands for the account."""
    tickets: Expiring = field(default_factory=lambda: Expiring(TICKET_LIFE))
    tokens: Expiring = field(default_factory=lambda: Expiring(LIFE))
    pre_auth_codes: Expiring = field(default_factory=lambda: Expiring(CODE_LIFE))
    auth_codes: Expiring = field(default_factory=lambda: Expiring(CODE_LIFE))
    used: set[str] = field(default_factory=set)
    granted: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By account, where somebody said it; () is none."""
    refresh_tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = b64encode(hashlib.sha256(self.secret.encode()).digest()).decode().rstrip("=")
        self.server = Server(self.secret, key, "safe")

    def permissions(self, account: object) -> tuple[int, ...]:
        """Of an account; refuses for one that has not authorized this platform."""
        found = self.granted.get(account, ALL) if isinstance(account, str) and account else ()
        if not found:
            raise Refused(61003, "component is not authorized by this account")
        return found

    def refresh_token(self, account: str) -> str:
        if account not in self.refresh_tokens:
            self.refresh_tokens[account] = "refreshtoken@@@" + secrets.token_urlsafe(32)
        return self.refresh_tokens[account]

    def withdraw(self, account: str) -> None:
        self.granted[account] = ()
        self.refresh_tokens.pop(account, None)


@dataclass
class Components:
    """Of one sandbox."""

    by_id: dict[str, Component] = field(default_factory=dict)
    _tokens: Expiring = field(default_factory=lambda: Expiring(LIFE))

    def known(self, app_id: object, secret: object) -> Component:
        """A platform by its credentials; one that was never heard of is taken as it comes."""
        if not isinstance(app_id, str) or not app_id:
            raise Refused(41018, "missing component_appid")
        if not isinstance(secret, str) or not secret:
            raise Refused(41004, "appsecret missing")
        if app_id not in self.by_id:
            self.by_id[app_id] = Component(app_id, secret)
        if self.by_id[app_id].secret != secret:
            raise Refused(40125, "invalid appsecret")
        return self.by_id[app_id]

    def issue(self, component: Component, account: str) -> str:
        """An access token to call for the account."""
        return self._tokens.make("", f"{account} {component.app_id}")

    def authorizer(self, token: str) -> Authorizer | None:
        """Whose it is; None for a token of another kind. Refuses when the account has withdrawn."""
        if not (meaning := self._tokens.read(token)):
            return None
        account, _, component = meaning.partition(" ")
        self.by_id[component].permissions(account)
        return Authorizer(account, component)

    def require(self, account: tuple[str, str], permission: int) -> None:
        """Refuse a call for an account that did not grant this to the platform."""
        if isinstance(account, Authorizer):
            granted = self.by_id[account.component].permissions(account.account)
            if permission not in granted:
                raise Refused(61007, "api is unauthorized to component")

    def void(self) -> None:
        """All access tokens of accounts, as if their time had come."""
        self._tokens.end()
