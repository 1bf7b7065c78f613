"""What WeChat posts to our third-party platform, and what strangers do."""

from typing import Any

import pytest

from tests.doors.wechat import MINI, PLATFORM, Wechat
from tests.doors.wechat import wechat as wechat
from ums.sandbox.wechat.events import letter


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
