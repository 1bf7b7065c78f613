"""Alipay's gateway: requests signed with RSA2, answers proven by theirs: https://opendocs.alipay.com/common/02kf5q"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account
from ums.providers.exchange import Exchange, Reply

BEIJING = timezone(timedelta(hours=8))
ACCEPTED = "10000"

_JSON = json.JSONDecoder()
_DELIMITER = re.compile(r"\s*([{:,}])\s*")
_ARMOUR = re.compile(r"-----[^-]*-----|\\n|\s")
"""What stands in a PEM file beside the base64; a key in an environment variable often has its line ends as `\\n`."""


class Keys(NamedTuple):
    """The one that signs what we send, and the one that proves what Alipay answers."""

    own: RSAPrivateKey
    alipays: RSAPublicKey


class Gateway:
    """One application's access. An answer whose signature is not Alipay's is never taken for a success."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        base = str(account.credentials.get("baseUrl", "https://openapi.alipay.com")).rstrip("/")
        if account.sandbox:
            base = f"{account.sandbox.http}/alipaylife"
        self._account = account
        self._exchange = Exchange(session, base.removesuffix("/gateway.do"))
        self._kept: Keys | None = None

    async def keys(self) -> Keys:
        """Those of the credentials; raises ProviderRefused when one is no key.

        In sandbox mode a secret that is not set is a throw-away text. Then our key is made up, and the stand-in is
        asked for its public one, each time: it has another when it is started again. Raises ProviderBusy when it is
        away.
        """
        if self._kept:
            return self._kept
        own, alipays = self._own(), self._alipays()
        if alipays is None:
            return Keys(own, await self._stand_ins())
        self._kept = Keys(own, alipays)
        return self._kept

    async def call(self, keys: Keys, method: str, business: Mapping[str, Any]) -> dict[str, Any]:
        """What Alipay answered to one call: `code` and `msg`, on failure `sub_code` and `sub_msg` too.

        Raises ProviderBusy, ProviderRefused, or OutcomeUnknown: also when an answer is not proven to be Alipay's.
        """
        content = orjson.dumps(business).decode()
        query = self._common(method)
        query["sign"] = signature(keys.own, signed_text(query | {"biz_content": content}))
        reply = await self._exchange.post_form(f"/gateway.do?{urlencode(query)}", {"biz_content": content})
        return _proven(reply, method.replace(".", "_") + "_response", keys.alipays)

    def _common(self, method: str) -> dict[str, str]:
        return {
            "app_id": self._account.credentials["appId"],
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": f"{datetime.now(BEIJING):%Y-%m-%d %H:%M:%S}",
            "version": "1.0",
        }

    def _own(self) -> RSAPrivateKey:
        try:
            return private_key(self._account.credentials["privateKey"])
        except ValueError as error:
            if self._account.sandbox:
                return throw_away_key()
            raise _no_key("privateKey", "private key: PEM, or the base64 of PKCS#8 or PKCS#1") from error

    def _alipays(self) -> RSAPublicKey | None:
        """None for a throw-away text."""
        try:
            return public_key(self._account.credentials["alipayPublicKey"])
        except ValueError as error:
            if self._account.sandbox:
                return None
            raise _no_key("alipayPublicKey", "public key: PEM, or its base64 as Alipay shows it") from error

    async def _stand_ins(self) -> RSAPublicKey:
        try:
            return public_key((await self._exchange.get("/public-key")).body.decode())
        except (OutcomeUnknown, ValueError) as error:
            raise ProviderBusy("public_key", f"the sandbox did not tell its public key: {error}") from error


def private_key(text: str) -> RSAPrivateKey:
    """Of PEM or bare base64, PKCS#8 or PKCS#1; raises ValueError, which shows nothing of it."""
    key = _loaded(load_der_private_key, text, None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def public_key(text: str) -> RSAPublicKey:
    """Of PEM or bare base64; raises ValueError."""
    key = _loaded(load_der_public_key, text)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def _loaded(load: Any, text: str, *more: object) -> object:
    try:
        return load(b64decode(_ARMOUR.sub("", text), validate=True), *more)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"no key: {type(error).__name__}") from None


@cache
def throw_away_key() -> RSAPrivateKey:
    """Of this process, for the sandbox."""
    return generate_private_key(65537, 2048)


def signed_text(fields: Mapping[str, str]) -> str:
    """What a request's signature covers: every field with a value, by name, as it is before any URL encoding."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name] and name != "sign")


def signature(key: RSAPrivateKey, text: str) -> str:
    return b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, text: str, signed: object) -> bool:
    """Whether `signed` is the signature of an answer's node by that key, over the node's raw text."""
    # Where Alipay wrote "\/" it may have signed "/": its own clients try both.
    return any(_fits(key, each, signed) for each in dict.fromkeys((text, text.replace("\\/", "/"))))


def _fits(key: RSAPublicKey, text: str, signed: object) -> bool:
    try:
        key.verify(b64decode(str(signed), validate=True), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def members(body: str) -> dict[str, tuple[Any, str]]:
    """Each member of a JSON object: its value, and the very text that stood there. Raises ValueError."""
    found: dict[str, tuple[Any, str]] = {}
    mark, at = _delimiter(body, 0)
    while mark != "}":
        name, at = _JSON.raw_decode(body, at)
        _, start = _delimiter(body, at)
        value, end = _JSON.raw_decode(body, start)
        found[str(name)] = value, body[start:end]
        mark, at = _delimiter(body, end)
    return found


def _delimiter(body: str, at: int) -> tuple[str, int]:
    found = _DELIMITER.match(body, at)
    if found is None:
        raise ValueError(f"not a JSON object at {at}")
    return found[1], found.end()


def _proven(reply: Reply, name: str, key: RSAPublicKey) -> dict[str, Any]:
    """The node of the answer. One of the gateway's own faults may come unsigned; a success never does."""
    try:
        said = members(reply.body.decode())
    except (ValueError, RecursionError) as error:
        if 400 <= reply.status < 500:
            raise ProviderRefused(str(reply.status), reply.excerpt) from error
        raise OutcomeUnknown(f"HTTP {reply.status} without a JSON object: {reply.excerpt}") from error
    node, raw = said.get(name) or said.get("error_response") or (None, "")
    if not isinstance(node, dict) or not node.get("code"):
        raise OutcomeUnknown(f"HTTP {reply.status} without a code: {reply.excerpt}")
    signed, _ = said.get("sign", ("", ""))
    if not is_signed(key, raw, signed) and (signed or str(node["code"]) == ACCEPTED):
        raise OutcomeUnknown("the answer is not signed by the key in credentials.alipayPublicKey")
    return node


def _no_key(field: str, expected: str) -> ProviderRefused:
    return ProviderRefused(field, f"credentials.{field} is no RSA {expected}")
