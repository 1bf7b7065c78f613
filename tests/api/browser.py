"""A browser that signs in at an OpenID provider, over real sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.api.conftest import Api
from tests.members.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider
from ums.settings import Login, SecretRef

ME = "{ me { login } }"


@dataclass
class Browser:
    """Keeps cookies, and says where its pages are from."""

    api: Api
    provider: OpenIdProvider
    session: aiohttp.ClientSession

    async def gets(self, path: str, *, follow: bool = True) -> tuple[int, str]:
        """Status and text, or where it leads."""
        url = path if path.startswith("http") else self.api.url + path
        async with self.session.get(url, allow_redirects=follow, headers={"accept": "text/html"}) as response:
            return response.status, response.headers.get("location") or await response.text()

    def cookie(self, name: str) -> str:
        return self.session.cookie_jar.filter_cookies(URL(self.api.url + "/login"))[name].value

    async def asks(self, query: str, *, origin: str | None = "own", channel: str = "", **variables: Any) -> Any:
        headers = {"x-ums-channel": channel} if channel else {}
        if origin is not None:
            headers["origin"] = self.api.url if origin == "own" else origin
        body = {"query": query, "variables": variables}
        async with self.session.post(f"{self.api.url}/graphql", json=body, headers=headers) as response:
            return await response.json()

    async def comes_back(self) -> str:
        """Signs in at the provider; the URL that leads back, not followed yet."""
        _, there = await self.gets("/login", follow=False)
        return (await self.gets(there, follow=False))[1]


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[Browser]:
    async with openid_provider(api.engine.clock() // 1000) as provider:
        provider.redirect = f"{api.url}/login/callback"
        login = Login(f"{provider.url}/.well-known/openid-configuration", CLIENT, SecretRef(env="UMS_OIDC_SECRET"))
        settings = api.engine.settings
        object.__setattr__(settings, "login", login)
        object.__setattr__(settings, "public_url", api.url)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Browser(api, provider, session)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMS_OIDC_SECRET", SECRET)
