"""The calls of a third-party platform as they are sent, and what every answer means."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_wechat_events import KEY, TOKEN
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.tokens import OwnTokens, Token, Tokens
from ums.providers.wechat.component import ACCOUNT_TOKEN, TICKET, Component
from ums.providers.wechat.mini_program import Wechatmp
from ums.vocabulary import State

APP_ID, PLATFORM, SECRET = "wxd101a85aa106f53e", "wx0123456789abcdef", "component-secret"


CREDENTIALS = {
    "appId": APP_ID,
    "authorization": "qr",
    "componentAppId": PLATFORM,
    "componentAppSecret": SECRET,
    "token": TOKEN,
    "encodingAesKey": KEY,
}


AT = "/cgi-bin/component"


INFO: dict[str, dict[str, Any]] = {
    "authorizer_info": {"nick_name": "Shop", "user_name": "gh_1"},
    "authorization_info": {
        "authorizer_appid": APP_ID,
        "authorizer_refresh_token": "refresh-read",
        "func_info": [{"funcscope_category": {"id": 89}}, {"funcscope_category": {"id": 7}}, {}],
    },
}


REFRESHED = {"authorizer_access_token": "access-1", "expires_in": 7200, "authorizer_refresh_token": "refresh-2"}


MESSAGE = {"template_id": "T", "data": {"thing1": {"value": "Tea"}}}


def made(session: aiohttp.ClientSession, base: str) -> Wechatmp:
    kept: dict[str, Tokens] = {}

    def tokens_of(owner: str, _: Mapping[str, Any]) -> Tokens:
        return kept.setdefault(owner, OwnTokens())

    return Wechatmp(Account("mini", CREDENTIALS | {"baseUrl": base}, None, tokens_of=tokens_of), session)


@pytest.fixture
async def mini(session: aiohttp.ClientSession, doors: Doors) -> Wechatmp:
    """Talks to `doors` as if they were WeChat; its platform has a ticket and a token."""
    mini = made(session, doors.url)
    await platform(mini).tokens.put(TICKET, Token("ticket-1", 3600))
    await platform(mini).tokens.put("component_access_token", Token("component-1", 7200))
    return mini


def platform(mini: Wechatmp) -> Component:
    assert mini.component
    return mini.component


async def test_the_platforms_token_is_had_for_the_ticket_and_the_secret(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    mini = made(session, doors.url)
    await platform(mini).tokens.put(TICKET, Token("ticket-1", 3600))
    doors.answer(200, {"component_access_token": "component-1", "expires_in": 7200})
    doors.answer(200, {"pre_auth_code": "preauthcode@@@1", "expires_in": 600})

    computer, inside = await platform(mini).pages("https://ums.example/v1/wechat/authorized/x?a=1")

    first, second = await doors.report(f"{AT}/api_component_token"), await doors.report(f"{AT}/api_create_preauthcode")
    assert (first.method, first.query) == ("POST", {})
    assert body(first) == {
        "component_appid": PLATFORM,
        "component_appsecret": SECRET,
        "component_verify_ticket": "ticket-1",
    }
    assert (second.query, body(second)) == ({"access_token": "component-1"}, {"component_appid": PLATFORM})
    asked = {
        "component_appid": [PLATFORM],
        "pre_auth_code": ["preauthcode@@@1"],
        "redirect_uri": ["https://ums.example/v1/wechat/authorized/x?a=1"],
        "biz_appid": [APP_ID],
    }
    assert computer.partition("?")[0] == "https://mp.weixin.qq.com/cgi-bin/componentloginpage"
    assert parse_qs(urlsplit(computer).query) == asked
    assert inside.partition("?")[0] == "https://open.weixin.qq.com/wxaopen/safe/bindcomponent"
    assert parse_qs(urlsplit(inside).query) == asked | {"action": ["bindcomponent"], "no_scan": ["1"]}
    assert urlsplit(inside).fragment == "wechat_redirect"


async def test_without_a_pre_auth_code_there_is_no_page(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {})

    with pytest.raises(ProviderBusy, match="no_pre_auth_code"):
        await platform(mini).pages("https://ums.example/back")


async def test_an_authorization_code_is_exchanged_for_what_was_granted(mini: Wechatmp, doors: Doors) -> None:
    granted = INFO["authorization_info"] | {"authorizer_access_token": "access-1", "expires_in": 7200}
    doors.answer(200, {"authorization_info": granted})
    doors.answer(200, INFO)

    grant = await platform(mini).granted("queryauthcode@@@1")

    sent = await doors.report(f"{AT}/api_query_auth")
    assert sent.query == {"access_token": "component-1"}
    assert body(sent) == {"component_appid": PLATFORM, "authorization_code": "queryauthcode@@@1"}
    assert body(await doors.report(f"{AT}/api_get_authorizer_info"))["authorizer_appid"] == APP_ID
    assert (grant.app_id, grant.refresh_token, grant.permissions) == (APP_ID, "refresh-read", [7, 89])
    assert grant.title == "Shop"
    assert grant.access_token == Token("access-1", 7200.0, "refresh-read")
    assert "refresh-read" not in repr(grant)
    assert "access-1" not in repr(grant)


async def test_a_grant_is_not_lost_with_the_question_for_its_title(mini: Wechatmp, doors: Doors) -> None:
    doors.answer(200, {"authorization_info": INFO["authorization_info"]})
    doors.answer(200, {"errcode": -1, "errmsg": "system busy"})

    grant = await platform(mini).granted("queryauthcode@@@1")

    assert (grant.app_id, grant.refresh_token, grant.title) == (APP_ID, "refresh-read", "")


async def test_the_accounts_token_is_had_for_its_refresh_token_which_it_replaces(mini: Wechatmp, doors: Doors) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0, "refresh-1"))
    doors.answer(200, REFRESHED)
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})

    answer = await mini.send(Submission("", MESSAGE, (Target(7, "openid"),), 0))

    sent = await doors.report(f"{AT}/api_authorizer_token")
    assert sent.query == {"access_token": "component-1"}
    assert body(sent) == {
        "component_appid": PLATFORM,
        "authorizer_appid": APP_ID,
        "authorizer_refresh_token": "refresh-1",
    }
    message = await doors.report("/cgi-bin/message/subscribe/send")
    assert (message.query, body(message)) == ({"access_token": "access-1"}, {"touser": "openid", **MESSAGE})
    assert (await platform(mini).account_tokens.known(ACCOUNT_TOKEN)).refresh == "refresh-2"
    assert answer.outcomes == [Outcome(7, State.SUBMITTED, provider_id="1")]


async def test_a_message_whose_event_could_not_be_told_apart_is_delivered_with_the_answer(
    mini: Wechatmp, doors: Doors
) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("access-1", 7200.0, "refresh-1"))
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})

    answer = await mini.send(Submission("", MESSAGE, (Target(7, "openid"),), 0))

    assert answer.outcomes == [Outcome(7, State.DELIVERED)]


async def test_an_answer_without_a_new_refresh_token_keeps_the_old_one(mini: Wechatmp, doors: Doors) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0, "refresh-1"))
    doors.answer(200, {"authorizer_access_token": "access-1", "expires_in": 7200})

    assert await platform(mini).fresh_token() == Token("access-1", 7200.0, "refresh-1")


@pytest.mark.parametrize("known", ["", "refresh-old"])
async def test_a_refresh_token_that_is_missing_or_refused_is_asked_for(
    mini: Wechatmp, doors: Doors, known: str
) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0, known))
    if known:
        doors.answer(200, {"errcode": 61023, "errmsg": "refresh_token is invalid"})
    doors.answer(200, INFO)
    doors.answer(200, REFRESHED)

    assert (await platform(mini).fresh_token()).value == "access-1"

    if known:
        assert body(await doors.report(f"{AT}/api_authorizer_token"))["authorizer_refresh_token"] == known
    asked = await doors.report(f"{AT}/api_get_authorizer_info")
    assert body(asked) == {"component_appid": PLATFORM, "authorizer_appid": APP_ID}
    assert body(await doors.report(f"{AT}/api_authorizer_token"))["authorizer_refresh_token"] == "refresh-read"


@pytest.mark.parametrize(
    "answers",
    [
        [{"errcode": 61003, "errmsg": "not ours"}],
        [{"errcode": 61023, "errmsg": "old"}, {"errcode": 61003, "errmsg": "not ours"}],
        [{"errcode": 61023, "errmsg": "old"}, INFO, {"errcode": 61023, "errmsg": "not ours"}],
    ],
)
async def test_an_account_that_did_not_authorize_says_whom_to_ask(
    mini: Wechatmp, doors: Doors, answers: list[dict[str, Any]]
) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("", 0.0, "refresh-1"))
    for answer in answers:
        doors.answer(200, answer)

    with pytest.raises(ProviderRefused, match=r"not_authorized: DeliveryChannel mini: .* WeChat: not ours") as refused:
        await mini.send(Submission("", MESSAGE, (Target(7, "openid"),), 0))

    assert "ask the account's administrator to scan the code that `ums wechat authorize mini`" in str(refused.value)


async def test_a_call_that_the_account_no_longer_allows_forgets_what_was_granted(mini: Wechatmp, doors: Doors) -> None:
    await platform(mini).account_tokens.put(ACCOUNT_TOKEN, Token("access-1", 7200.0, "refresh-1"))
    doors.answer(200, {"errcode": 61003, "errmsg": "component is not authorized by this account"})

    with pytest.raises(ProviderRefused, match="not_authorized"):
        await mini.send(Submission("", MESSAGE, (Target(7, "openid"),), 0))

    assert (await platform(mini).account_tokens.known(ACCOUNT_TOKEN))[::2] == ("", "")


@pytest.mark.parametrize("code", [40001, 40014, 42001, 42006, 40094])
async def test_a_stale_platform_token_is_replaced_and_the_call_repeated(
    mini: Wechatmp, doors: Doors, code: int
) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "stale"})
    doors.answer(200, {"component_access_token": "component-2", "expires_in": 7200})
    doors.answer(200, INFO)

    assert (await platform(mini).found(APP_ID)).title == "Shop"

    assert (await doors.report(f"{AT}/api_get_authorizer_info")).query == {"access_token": "component-1"}
    await doors.report(f"{AT}/api_component_token")
    assert (await doors.report(f"{AT}/api_get_authorizer_info")).query == {"access_token": "component-2"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"errcode": 40125, "errmsg": f"wrong {SECRET}"}, ProviderRefused),
        ({"errcode": 61004, "errmsg": f"access clientip is not registered {SECRET}"}, ProviderRefused),
        ({"errcode": -1, "errmsg": f"system busy {SECRET}"}, ProviderBusy),
        ({"component_access_token": "leaked"}, ProviderBusy),
        ({}, ProviderBusy),
    ],
)
async def test_a_platform_that_gets_no_token_says_why_and_no_secret(
    session: aiohttp.ClientSession, doors: Doors, answer: dict[str, Any], error: type[Exception]
) -> None:
    mini = made(session, doors.url)
    await platform(mini).tokens.put(TICKET, Token("ticket-1", 3600))
    doors.answer(200, answer)

    with pytest.raises(error) as raised:
        await platform(mini).found(APP_ID)

    assert [secret for secret in (SECRET, "ticket-1", "leaked") if secret in str(raised.value)] == []


@pytest.mark.parametrize(("hang_up", "raw"), [(True, b""), (False, b"<html>"), (False, b'{"authorization_info": {}}')])
async def test_an_answer_that_is_lost_or_makes_no_sense_is_worth_another_try(
    mini: Wechatmp, doors: Doors, hang_up: bool, raw: bytes
) -> None:
    if hang_up:
        doors.hang_up()
    else:
        doors.answer(200, raw)

    with pytest.raises(ProviderBusy):
        await platform(mini).granted("queryauthcode@@@1")
