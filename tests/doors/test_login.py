"""Signing in at an OpenID provider, which is a real one on a real socket, and what the session is then good for."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from joserfc.jwk import OctKey, RSAKey

from tests.api.browser import ME, Browser
from tests.api.browser import browser as browser
from tests.api.browser import secret as secret
from tests.api.conftest import Api
from tests.members.declared import MEMBERS
from tests.members.openid_provider import CLIENT, SECRET, OpenIdProvider
from ums.database import connection, fetch
from ums.members import audit_log
from ums.members.sessions import PATIENCE
from ums.settings import Login


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def test_a_member_signs_in_and_calls_with_the_session(browser: Browser) -> None:
    status, page = await browser.gets("/graphql")

    assert (status, "GraphiQL" in page) == (200, True)
    assert await browser.asks(ME) == {"data": {"me": {"login": "lin"}}}
    assert await browser.asks("{ config { revision } }", channel="shop") == {"data": {"config": {"revision": 1}}}
    [entry] = await audit_log.page(audit_log.Wanted(), first=5, before_id=None)
    assert (entry.who, entry.means, entry.what) == ("lin", "OpenID provider", "login")


async def test_where_one_wanted_to_go_is_where_one_comes_to_on_this_host_alone(browser: Browser) -> None:
    for wanted, reached in {
        "/readyz": "/readyz", "//evil.example": "/graphql", "https://evil.example": "/graphql", "/\\evil": "/graphql",
        "": "/graphql",
    }.items():  # fmt: skip
        async with browser.session.get(
            f"{browser.api.url}/login", params={"to": wanted}, allow_redirects=False
        ) as response:
            there = response.headers["location"]
        back = (await browser.gets(there, follow=False))[1]
        assert await browser.gets(back, follow=False) == (303, reached)


async def test_the_cookie_is_for_this_host_and_no_script_and_only_its_hash_is_kept(browser: Browser) -> None:
    back = await browser.comes_back()
    async with browser.session.get(back, allow_redirects=False) as response:
        [cookie] = [one for one in response.headers.getall("set-cookie") if one.startswith("ums_session=")]

    assert cookie.lower().split("; ")[1:] == ["httponly", "max-age=43200", "path=/", "samesite=lax"]
    text = cookie.partition("=")[2].partition(";")[0]
    assert text not in str(await fetch(connection(), "SELECT * FROM member_session"))


async def test_with_https_the_cookie_is_secure(browser: Browser) -> None:
    back = await browser.comes_back()
    settings = browser.api.engine.settings
    object.__setattr__(settings, "public_url", "https://ums.example")
    browser.provider.redirect = "https://ums.example/login/callback"
    async with browser.session.get(back, allow_redirects=False) as response:
        cookies = response.headers.getall("set-cookie")

    assert response.status == 303
    assert [c.partition("=")[0] for c in cookies if "; Secure" in c] == ["__Host-ums_session", "ums_login"]


Misbehave = Callable[[OpenIdProvider], None]


def _claims(**claims: Any) -> Misbehave:
    return lambda provider: provider.claims.update(claims)


def _person(**person: Any) -> Misbehave:
    return lambda provider: provider.person.update(person)


def _unsigned(provider: OpenIdProvider) -> None:
    provider.header = {"alg": "none"}


def _other_key(provider: OpenIdProvider) -> None:
    provider.published = RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig"})


def _signed_with_the_clients_secret(provider: OpenIdProvider) -> None:
    provider.header = {"alg": "HS256", "kid": "1"}
    provider.published = provider.key
    provider.key = OctKey.import_key(SECRET.ljust(32, "."))  # type: ignore[assignment]


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("misbehave", "reason"),
    [
        (_claims(nonce="another"), "wrong nonce"),
        (_claims(nonce=None), "nonce"),
        (_claims(exp=NOW - 61), "expired"),
        (_claims(exp=None), "exp"),
        (_claims(iat=NOW + 600), "not believed"),
        (_claims(aud="somebody else"), "aud"),
        (_claims(aud=[CLIENT, "somebody else"]), "several clients"),
        (_claims(iss="https://evil.example"), "iss"),
        (_unsigned, "not believed"),
        (_other_key, "not believed"),
        (_signed_with_the_clients_secret, "not believed"),
        (_person(email_verified=False), "not verified"),
        (_person(email_verified="true"), "not verified"),
        (_person(email_verified=None), "not verified"),
        (_person(email=None), "does not say the email"),
        (_person(email="nobody@shop.example"), "no Member"),
        (_person(email="gone@shop.example"), "no Member"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_who_is_not_certainly_a_member_is_not_let_in(browser: Browser, misbehave: Misbehave, reason: str) -> None:
    misbehave(browser.provider)

    status, text = await browser.gets("/login")

    assert (status, text[:13]) == (403, "not signed in")
    assert reason in text
    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}


async def test_a_token_for_several_clients_says_that_it_was_made_for_us(browser: Browser) -> None:
    browser.provider.claims = {"aud": [CLIENT, "somebody else"], "azp": CLIENT}

    assert (await browser.gets("/login"))[0] == 200


async def test_another_claim_than_the_email_is_the_login(browser: Browser) -> None:
    settings = browser.api.engine.settings
    assert settings.login
    object.__setattr__(settings.login, "claim", "preferred_username")
    browser.provider.person = {"preferred_username": "vera"}

    await browser.gets("/login")

    assert await browser.asks(ME) == {"data": {"me": {"login": "vera"}}}


async def test_a_state_is_good_once(browser: Browser) -> None:
    back = await browser.comes_back()
    kept = browser.cookie("ums_login")
    assert (await browser.gets(back, follow=False))[0] == 303
    assert (await browser.gets(back))[0] == 403  # the cookie is gone

    async with browser.session.get(back, headers={"cookie": f"ums_login={kept}"}) as response:
        assert (response.status, await response.text()) == (
            403, "not signed in: that took too long, or was used before; start again at /login",
        )  # fmt: skip


async def test_a_state_is_good_in_the_browser_that_began_alone(browser: Browser) -> None:
    back = await browser.comes_back()

    async with aiohttp.ClientSession() as other, other.get(back) as response:
        assert (response.status, "this browser did not begin" in await response.text()) == (403, True)


async def test_a_state_is_good_for_ten_minutes(browser: Browser) -> None:
    back = await browser.comes_back()
    browser.api.engine.clock.passes(PATIENCE)  # type: ignore[attr-defined]  # the tests' own clock

    assert (await browser.gets(back))[0] == 403


async def test_what_the_provider_refuses_is_said(browser: Browser) -> None:
    back = await browser.comes_back()
    denied = back.partition("?")[0] + "?error=access_denied&state=" + browser.provider.asked["state"]

    assert await browser.gets(denied) == (403, "not signed in: the OpenID provider refused: access_denied")


async def test_a_stolen_code_is_of_no_use_without_the_verifier(browser: Browser) -> None:
    await browser.comes_back()
    [code] = browser.provider.codes
    async with browser.session.post(f"{browser.provider.url}/token", data={"code": code}) as response:
        assert await response.json() == {"error": "invalid_grant"}


async def test_a_provider_that_is_away_is_the_operators_to_mend(browser: Browser) -> None:
    settings = browser.api.engine.settings
    object.__setattr__(settings, "login", Login("http://127.0.0.1:9/.well-known/openid-configuration", CLIENT))

    assert (await browser.gets("/login"))[0] == 502


async def test_a_provider_that_says_it_is_another_is_not_believed(browser: Browser) -> None:
    url, browser.provider.url = browser.provider.url, "https://evil.example"

    assert (await browser.gets("/login"))[0] == 502
    browser.provider.url = url


async def test_without_a_provider_there_is_no_login(api: Api) -> None:
    async with api.session.get(f"{api.url}/login") as response:
        assert response.status == 404
