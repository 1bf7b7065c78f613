"""What WeChat tells a third-party platform: notices that its key opens, and the ticket that comes with one."""

import json
import time

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_wechat_component import APP_ID, AT, PLATFORM, SECRET, made, platform
from tests.providers.test_wechat_component import mini as mini
from tests.providers.test_wechat_events import KEY, TOKEN, posted, signed
from ums.errors import ProviderBusy, Unauthorized
from ums.providers.contract import Report
from ums.providers.tokens import Token
from ums.providers.wechat import component as module
from ums.providers.wechat.component import TICKET
from ums.providers.wechat.crypto import signature
from ums.providers.wechat.mini_program import Wechatmp
from ums.sandbox.wechat.events import encrypted


@pytest.mark.parametrize("code", [61005, 61006, 61058, 40091])
async def test_a_refused_ticket_is_asked_for_again(session: aiohttp.ClientSession, doors: Doors, code: int) -> None:
    mini = made(session, doors.url)
    await platform(mini).tokens.put(TICKET, Token("ticket-1", 3600))
    doors.answer(200, {"errcode": code, "errmsg": "ticket-1 is old"})
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    with pytest.raises(ProviderBusy, match=rf"{code}: \.\.\. is old; another ticket was asked for") as busy:
        await platform(mini).found(APP_ID)

    assert busy.value.retry_after == 60
    await doors.report(f"{AT}/api_component_token")
    started = body(await doors.report(f"{AT}/api_start_push_ticket"))
    assert started == {"component_appid": PLATFORM, "component_secret": SECRET}


async def test_a_ticket_that_does_not_come_is_worth_another_try_and_says_where_it_is_expected(
    session: aiohttp.ClientSession, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICKET_WAIT", 0.1)
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    with pytest.raises(ProviderBusy, match=f"no_ticket: .*{PLATFORM}.*/v1/wechat/events"):
        await platform(made(session, doors.url)).found(APP_ID)


def notice(app_id: str = PLATFORM, token: str = TOKEN, key: str = KEY) -> Report:
    """A ticket, as WeChat posts it."""
    inner = (
        f"<xml><AppId><![CDATA[{PLATFORM}]]></AppId><CreateTime>{int(time.time())}</CreateTime>"
        "<InfoType><![CDATA[component_verify_ticket]]></InfoType>"
        "<ComponentVerifyTicket><![CDATA[ticket@@@1]]></ComponentVerifyTicket></xml>"
    )
    envelope = encrypted(key, inner.encode(), app_id, b"0123456789abcdef")
    query = signed(token, encrypt_type="aes")
    query["msg_signature"] = signature(token, query["timestamp"], "n", envelope)
    return posted(f"<xml><AppId>{PLATFORM}</AppId><Encrypt><![CDATA[{envelope}]]></Encrypt></xml>", query)


async def test_a_notice_is_opened_with_the_platforms_key(mini: Wechatmp) -> None:
    opened = mini.notice(notice())

    assert (opened["InfoType"], opened["ComponentVerifyTicket"]) == ("component_verify_ticket", "ticket@@@1")


@pytest.mark.parametrize("forged", [{"app_id": APP_ID}, {"token": "another"}, {"key": "B" * 43}])
async def test_a_notice_of_somebody_else_is_refused(mini: Wechatmp, forged: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        mini.notice(notice(**forged))


async def test_a_notice_in_clear_is_refused(mini: Wechatmp) -> None:
    with pytest.raises(Unauthorized, match="in clear"):
        mini.notice(posted(json.dumps({"InfoType": "component_verify_ticket", "ComponentVerifyTicket": "forged"})))
