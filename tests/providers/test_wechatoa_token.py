"""The access token of a WeChat Official Account: asked for once, replaced when it is stale, shown to nobody."""

import asyncio
import traceback

import aiohttp
import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_wechatoa import ANN, APP_ID, BEN, SECRET, SEND, TOKEN, provider, said, submission
from tests.providers.test_wechatoa import oa as oa
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Outcome
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox import Sandbox
from ums.vocabulary import State


async def test_the_token_is_a_stable_one_and_asked_for_once(session: aiohttp.ClientSession, doors: Doors) -> None:
    doors.answer(200, TOKEN)
    for number in range(4):
        doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": number + 1})
    oa = provider(session, baseUrl=doors.url)

    await asyncio.gather(oa.send(submission(None, ANN, BEN)), oa.send(submission(None, ANN, BEN)))

    asked = await doors.report("/cgi-bin/stable_token")
    assert (asked.method, asked.query) == ("POST", {})
    assert body(asked) == {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}
    assert {doors.reports.get_nowait()[0] for _ in range(doors.reports.qsize())} == {SEND}


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_stale_token_is_replaced_and_the_call_repeated(oa: Wechatoa, doors: Doors, code: int) -> None:
    doors.answer(200, said(code))
    doors.answer(200, TOKEN | {"access_token": "token-2"})
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})

    answer = await oa.send(submission())

    assert (await doors.report(SEND)).query == {"access_token": "token-1"}
    await doors.report("/cgi-bin/stable_token")
    assert (await doors.report(SEND)).query == {"access_token": "token-2"}
    assert answer.outcomes == [Outcome(7, State.SUBMITTED, provider_id="1")]


async def test_a_token_refused_twice_is_for_the_operator(oa: Wechatoa, doors: Doors) -> None:
    for answer in (said(40001), TOKEN, said(40001)):
        doors.answer(200, answer)

    with pytest.raises(ProviderRefused, match="40001: so it is"):
        await oa.send(submission())


@pytest.mark.parametrize("code", [40013, 40125, 40164, 40243, 41002, 41004, 43002, 50004, 50007, 89503, 40001])
async def test_a_token_that_is_refused_is_for_the_operator(
    session: aiohttp.ClientSession, doors: Doors, code: int
) -> None:
    doors.answer(200, {"errcode": code, "errmsg": f"no token for {SECRET}"})

    with pytest.raises(ProviderRefused) as refused:
        await provider(session, baseUrl=doors.url).send(submission())

    assert str(refused.value) == f"{code}: no token for ..."


@pytest.mark.parametrize("raw", [b'{"access_token": "leaked', b"{}", b'{"access_token": "leaked", "expires_in": "x"}'])
async def test_no_readable_token_is_worth_another_try_and_is_not_shown(
    session: aiohttp.ClientSession, doors: Doors, raw: bytes
) -> None:
    doors.answer(200, raw)

    with pytest.raises(ProviderBusy) as busy:
        await provider(session, baseUrl=doors.url).send(submission())

    assert "leaked" not in str(busy.value)


async def test_a_lost_token_is_worth_another_try(session: aiohttp.ClientSession, doors: Doors) -> None:
    doors.hang_up()

    with pytest.raises(ProviderBusy):
        await provider(session, baseUrl=doors.url).send(submission())


@pytest.mark.parametrize(
    ("status", "raw", "headers"),
    [
        (200, b"no JSON: token-1", {}),
        (200, b'{"errcode": 48001, "errmsg": "token-1"}', {}),
        (200, b'{"errcode": 47003, "errmsg": "token-1"}', {}),
        (302, b"", {"Location": "https://api.weixin.qq.com/of/token-1"}),
        (404, b"no /?access_token=token-1 here", {}),
        (502, b"no /?access_token=token-1 here", {}),
        (503, b"no /?access_token=token-1 here", {}),
    ],
)
async def test_the_token_appears_in_no_error(
    oa: Wechatoa, doors: Doors, status: int, raw: bytes, headers: dict[str, str]
) -> None:
    doors.answer(status, raw, headers)

    try:
        shown = repr(await oa.send(submission()))
    except (ProviderBusy, ProviderRefused, OutcomeUnknown) as error:
        shown = "".join(traceback.format_exception(error))

    assert "..." in shown
    assert "token-1" not in shown


async def test_a_token_that_another_system_voided_is_replaced(session: aiohttp.ClientSession, running: Sandbox) -> None:
    oa = provider(session, running.address)
    await oa.send(submission())
    forced = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET, "force_refresh": True}
    async with session.post(f"{running.address.http}/wechatoa/cgi-bin/stable_token", json=forced) as response:
        assert response.status == 200

    await oa.send(submission(None, BEN))

    assert running.record("wechatoa").addresses == ["openid-ann", "openid-ben"]
