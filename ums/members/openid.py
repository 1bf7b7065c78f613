"""Signing in at an OpenID provider: the authorization code flow with PKCE, and what is believed of its answer.

https://openid.net/specs/openid-connect-core-1_0.html, https://www.rfc-editor.org/rfc/rfc7636
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ums.errors import UmsError
from ums.members.sessions import SigningIn
from ums.settings import Login, Settings

DISCOVERY = "/.well-known/openid-configuration"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
"""Only those that take the provider's private key: never `none`, never one whose key is the client's secret."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class SignInRefused(UmsError):
    """The person must act: the provider, or what it says of the person, does not let one in."""


class ProviderAway(UmsError):
    """The operator must act: the OpenID provider does not answer, or not as it should."""


@dataclass(frozen=True)
class OpenId:
    """The provider that `login` of ums.yaml names, as it describes itself."""

    login: Login
    callback: str
    issuer: str
    authorization: str
    token: str
    keys: str
    takes_basic: bool

    @classmethod
    async def discovered(cls, settings: Settings, login: Login) -> "OpenId":
        """Raises ProviderAway."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            found = await _answer(session.get(login.discovery_url, allow_redirects=False))
        if found.get("issuer", "").rstrip("/") + DISCOVERY != login.discovery_url:
            raise ProviderAway(f"{login.discovery_url} is of another issuer: {found.get('issuer')}")
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        try:
            return cls(
                login, f"{settings.public_url}/login/callback", found["issuer"], found["authorization_endpoint"],
                found["token_endpoint"], found["jwks_uri"], "client_secret_basic" in methods,
            )  # fmt: skip
        except KeyError as missing:
            raise ProviderAway(f"{login.discovery_url} has no {missing}") from missing

    def sign_in_url(self, state: str, signing_in: SigningIn) -> str:
        """Where the browser goes."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(signing_in.verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self.login.client_id,
            "redirect_uri": self.callback,
            "scope": " ".join(self.login.scopes),
            "state": state,
            "nonce": signing_in.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.authorization}{'&' if '?' in self.authorization else '?'}{urlencode(asked)}"

    async def claims(self, code: str, signing_in: SigningIn, secret: str, now: int) -> Mapping[str, Any]:
        """What the provider says of who brought the code, verified; raises SignInRefused or ProviderAway."""
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": signing_in.verifier,
        }
        headers = {}
        if secret and self.takes_basic:
            pair = f"{quote(self.login.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            given |= {"client_id": self.login.client_id} | ({"client_secret": secret} if secret else {})
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            answer = await _answer(session.post(self.token, data=given, headers=headers, allow_redirects=False))
            keys = await _answer(session.get(self.keys, allow_redirects=False))
        return self._verified(str(answer.get("id_token", "")), keys, signing_in.nonce, now // 1000)

    def _verified(self, token: str, keys: Mapping[str, Any], nonce: str, now: int) -> Mapping[str, Any]:
        try:
            found = jwt.decode(token, KeySet.import_key_set(_usable(keys)), algorithms=ALGORITHMS).claims
            wanted = jwt.JWTClaimsRegistry(
                now, LEEWAY,
                iss={"essential": True, "value": self.issuer}, aud={"essential": True, "value": self.login.client_id},
                sub={"essential": True}, exp={"essential": True}, iat={"essential": True}, nonce={"essential": True},
            )  # fmt: skip
            wanted.validate(found)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefused(f"the provider's ID token is not believed: {error}") from error
        audience = found["aud"]
        if isinstance(audience, list) and len(audience) > 1 and found.get("azp") != self.login.client_id:
            raise SignInRefused("the provider's ID token is for several clients, and was not made for this one")
        if not hmac.compare_digest(str(found["nonce"]).encode(), nonce.encode()):
            raise SignInRefused("the provider's ID token belongs to another attempt to sign in: wrong nonce")
        return found


def _usable(keys: Mapping[str, Any]) -> Any:
    """Those that are for signatures; a provider may publish others beside them."""
    return {"keys": [key for key in keys.get("keys", ()) if key.get("use", "sig") == "sig"]}


async def _answer(asking: Any) -> dict[str, Any]:
    try:
        async with asking as response:
            text, status = await response.read(), response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ProviderAway(f"the OpenID provider cannot be reached: {type(error).__name__}: {error}") from error
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProviderAway(f"the OpenID provider answered {status} without JSON") from error
    if not isinstance(found, dict):
        raise ProviderAway(f"the OpenID provider answered {status} with JSON that is no object")
    if 400 <= status < 500 and "error" in found:  # RFC 6749, 5.2: the code is wrong, or was used before
        raise SignInRefused(f"the OpenID provider refused: {str(found['error'])[:80]}")
    if status != 200:
        raise ProviderAway(f"the OpenID provider answered {status}")
    return found
