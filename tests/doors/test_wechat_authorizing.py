"""How an account of WeChat authorizes our third-party platform: the link, the scan, the way back."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.doors.wechat import INVITE, MINI, Wechat
from tests.doors.wechat import wechat as wechat
from ums.sandbox.wechat.components import ALL
from ums.vocabulary import State


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
