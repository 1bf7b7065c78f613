"""Checked against wechatpy, which others wrote: its third-party platform at our stand-in.

https://github.com/wechatpy/wechatpy
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from wechatpy.client import WeChatComponentClient
from wechatpy.component import WeChatComponent
from wechatpy.exceptions import WeChatClientException

from tests.providers.conftest import Doors
from tests.providers.test_wechat_events import KEY, TOKEN
from tests.providers.test_wechatpy_client import DATA, done
from ums.providers.contract import Report
from ums.sandbox import Sandbox
from ums.sandbox.script import Script

PLATFORM, PLATFORM_SECRET, ACCOUNT = "wx0123456789abcdef", "component-secret", "wxd101a85aa106f53e"


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
