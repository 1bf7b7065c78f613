"""A small OpenID provider on a real socket, with real keys, that can be told to misbehave."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode
from uuid import uuid4

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "ums", "client secret/1"


@dataclass
class OpenIdProvider:
    now: int
    """Seconds."""
    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig"}))
    published: RSAKey | None = None
    """Another one than it signs with, when it is told so."""
    person: dict[str, Any] = field(default_factory=lambda: {"email": "lin@shop.example", "email_verified": True})
    claims: dict[str, Any] = field(default_factory=dict)
    """In place of what the ID token would say; None: it says nothing of it."""
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    redirect: str = ""
    """The only one that the client may name."""
    asked: dict[str, str] = field(default_factory=dict)
    """The last that came to the authorization endpoint."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def authorize(self, request: web.Request) -> web.Response:
        """The person says yes at once."""
        self.asked = dict(request.query)
        assert self.asked["redirect_uri"] == self.redirect
        assert (self.asked["response_type"], self.asked["client_id"]) == ("code", CLIENT)
        assert self.asked["code_challenge_method"] == "S256"
        self.codes[code := uuid4().hex] = self.asked
        raise web.HTTPFound(f"{self.redirect}?{urlencode({'code': code, 'state': self.asked['state']})}")

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form.get("code")), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form.get("code_verifier")).encode()).digest())
        if asked is None or challenge.rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        client, _, secret = base64.b64decode(request.headers["authorization"].partition(" ")[2]).decode().partition(":")
        if (unquote(client), unquote(secret)) != (CLIENT, SECRET) or form.get("redirect_uri") != self.redirect:
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": "unused", "token_type": "Bearer", "id_token": self._id_token(asked)})

    def _id_token(self, asked: dict[str, str]) -> str:
        usual = {"iss": self.url, "aud": CLIENT, "sub": "248289761001", "exp": self.now + 300, "iat": self.now}
        said = {**usual, "nonce": asked["nonce"], **self.person, **self.claims}
        claims = {name: value for name, value in said.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (
                base64.urlsafe_b64encode(str(p).replace("'", '"').encode()).rstrip(b"=") for p in (self.header, {})
            )
            return b".".join([*parts, b""]).decode()
        return jwt.encode(self.header, claims, self.key, algorithms=[self.header["alg"]])

    async def keys(self, _: web.Request) -> web.Response:
        shown = self.published or self.key
        return web.json_response(KeySet([shown]).as_dict(private=False))


@asynccontextmanager
async def openid_provider(now: int | None = None) -> AsyncIterator[OpenIdProvider]:
    provider = OpenIdProvider(now if now is not None else int(time.time()))
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.describe)
    app.router.add_get("/authorize", provider.authorize)
    app.router.add_post("/token", provider.give_token)
    app.router.add_get("/keys", provider.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
