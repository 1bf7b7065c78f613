"""What a session is good for, from which pages, and when it is over."""

import aiohttp
import pytest

from tests.api.browser import ME, Browser
from tests.api.browser import browser as browser
from tests.api.browser import secret as secret
from tests.members.declared import MEMBERS
from ums.members import audit_log, sessions
from ums.members.sessions import HOUR
from ums.reconcile import reconcile


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def test_with_a_session_other_peoples_pages_change_nothing(browser: Browser) -> None:
    await browser.gets("/login")

    for origin in ("https://evil.example", "null", browser.api.url.replace("127.0.0.1", "localhost"), None):
        assert (await browser.asks(ME, origin=origin))["errors"][0]["extensions"] == {"code": "CROSS_SITE"}
    headers = {"origin": "https://evil.example"}
    async with browser.session.post(f"{browser.api.url}/logout", headers=headers) as response:
        assert response.status == 403
    assert await browser.asks(ME) == {"data": {"me": {"login": "lin"}}}


async def test_a_websocket_is_opened_by_our_pages_alone(browser: Browser) -> None:
    await browser.gets("/login")
    url, protocols = f"{browser.api.url}/graphql", ("graphql-transport-ws",)
    async with browser.session.ws_connect(url, origin=browser.api.url, protocols=protocols) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"channel": "shop"}})
        assert (await socket.receive()).data == '{"type":"connection_ack"}'

    async with browser.session.ws_connect(url, protocols=protocols) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"channel": "shop"}})
        assert (await socket.receive()).data == 4403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await browser.session.ws_connect(url, origin="https://evil.example", protocols=protocols)


async def test_who_signs_out_is_out(browser: Browser) -> None:
    await browser.gets("/login")
    kept = browser.cookie("ums_session")

    async with browser.session.post(f"{browser.api.url}/logout", headers={"origin": browser.api.url}) as response:
        assert response.status == 204

    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
    with_cookie = {"cookie": f"ums_session={kept}", "origin": browser.api.url}
    async with browser.session.post(f"{browser.api.url}/graphql", json={"query": ME}, headers=with_cookie) as response:
        assert response.status == 401


async def test_a_session_ends_by_itself(browser: Browser) -> None:
    await browser.gets("/login")
    browser.api.engine.clock.passes(12 * HOUR)  # type: ignore[attr-defined]

    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}


async def test_a_member_who_is_taken_out_of_the_files_is_out(browser: Browser) -> None:
    await browser.gets("/login")
    settings = browser.api.engine.settings
    more = settings.config / "more.yaml"
    more.write_text(more.read_text().replace("name: lin\n", "name: lin\nenabled: false\n"))
    await reconcile(settings, write=True)
    browser.api.engine.snapshots.look_again()

    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}


SESSIONS = "query ($member: String, $all: Boolean! = false) { memberSessions(member: $member, all: $all) { member } }"
REVOKE = """mutation ($member: String) {
  revokeMemberSessions(member: $member) { revoked problems { code message path } } }"""


async def test_who_revokes_its_own_sessions_is_out_of_every_browser(browser: Browser) -> None:
    await browser.gets("/login")
    await sessions.start("lin", 1, browser.api.engine.clock())
    assert await browser.asks(SESSIONS) == {"data": {"memberSessions": [{"member": "lin"}] * 2}}

    revoked = (await browser.asks(REVOKE))["data"]["revokeMemberSessions"]

    assert revoked == {"revoked": 2, "problems": []}
    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}


async def test_sessions_of_others_are_an_admins(browser: Browser) -> None:
    await browser.gets("/login")
    api = browser.api
    await sessions.start("vera", 12, api.engine.clock())
    vera, root = await api.token("vera"), await api.token("root")

    for query, of in ((SESSIONS, {"member": "lin"}), (SESSIONS, {"all": True}), (REVOKE, {"member": "lin"})):
        assert (await api.member_answers(query, vera, "shop", **of))["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    seen = (await api.member_answers(SESSIONS, root, all=True))["data"]["memberSessions"]
    revoked = (await api.member_answers(REVOKE, root, member="lin"))["data"]["revokeMemberSessions"]

    assert (seen, revoked) == ([{"member": "lin"}, {"member": "vera"}], {"revoked": 1, "problems": []})
    assert (await browser.asks(ME))["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
    assert (await api.member_answers(SESSIONS, vera))["data"]["memberSessions"] == [{"member": "vera"}]
    entry = (await audit_log.page(audit_log.Wanted(), first=1, before_id=None))[0]
    assert (entry.who, entry.what, entry.about) == ("root", "revokeMemberSessions", ["member:lin"])


async def test_who_is_signed_in_nowhere_has_no_session_to_revoke(browser: Browser) -> None:
    api = browser.api
    await sessions.start("vera", 12, api.engine.clock())
    vera = await api.token("vera")
    api.engine.clock.passes(12 * HOUR)  # type: ignore[attr-defined]

    revoked = (await api.member_answers(REVOKE, vera))["data"]["revokeMemberSessions"]

    assert revoked["problems"] == [{"code": "no_session", "message": "vera is signed in nowhere", "path": "member"}]
    assert (await api.member_answers(SESSIONS, vera))["data"]["memberSessions"] == []
