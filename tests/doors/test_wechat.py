"""Accounts of WeChat that authorize our third-party platform: from the administrator's scan to the receipt."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import structlog
import uvicorn

from tests.api.conftest import Api
from tests.plants import tables
from tests.shop import Time, open_shop
from ums.messaging.engine import running
from ums.models import Delivery
from ums.reconcile import reconcile
from ums.sandbox import free_address, sandbox
from ums.sandbox.wechat.components import ALL, Component, Components
from ums.sandbox.wechat.events import letter
from ums.settings import Settings
from ums.vocabulary import SandboxAddress, State
from ums.web import application

MINI, OA, PLATFORM = "wxd101a85aa106f53e", "wx570bc396a51b8ff8", "wx0123456789abcdef"
DECLARED = f"""
apiVersion: ums/v1
kind: DeliveryChannel
name: mini
title: Mini program
platform: wechatmp
credentials:
  appId: {MINI}
  authorization: qr
  componentAppId: {PLATFORM}
  componentAppSecret: {{env: WECHAT_COMPONENT_SECRET}}
  token: {{env: WECHAT_COMPONENT_TOKEN}}
  encodingAesKey: {{env: WECHAT_COMPONENT_AES_KEY}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: oa
title: Service account
platform: wechatoa
credentials:
  appId: {OA}
  authorization: qr
  componentAppId: {PLATFORM}
  componentAppSecret: {{env: WECHAT_COMPONENT_SECRET}}
  token: {{env: WECHAT_COMPONENT_TOKEN}}
  encodingAesKey: {{env: WECHAT_COMPONENT_AES_KEY}}
---
apiVersion: ums/v1
kind: Channel
name: portal
masterSecret: {{env: PORTAL_MASTER_SECRET}}
deliveryChannels: [mini, oa, app]
"""
SECRETS = ("sandbox-wechat-component-secret", "refreshtoken@@@", "ticket@@@")

SEND = """mutation ($to: [AddressesInput!]!, $content: ContentInput!) {
  sendMessage(input: {audience: {addresses: $to}, body: {content: $content}}) { problems { message } } }"""
CONTENT = {
    "mini": {"wechatMp": {"template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
    "oa": {"wechatOa": {"type": 0, "template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
    "news": {"wechatOa": {"type": 1, "template_id": "T", "data": {"thing1": {"value": "Tea"}}}},
}
DELIVERY_CHANNEL = {"news": "oa"}
"""Where it is not named like the content."""
STATUS = """{ config { deliveryChannels {
  deliveryChannel words authorization { authorized account title permissions since } } } }"""
INVITE = (
    "mutation ($code: String!) { authorizeDeliveryChannel(deliveryChannel: $code) { url until problems { code } } }"
)


@dataclass(frozen=True)
class Wechat:
    """The service with its public URL, and WeChat that posts there."""

    api: Api
    components: Components

    @property
    def component(self) -> Component:
        return self.components.by_id[PLATFORM]

    async def asks(self, query: str, **variables: Any) -> Any:
        answer = await self.api.answers(query, user="portal", password="sandbox-portal-master-secret", **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def sends(self, code: str) -> State:
        """One message to one person; where it stands once the worker has nothing to do."""
        to = {"type": "WECHAT_MP" if code == "mini" else "WECHAT_OA", "addresses": ["openid-ann"]}
        answer = await self.asks(SEND, to=[to], content=CONTENT[code])
        assert answer["sendMessage"]["problems"] == []
        await self.api.works()
        return await self.state()

    async def state(self) -> State:
        """Of the newest delivery."""
        return State((await Delivery.all().order_by("-id"))[0].state)

    async def status(self, code: str) -> dict[str, Any]:
        found = (await self.asks(STATUS))["config"]["deliveryChannels"]
        return next(one for one in found if one["deliveryChannel"] == code)

    async def becomes(self, look: Callable[[], Awaitable[object]], wanted: object) -> None:
        for _ in range(100):
            if await look() == wanted:
                return
            await asyncio.sleep(0.05)
        assert await look() == wanted

    async def withdraws(self, account: str = MINI, permissions: tuple[int, ...] = ()) -> None:
        """The administrator does, on WeChat's page."""
        body = {"component_appid": PLATFORM, "appid": account, "permissions": permissions}
        url = f"{self.api.sandbox.address.http}/wechat/-/authorizations"
        async with self.api.session.put(url, json=body) as response:
            assert response.status == 204

    async def invites(self, code: str = "mini") -> str:
        return str((await self.asks(INVITE, code=code))["authorizeDeliveryChannel"]["url"])

    async def opens(self, url: str) -> list[str]:
        """The links of our page."""
        async with self.api.session.get(url) as response:
            assert (response.status, response.headers["referrer-policy"]) == (200, "strict-origin")
            return [html.unescape(link) for link in re.findall(r"href='([^']*)'", await response.text())]

    async def confirms(self, page: str, *, follow: bool = True) -> tuple[int, str]:
        """On WeChat's page, opened from ours."""
        form = {"account": parse_qs(urlsplit(page).query)["biz_appid"][0]}
        async with self.api.session.get(page, headers={"referer": self.api.url + "/"}) as shown:
            assert shown.status == 200, await shown.text()
        async with self.api.session.post(page, data=form, allow_redirects=follow) as response:
            return response.status, await response.text()


@pytest.fixture
async def wechat(settings: Settings) -> AsyncIterator[Wechat]:
    port = free_address().port
    settings = replace(open_shop(settings), public_url=f"http://127.0.0.1:{port}")
    (settings.config / "wechat.yaml").write_text(DECLARED)
    await reconcile(settings, write=True)
    app = application(settings, Time())
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="on", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with sandbox(SandboxAddress.parse(settings.sandbox), settings.public_url) as stand_ins:
        while not server.started:
            await asyncio.sleep(0.01)
        components = stand_ins.stages["wechatoa"].shared(Components)
        async with aiohttp.ClientSession() as session:
            state = app.state
            api = Api(settings.public_url, state.engine, stand_ins, session, state.following)
            yield Wechat(api, components)
        server.should_exit = True
        await serving


def delivered(wechat: Wechat) -> None:
    for platform in ("wechatmp", "wechatoa"):
        wechat.api.sandbox.play(platform, wechat.api.sandbox.stages[platform].script.parse(RECEIPTS))


RECEIPTS = {"receipts": [{"match": "", "delivered": 1, "after": 0.5}]}


@pytest.mark.parametrize("code", ["mini", "oa", "news"])
async def test_a_message_goes_out_for_an_authorized_account_and_its_event_is_its_receipt(
    wechat: Wechat, code: str
) -> None:
    delivered(wechat)

    assert await wechat.sends(code) == State.SUBMITTED

    await wechat.becomes(wechat.state, State.DELIVERED)
    assert (await wechat.status(DELIVERY_CHANNEL.get(code, code)))["authorization"]["authorized"] == "YES"


async def test_both_accounts_share_the_platforms_ticket_and_token(wechat: Wechat) -> None:
    assert [await wechat.sends(code) for code in ("mini", "oa")] == [State.SUBMITTED] * 2

    assert len(wechat.component.tickets._known) == len(wechat.component.tokens._known) == 1


async def test_who_was_never_authorized_is_told_so_and_what_to_do(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()

    assert await wechat.sends("mini") == State.PLANNED

    status = await wechat.status("mini")
    assert status["authorization"] == {
        "authorized": "NOT_YET", "account": MINI, "title": "", "permissions": [], "since": None,
    }  # fmt: skip
    assert f"{MINI} has not authorized the third-party platform {PLATFORM}" in status["words"]
    assert "`ums wechat authorize mini`" in status["words"]
    assert (await wechat.status("app"))["authorization"] is None


async def test_an_administrator_follows_the_link_scans_and_messages_go_out(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()

    links = await wechat.opens(await wechat.invites())
    status, page = await wechat.confirms(links[0])

    assert (status, "mini is authorized" in page) == (200, True)
    authorization = (await wechat.status("mini"))["authorization"]
    assert authorization.pop("since")
    assert authorization == {
        "authorized": "YES", "account": MINI, "title": f"Account {MINI}", "permissions": sorted(ALL),
    }  # fmt: skip
    assert await wechat.sends("mini") == State.SUBMITTED


async def test_the_page_inside_wechat_leads_the_same_way(wechat: Wechat) -> None:
    _, inside = await wechat.opens(await wechat.invites())
    query = parse_qs(urlsplit(inside).query)

    assert inside.endswith("#wechat_redirect")
    assert (query["action"], query["no_scan"], query["biz_appid"]) == (["bindcomponent"], ["1"], [MINI])
    assert (await wechat.confirms(inside))[0] == 200


async def test_the_event_alone_is_enough(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()
    computer, _ = await wechat.opens(await wechat.invites())

    async def authorized() -> object:
        return (await wechat.status("mini"))["authorization"]["authorized"]

    assert (await wechat.confirms(computer, follow=False))[0] == 302
    await wechat.becomes(authorized, "YES")

    assert await wechat.sends("mini") == State.SUBMITTED


async def test_the_browser_may_come_with_a_code_that_the_event_has_used_up(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()
    computer, _ = await wechat.opens(await wechat.invites())
    form = {"account": MINI}

    async def authorized() -> object:
        return (await wechat.status("mini"))["authorization"]["authorized"]

    async with wechat.api.session.post(computer, data=form, allow_redirects=False) as response:
        back = response.headers["location"]
    await wechat.becomes(authorized, "YES")

    async with wechat.api.session.get(back) as response:
        assert (response.status, "mini is authorized" in await response.text()) == (200, True)


async def test_an_account_that_nobody_declared_is_not_taken(wechat: Wechat) -> None:
    computer, _ = await wechat.opens(await wechat.invites())
    any_account = computer.replace(f"&biz_appid={MINI}", "")

    async with wechat.api.session.post(any_account, data={"account": "wxstranger"}) as response:
        assert (response.status, "no DeliveryChannel is declared for it" in await response.text()) == (502, True)
    async with wechat.api.session.post(computer, data={"account": "wxstranger"}) as response:
        assert response.status == 400


async def test_what_an_administrator_withdraws_is_seen_at_once(wechat: Wechat) -> None:
    computer, _ = await wechat.opens(await wechat.invites())
    await wechat.confirms(computer)
    assert await wechat.sends("mini") == State.SUBMITTED

    async def authorized() -> object:
        return (await wechat.status("mini"))["authorization"]["authorized"]

    await wechat.withdraws()
    await wechat.becomes(authorized, "WITHDRAWN")

    assert await wechat.sends("mini") == State.PLANNED
    assert "has not authorized" in (await wechat.status("mini"))["words"]


async def test_what_was_not_granted_is_named_by_wechat(wechat: Wechat) -> None:
    await wechat.sends("mini")
    await wechat.withdraws(OA, (89,))

    assert await wechat.sends("oa") == State.PLANNED
    assert "api is unauthorized to component" in (await wechat.status("oa"))["words"]


async def test_an_access_token_that_ends_is_refreshed_and_the_refresh_token_with_it(wechat: Wechat) -> None:
    await wechat.sends("mini")
    first = wechat.component.refresh_tokens[MINI]
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED

    assert wechat.component.refresh_tokens[MINI] != first


async def test_a_refresh_token_whose_successor_got_lost_is_read_again(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.refresh_tokens[MINI] = "refreshtoken@@@another"
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED


async def test_a_platform_token_that_ends_is_fetched_anew(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tokens.end()
    wechat.components.void()

    assert await wechat.sends("mini") == State.SUBMITTED


async def test_a_ticket_that_ended_is_asked_for_again(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tickets.end()
    wechat.component.tokens.end()
    wechat.components.void()

    assert await wechat.sends("mini") == State.PLANNED
    await wechat.becomes(tickets(wechat), 1)
    time: Any = wechat.api.engine.clock
    time.passes(60_000)
    await wechat.api.works()

    assert await wechat.state() == State.SUBMITTED


def tickets(wechat: Wechat) -> Callable[[], Awaitable[object]]:
    async def count() -> object:
        return len(wechat.component.tickets._known)

    return count


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), "not made here"),
        (lambda url: url.replace("mini", "oa"), "not made here"),
        (lambda url: url.rpartition("/")[0] + "/x", "not made here"),
    ],
)
async def test_a_link_that_was_not_made_here_leads_nowhere(
    wechat: Wechat, spoil: Callable[[str], str], words: str
) -> None:
    async with wechat.api.session.get(spoil(await wechat.invites())) as response:
        assert (response.status, words in await response.text()) == (404, True)


async def test_a_link_is_good_for_a_day(wechat: Wechat) -> None:
    url = await wechat.invites()
    time: Any = wechat.api.engine.clock
    time.passes(24 * 3_600_000 + 1000)

    async with wechat.api.session.get(url) as response:
        assert (response.status, "more than a day old" in await response.text()) == (404, True)


async def test_a_code_that_wechat_never_gave_authorizes_nobody(wechat: Wechat) -> None:
    await wechat.sends("oa")
    await wechat.withdraws()
    back = (await wechat.invites()).replace("/authorize/", "/authorized/")

    async with wechat.api.session.get(back, params={"auth_code": "<b>guessed"}) as response:
        assert (response.status, "has not authorized" in await response.text()) == (502, True)
    assert (await wechat.status("mini"))["authorization"]["authorized"] == "NOT_YET"


@pytest.mark.parametrize(
    ("code", "problem"), [("app", "not_by_scan"), ("sms", "not_granted"), ("nothing", "not_granted")]
)
async def test_only_who_is_authorized_by_a_scan_is_invited(wechat: Wechat, code: str, problem: str) -> None:
    answer = (await wechat.asks(INVITE, code=code))["authorizeDeliveryChannel"]

    assert answer == {"url": None, "until": None, "problems": [{"code": problem}]}


@pytest.mark.parametrize("path", ["/v1/wechat/events", f"/v1/wechat/{MINI}/callback"])
async def test_a_stranger_is_turned_away(wechat: Wechat, path: str) -> None:
    body = "<xml><AppId>wx1</AppId><Encrypt>AAAA</Encrypt></xml>"
    for query, data, status in (
        ({}, body, 401),
        ({"encrypt_type": "aes", "timestamp": "1", "nonce": "1", "msg_signature": "1"}, body, 401),
        ({}, "no xml", 400),
        ({}, b"x" * 70_000, 413),
    ):
        async with wechat.api.session.post(wechat.api.url + path, params=query, data=data) as response:
            assert response.status == status


async def test_an_event_of_an_account_that_is_declared_no_more_is_thanked_for(wechat: Wechat) -> None:
    await wechat.sends("mini")
    event = {"ToUserName": "gh_1", "FromUserName": "openid", "MsgType": "event", "Event": "unsubscribe"}
    url = f"{wechat.api.url}/v1/wechat/wxother/callback"
    post = letter(url, PLATFORM, wechat.component.server, event)

    async with wechat.api.session.post(post.url, data=post.body) as response:
        assert (response.status, await response.text()) == (200, "success")
    async with wechat.api.session.post(url, data="<xml><a>1</a></xml>") as response:
        assert response.status == 401


@pytest.mark.parametrize("account", [MINI, "wxa35b9c23cfe664eb"])
async def test_the_check_before_a_platform_is_published_is_passed(wechat: Wechat, account: str) -> None:
    await wechat.sends("oa")

    assert await checked(wechat, account) == {"text": True, "api": True}


async def test_other_accounts_get_no_such_answers(wechat: Wechat) -> None:
    await wechat.sends("oa")

    assert await checked(wechat, "wxother") == {"text": False, "api": False}


async def checked(wechat: Wechat, account: str) -> Any:
    body = {"component_appid": PLATFORM, "appid": account}
    async with wechat.api.session.post(f"{wechat.api.sandbox.address.http}/wechat/-/release-check", json=body) as told:
        return await told.json()


async def test_several_workers_refresh_an_account_once(wechat: Wechat) -> None:
    await wechat.sends("mini")
    wechat.component.tokens.end()
    wechat.components.void()
    async with running(wechat.api.engine.settings, wechat.api.engine.clock) as another:
        workers = (wechat.api.engine, another)
        providers = [await one.connections.get(await one.snapshots.newest(), "mini") for one in workers]
        spoiled = await providers[0]._api.token()  # type: ignore[attr-defined]
        tokens = [p._api.token(spoiled) for p in providers for _ in range(5)]  # type: ignore[attr-defined]

        assert len(set(await asyncio.gather(*tokens)) - {spoiled}) == 1

    assert (len(wechat.components._tokens._known), len(wechat.component.tokens._known)) == (1, 1)


async def test_no_secret_is_in_a_table_a_log_or_an_answer(wechat: Wechat) -> None:
    with structlog.testing.capture_logs() as logs:
        links = await wechat.opens(await wechat.invites())
        await wechat.confirms(links[0])
        await wechat.sends("mini")
        await wechat.withdraws()
        await wechat.sends("mini")
        status = await wechat.asks(STATUS)

    shown = repr(logs) + repr(status) + await tables(wechat.api.engine.settings)
    assert MINI in shown
    assert [secret for secret in SECRETS if secret in shown] == []
