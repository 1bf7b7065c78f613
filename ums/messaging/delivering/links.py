"""Click links that need no row: `/c/<token>`, where the token says which link of which delivery, and is signed.

A token is base64url (https://www.rfc-editor.org/rfc/rfc4648#section-5) without padding of 19 bytes, big-endian:

    8  the delivery's id, not secret
    1  which of the message's links, from 0
    10 the first 80 bits of an HMAC-SHA256 over the nine before
"""

import hashlib
import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from ums.errors import SecretMissing, UmsError
from ums.settings import SecretRef, Settings, make_secret_key

MOST = 256
"""Links that one message can number."""

_CONTENT = struct.Struct(">QB")
_SIGNATURE = 10
_SHAPE = re.compile(r"[A-Za-z0-9_-]{26}", re.ASCII)


class LinkInvalid(UmsError):
    """Nobody must act: somebody followed a link that this installation never made."""


def make(key: bytes, delivery_id: int, n: int) -> str:
    """The token of link `n` of a delivery, 26 characters; raises ValueError when one of them is out of range."""
    try:
        content = _CONTENT.pack(delivery_id, n)
    except struct.error as error:
        raise ValueError(f"no token for link {n} of delivery {delivery_id}: {error}") from error
    return _written(content + _signature(key, content))


def read(key: bytes, token: str, former: Sequence[bytes] = ()) -> tuple[int, int]:
    """(delivery id, n) of a token made with `key`, or with a former one; raises LinkInvalid."""
    # Two bits of the last character carry nothing: only the spelling that `make` chooses is taken.
    raw = urlsafe_b64decode(f"{token}==") if _SHAPE.fullmatch(token) else b""
    if not raw or _written(raw) != token:
        raise LinkInvalid("not the token of a click link")
    content, signature = raw[: _CONTENT.size], raw[_CONTENT.size :]
    if not any(hmac.compare_digest(_signature(one, content), signature) for one in (key, *former)):
        raise LinkInvalid("the token of this click link was not signed here")
    delivery_id, n = _CONTENT.unpack(content)
    return delivery_id, n


def signing_key(settings: Settings) -> bytes:
    """What signs the links of this installation: 32 bytes made from its secret key; raises SecretMissing."""
    make_secret_key(settings)
    return _derived(settings, settings.secret_key)


def former_keys(settings: Settings) -> list[bytes]:
    """What signed before the secret key was changed, of those that are at hand: links outlive the change."""
    found = []
    for ref in settings.previous_secret_keys:
        try:
            found.append(_derived(settings, ref))
        except SecretMissing:
            continue
    return found


def _derived(settings: Settings, ref: SecretRef) -> bytes:
    return hashlib.sha256(b"ums click links\0" + settings.resolve(ref).encode()).digest()


def _signature(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:_SIGNATURE]


def _written(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
