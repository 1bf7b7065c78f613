"""Access tokens: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken

The two calls that give them out do not know of one another: each replaces only tokens of its own.
"""

import secrets
import time
from dataclasses import dataclass, field

from ums.sandbox.stage import Credentials
from ums.sandbox.wechat.refusals import Refused

LIFE = 7200
OVERLAP = 300
"""Seconds before its end in which a token is replaced; the old one stays good until then."""
FORCED_EVERY = 30
FORCED_A_DAY = 20


@dataclass
class _Issued:
    value: str
    account: Credentials
    until: float


@dataclass
class Tokens:
    """Of all accounts."""

    _by_value: dict[str, _Issued] = field(default_factory=dict)
    _stable: dict[str, _Issued] = field(default_factory=dict)
    _plain: dict[str, _Issued] = field(default_factory=dict)
    _forced: dict[str, list[float]] = field(default_factory=dict)

    def plain(self, account: Credentials) -> tuple[str, int]:
        """A new one at each call, and its seconds; the one before it soon ends."""
        if before := self._plain.get(account[0]):
            before.until = min(before.until, time.time() + OVERLAP)
        self._plain[account[0]] = self._new(account)
        return self._plain[account[0]].value, LIFE

    def stable(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        """The one there is, and its seconds left; a new one near its end, or by force."""
        now, known = time.time(), self._stable.get(account[0])
        if known and force and self._may_force(account[0], now):
            known.until, known = now, None
        if known is None or known.until - now <= OVERLAP:
            known = self._stable[account[0]] = self._new(account)
        return known.value, int(known.until - now)

    def account(self, value: str) -> Credentials:
        """Whose it is."""
        issued = self._by_value.get(value)
        if issued is None:
            raise Refused(40001, "invalid credential, access_token is invalid or not latest")
        if issued.until <= time.time():
            raise Refused(42001, "access_token expired")
        return issued.account

    def _may_force(self, app_id: str, now: float) -> bool:
        lately = [at for at in self._forced.get(app_id, []) if at > now - 86_400]
        if len(lately) >= FORCED_A_DAY or (lately and now - lately[-1] < FORCED_EVERY):
            return False
        self._forced[app_id] = [*lately, now]
        return True

    def _new(self, account: Credentials) -> _Issued:
        issued = _Issued(f"{secrets.token_urlsafe(96)}", account, time.time() + LIFE)
        self._by_value[issued.value] = issued
        return issued
