"""A link for whoever administrates a WeChat account: to a page of ours, signed and good for a day."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from ums.errors import CallerRefused, Problem, UmsError
from ums.schemas import did_you_mean
from ums.settings import Settings, make_secret_key
from ums.snapshot import Body

GOOD_FOR = 24 * 3_600_000
"""ms"""
PAGE = "/v1/wechat/authorize/"


class InvitationInvalid(UmsError):
    """Whoever follows the link must ask for another."""


@dataclass(frozen=True)
class Invitation:
    url: str
    until: int
    """ms"""


def is_authorized_by_scan(declared: Body) -> bool:
    """Whether a DeliveryChannel is one that its account's administrator authorizes, and has no AppSecret."""
    return bool(declared["credentials"].get("authorization") == "qr")


def invite(settings: Settings, known: Mapping[str, Body], code: str, now: int) -> Invitation:
    """To authorize the account of a DeliveryChannel, of those that the caller may know.

    Raises CallerRefused or SecretMissing.
    """
    if code not in known:
        message = f"no DeliveryChannel {code!r} here{did_you_mean(code, known)}"
        raise CallerRefused([Problem(path="deliveryChannel", code="not_granted", message=message)])
    if not is_authorized_by_scan(known[code]):
        message = f"DeliveryChannel {code} has no `authorization: qr` in its credentials: nobody need authorize it"
        raise CallerRefused([Problem(path="deliveryChannel", code="not_by_scan", message=message)])
    until = now + GOOD_FOR
    content = f"{code}.{until // 1000}"
    return Invitation(f"{settings.public_url}{PAGE}{content}.{_signature(settings, content)}", until)


def invited(settings: Settings, token: str, now: int) -> str:
    """The DeliveryChannel of an invitation's last part; raises InvitationInvalid or SecretMissing."""
    content, _, signature = token.rpartition(".")
    code, _, until = content.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(settings, content).encode()):
        raise InvitationInvalid("this link was not made here")
    if int(until) * 1000 < now:
        raise InvitationInvalid("this link is more than a day old; ask for another")
    return code


def _signature(settings: Settings, content: str) -> str:
    make_secret_key(settings)
    key = hashlib.sha256(b"ums authorization links\0" + settings.resolve(settings.secret_key).encode()).digest()
    return hmac.new(key, content.encode(), "sha256").hexdigest()[:32]
