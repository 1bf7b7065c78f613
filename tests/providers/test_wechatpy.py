"""Checked against wechatpy, which others wrote: its crypto, its reading of events, and its clients at our stand-in.

https://pypi.org/project/wechatpy/
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from wechatpy import WeChatClient, parse_message
from wechatpy.client import WeChatComponentClient
from wechatpy.component import WeChatComponent
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException, WeChatClientException
from wechatpy.utils import WeChatSigner, check_signature

from tests.providers.conftest import Doors, body
from tests.providers.test_wechat_events import KEY, TOKEN, account
from tests.providers.test_wechatoa import ANN, APP_ID, MESSAGE, NOTIFICATION, SECRET, provider, submission
from tests.providers.test_wechatoa import oa as oa
from ums.errors import Unauthorized
from ums.providers.contract import Report
from ums.providers.wechat.crypto import decrypted, signature
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wechat.events import encrypted
from ums.sandbox.wechat.library import SAMPLE
from ums.vocabulary import State

EVENT = """<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[openid]]></FromUserName>
<CreateTime>1395658920</CreateTime><MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>200163836</MsgID>
<Status><![CDATA[订单 success]]></Status></xml>"""
DATA = {"thing1": {"value": "茶"}}
PLATFORM, PLATFORM_SECRET, ACCOUNT = "wx0123456789abcdef", "component-secret", "wxd101a85aa106f53e"

T = TypeVar("T")


async def done(call: Callable[[], T]) -> T:
    """It waits for its answers, so in a thread."""
    return await asyncio.to_thread(call)


@pytest.fixture
def theirs() -> WeChatCrypto:
    return WeChatCrypto(TOKEN, KEY, APP_ID)


class TestCrypto:
    @pytest.mark.parametrize("text", ["", "x", "订单" * 50, EVENT, "x" * 4096])
    def test_we_open_what_it_encrypts(self, theirs: WeChatCrypto, text: str) -> None:
        message, app_id = decrypted(KEY, PrpCrypto(theirs.key).encrypt(text, APP_ID).decode())

        assert (message.decode(), app_id) == (text, APP_ID)

    @pytest.mark.parametrize("text", ["x", "订单" * 50, EVENT, "x" * 4096])
    def test_it_opens_what_our_stand_in_encrypts(self, theirs: WeChatCrypto, text: str) -> None:
        sealed = encrypted(KEY, text.encode(), APP_ID, b"0123456789abcdef")

        assert PrpCrypto(theirs.key).decrypt(sealed, APP_ID) == text
        with pytest.raises(InvalidAppIdException):
            PrpCrypto(theirs.key).decrypt(sealed, "another")

    def test_signatures_are_the_same_both_ways(self) -> None:
        signer = WeChatSigner()
        signer.add_data(TOKEN, "1714037059", "486452656")

        assert signer.signature == signature(TOKEN, "1714037059", "486452656")
        check_signature(TOKEN, signature(TOKEN, "1", "2"), "1", "2")
        with pytest.raises(InvalidSignatureException):
            check_signature("another", signature(TOKEN, "1", "2"), "1", "2")


async def test_it_opens_our_reply(session: aiohttp.ClientSession, theirs: WeChatCrypto) -> None:
    oa = account(session, token=TOKEN, encodingAesKey=KEY)
    raw = oa.reply({"ToUserName": "gh_1", "FromUserName": "openid"}, "订单 ]]> <b>").decode()
    outer = {name: raw.partition(f"<{name}>")[2].partition("</")[0] for name in ("TimeStamp", "Nonce", "MsgSignature")}
    signed, nonce = (outer[name].removeprefix("<![CDATA[").removesuffix("]]>") for name in ("MsgSignature", "Nonce"))

    message = parse_message(theirs.decrypt_message(raw, signed, outer["TimeStamp"], nonce))

    assert (message.type, message.source, message.target) == ("text", "gh_1", "openid")
    assert message.content == "订单 ]] > <b>"


async def test_the_check_of_a_server_address_is_answered_as_it_signs_one(session: aiohttp.ClientSession) -> None:
    now, signer = str(int(time.time())), WeChatSigner()
    signer.add_data(TOKEN, now, "nonce")
    query = {"signature": signer.signature, "timestamp": now, "nonce": "nonce", "echostr": "4711"}

    assert account(session, token=TOKEN).greet(Report("GET", query, {}, b"")) == "4711"
    with pytest.raises(Unauthorized):
        account(session, token="another").greet(Report("GET", query, {}, b""))


async def test_an_event_that_it_encrypts_is_a_receipt(session: aiohttp.ClientSession, theirs: WeChatCrypto) -> None:
    now = str(int(time.time()))
    raw = theirs.encrypt_message(EVENT, "nonce", now)
    signed = raw.partition("<MsgSignature><![CDATA[")[2].partition("]]>")[0]
    query = {"encrypt_type": "aes", "timestamp": now, "nonce": "nonce", "msg_signature": signed}

    [receipt] = account(session, token=TOKEN, encodingAesKey=KEY).receipts(Report("POST", query, {}, raw.encode()))

    assert (receipt.provider_id, receipt.address, receipt.code) == ("200163836", "openid", "订单 success")


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
async def test_it_reads_the_events_that_our_stand_in_posts(
    session: aiohttp.ClientSession, running: Sandbox, doors: Doors, theirs: WeChatCrypto, mode: str
) -> None:
    page = {"appid": APP_ID, "token": TOKEN, "encodingAesKey": KEY, "mode": mode}
    async with session.put(f"{running.address.http}/wechatoa/-/server", json=page) as response:
        assert response.status == 204
    running.play("wechatoa", Script.parse({"receipts": [{"delivered": 0}]}))

    answer = await provider(session, running.address).send(submission())

    posted = await doors.report("/v1/wechatoa/callback")
    query, text = posted.query, posted.body.decode()
    check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
    if mode != "plain":
        text = theirs.decrypt_message(text, query["msg_signature"], query["timestamp"], query["nonce"])
    event = parse_message(text)
    assert (event.type, event.event, event.source) == ("event", "templatesendjobfinish", ANN.address)
    assert (str(event.id), event.status) == (answer.outcomes[0].provider_id, "failed:user block")


class Theirs(WeChatClient):  # type: ignore[misc]  # it has no types
    """Its client, elsewhere than at WeChat; where it fetches its token it has no setting for."""

    def __init__(self, base: str, token: str | None = None) -> None:
        self.API_BASE_URL = f"{base}/cgi-bin/"
        super().__init__(APP_ID, SECRET, token)

    def fetch_access_token(self) -> Any:
        asked = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        return self._fetch_access_token(url=f"{self.API_BASE_URL}token", params=asked)


@pytest.fixture
def client(running: Sandbox) -> Iterator[WeChatClient]:
    """It takes our stand-in for WeChat."""
    made = Theirs(f"{running.address.http}/wechatoa")
    yield made
    made._http.close()


class TestClient:
    async def test_a_template_message_is_taken(self, client: WeChatClient, running: Sandbox) -> None:
        jump = {"appid": "wx1", "pagepath": "o?id=1"}

        answer = await done(lambda: client.message.send_template("openid", "T", DATA, "https://s.example", jump))

        [taken] = running.record("wechatoa").accepted
        assert (answer["errcode"], str(answer["msgid"])) == (0, taken["msgid"])
        assert taken["targets"] == ["openid"]
        assert taken["message"] == {
            "template_id": "T", "url": "https://s.example", "miniprogram": jump, "data": DATA,
        }  # fmt: skip

    async def test_a_subscription_notification_is_taken(self, client: WeChatClient, running: Sandbox) -> None:
        answer = await done(
            lambda: client.message.send_subscribe_message("openid", "T", DATA, page="https://s.example")
        )

        [taken] = running.record("wechatoa").accepted
        assert answer["errcode"] == 0
        assert taken["message"] == {"template_id": "T", "data": DATA, "page": "https://s.example"}

    async def test_the_message_of_a_mini_program_is_taken(self, running: Sandbox) -> None:
        message = {"touser": "openid", "template_id": "T", "data": DATA, "page": "index"}
        client = Theirs(f"{running.address.http}/wechatmp")

        answer = await done(lambda: client.post("message/subscribe/send", data=message))

        client._http.close()
        assert (answer["errcode"], running.record("wechatmp").addresses) == (0, ["openid"])

    @pytest.mark.parametrize(
        ("openid", "data", "code"),
        [("bad", DATA, 40003), ("openid", {"thing1": {"value": "x" * 21}}, 47003), ("openid", {}, 47001)],
    )
    async def test_a_refusal_is_its_exception(
        self, client: WeChatClient, running: Sandbox, openid: str, data: dict[str, Any], code: int
    ) -> None:
        running.play("wechatoa", Script.parse({"refuse": ["^bad"]}))

        with pytest.raises(WeChatClientException) as raised:
            await done(lambda: client.message.send_template(openid, "T", data))

        assert raised.value.errcode == code

    async def test_a_token_that_ours_replaced_is_renewed_by_it(self, client: WeChatClient, running: Sandbox) -> None:
        await done(lambda: client.message.send_template("openid", "T", DATA))
        client.session.set(client.access_token_key, "an old one", 7200)

        answer = await done(lambda: client.message.send_template("openid", "T", DATA))

        assert (answer["errcode"], running.record("wechatoa").addresses) == (0, ["openid", "openid"])

    async def test_the_templates_are_listed_and_deleted(self, client: WeChatClient) -> None:
        listed = await done(client.template.get_all_private_template)
        industry = await done(client.template.get_industry)
        await done(lambda: client.template.del_private_template(SAMPLE["template_id"]))

        assert listed["template_list"] == [SAMPLE]
        assert industry["primary_industry"].keys() == {"first_class", "second_class"}
        assert (await done(client.template.get_all_private_template))["template_list"] == []


class TestSameRequest:
    """Its request and ours, arriving at the same server."""

    async def test_of_a_template_message(self, oa: Wechatoa, doors: Doors) -> None:
        jump = {"appid": "wx1", "pagepath": "o?id=1"}
        content = MESSAGE | {"url": "https://s.example", "miniprogram": jump, "data": DATA}

        theirs = await self._of(
            lambda client: client.message.send_template(ANN.address, "TPL", DATA, "https://s.example", jump),
            doors,
        )
        ours = await self._ours(oa, doors, content)

        assert ours[:2] == theirs[:2] == ("/cgi-bin/message/template/send", {"access_token": "token-1"})
        assert ours[2].pop("client_msg_id")
        assert ours[2] == theirs[2]

    async def test_of_a_subscription_notification(self, oa: Wechatoa, doors: Doors) -> None:
        content = NOTIFICATION | {"page": "https://s.example", "data": DATA}

        theirs = await self._of(
            lambda client: client.message.send_subscribe_message(ANN.address, "TPL", DATA, page="https://s.example"),
            doors,
        )

        assert await self._ours(oa, doors, content) == theirs

    async def _of(self, call: Callable[[WeChatClient], Any], doors: Doors) -> tuple[str, dict[str, str], Any]:
        client = Theirs(doors.url, "token-1")
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
        await done(lambda: call(client))
        client._http.close()
        return await self._arrived(doors)

    async def _ours(self, oa: Wechatoa, doors: Doors, content: dict[str, Any]) -> tuple[str, dict[str, str], Any]:
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})
        assert (await oa.send(submission(content))).outcomes[0].state is State.SUBMITTED
        return await self._arrived(doors)

    async def _arrived(self, doors: Doors) -> tuple[str, dict[str, str], Any]:
        path, report = await asyncio.wait_for(doors.reports.get(), 10)
        return path, dict(report.query), body(report)


@pytest.fixture
async def platform(
    running: Sandbox, doors: Doors, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WeChatComponent]:
    """Their third-party platform, at our stand-in; it has been posted a ticket, which it could read."""
    base = f"{running.address.http}/wechat"
    monkeypatch.setattr(WeChatComponent, "API_BASE_URL", f"{base}/cgi-bin")
    monkeypatch.setattr(WeChatComponent, "PRE_AUTH_URL", f"{base}/cgi-bin/componentloginpage")
    monkeypatch.setattr(WeChatComponentClient, "API_BASE_URL", f"{running.address.http}/wechatmp/cgi-bin/")
    made = WeChatComponent(PLATFORM, PLATFORM_SECRET, TOKEN, KEY)
    start = {"component_appid": PLATFORM, "component_secret": PLATFORM_SECRET}
    page = {"component_appid": PLATFORM, "token": TOKEN, "encodingAesKey": KEY}
    for _ in range(2):  # the first ticket goes out before anything was entered about the platform
        async with session.post(f"{base}/cgi-bin/component/api_start_push_ticket", json=start) as response:
            assert (await response.json())["errcode"] == 0
        posted = await doors.report("/v1/wechat/events")
        async with session.put(f"{base}/-/platform", json=page) as response:
            assert response.status == 204
    assert (await noticed(made, posted)).type == "component_verify_ticket"
    yield made
    made._http.close()


async def noticed(platform: WeChatComponent, posted: Report) -> Any:
    query = posted.query
    given = (posted.body, query["msg_signature"], query["timestamp"], query["nonce"])
    return await done(lambda: platform.parse_message(*given))


class TestComponent:
    async def test_the_whole_way_from_the_ticket_to_a_message_and_its_event(
        self, platform: WeChatComponent, running: Sandbox, doors: Doors, session: aiohttp.ClientSession
    ) -> None:
        back = f"{doors.url}/back?a=1"
        page = await done(lambda: platform.get_pre_auth_url(back))
        async with session.get(page, headers={"referer": doors.url}) as response:
            assert response.status == 200
        async with session.post(page, data={"account": ACCOUNT}, allow_redirects=False) as response:
            returned = parse_qs(urlsplit(response.headers["location"]).query)
        assert returned.keys() == {"a", "auth_code", "expires_in"}

        told = await noticed(platform, await doors.report("/v1/wechat/events"))

        assert (told.type, told.authorizer_appid) == ("authorized", ACCOUNT)
        assert told.authorization_code == returned["auth_code"][0]
        info = (await done(lambda: platform.get_authorizer_info(ACCOUNT)))["authorization_info"]
        assert info["authorizer_refresh_token"] == platform.session.get(f"{ACCOUNT}_refresh_token")
        running.play("wechatmp", Script.parse({"receipts": [{"delivered": 1}]}))
        client = platform.get_client_by_appid(ACCOUNT)
        message = {"touser": "openid", "template_id": "T", "data": DATA}
        sent = await done(lambda: client.post("message/subscribe/send", data=message))
        client._http.close()
        posted = await doors.report(f"/v1/wechat/{ACCOUNT}/callback")
        query = posted.query
        text = platform.crypto.decrypt_message(posted.body, query["msg_signature"], query["timestamp"], query["nonce"])
        assert f"<MsgID>{sent['msgid']}</MsgID>" in text

    async def test_a_refresh_token_is_good_once(self, platform: WeChatComponent) -> None:
        info = (await done(lambda: platform.get_authorizer_info(ACCOUNT)))["authorization_info"]
        old = info["authorizer_refresh_token"]

        renewed = await done(lambda: platform.refresh_authorizer_token(ACCOUNT, old))

        assert renewed["authorizer_refresh_token"] != old
        with pytest.raises(WeChatClientException) as raised:
            await done(lambda: platform.refresh_authorizer_token(ACCOUNT, old))
        assert raised.value.errcode == 61023

    async def test_who_withdraws_is_told_and_served_no_more(
        self, platform: WeChatComponent, running: Sandbox, doors: Doors, session: aiohttp.ClientSession
    ) -> None:
        withdrawn = {"component_appid": PLATFORM, "appid": ACCOUNT, "permissions": []}
        async with session.put(f"{running.address.http}/wechat/-/authorizations", json=withdrawn) as response:
            assert response.status == 204

        told = await noticed(platform, await doors.report("/v1/wechat/events"))

        assert (told.type, told.authorizer_appid) == ("unauthorized", ACCOUNT)
        with pytest.raises(WeChatClientException) as raised:
            await done(lambda: platform.get_authorizer_info(ACCOUNT))
        assert raised.value.errcode == 61003
