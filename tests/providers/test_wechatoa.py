"""A WeChat Official Account: the calls as they are sent, and what every answer means."""

import asyncio
import time
import traceback
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox import Sandbox
from ums.vocabulary import Reason, SandboxAddress, State

APP_ID, SECRET = "wx570bc396a51b8ff8", "d4624c36b6795d1d99dcf0547af5443d"
MESSAGE = {"type": 0, "template_id": "TPL", "data": {"thing1": {"value": "Tea"}}}
NOTIFICATION = {"type": 1, "template_id": "TPL", "data": {"thing1": {"value": "Tea"}}}
ANN, BEN = Target(7, "openid-ann"), Target(8, "openid-ben")
SEND, BIZSEND = "/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend"
TOKEN = {"access_token": "token-1", "expires_in": 7200}

EXAMPLE = Example({"appId": "key", "appSecret": "secret"}, MESSAGE, "oABCD-{:06}")


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Wechatoa:
    return Wechatoa(Account("shopoa", {"appId": APP_ID, "appSecret": SECRET, **more}, sandbox), session)


@pytest.fixture
async def oa(session: aiohttp.ClientSession, doors: Doors) -> Wechatoa:
    """Talks to `doors` as if they were WeChat, and has its token already."""
    doors.answer(200, TOKEN)
    made = provider(session, baseUrl=doors.url)
    await made._api.token()
    await doors.report("/cgi-bin/stable_token")
    return made


def submission(content: dict[str, Any] | None = None, *targets: Target, age: float = 0) -> Submission:
    return Submission(f"{int(time.time() - age):x}-0123", content or MESSAGE, targets or (ANN,), 0)


def said(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "so it is"}


async def test_a_template_message_is_worded_as_the_reference_says(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 3557254367693750277})
    content = MESSAGE | {
        "url": "https://shop.example/o/1",
        "page": "https://shop.example/not-said",
        "miniprogram": {"appid": "wx1", "pagepath": "o?id=1"},
        "data": {"first": {"value": "订单"}, "keyword1": {"value": "1", "color": "#173177"}},
        "color": "#333333",
    }
    sending = submission(content)

    answer = await oa.send(sending)

    sent = await doors.report(SEND)
    assert (sent.method, sent.query) == ("POST", {"access_token": "token-1"})
    assert "订单".encode() in sent.body
    assert body(sent) == {
        "touser": "openid-ann",
        "template_id": "TPL",
        "url": "https://shop.example/o/1",
        "miniprogram": {"appid": "wx1", "pagepath": "o?id=1"},
        "data": {
            "first": {"value": "订单", "color": "#333333"},
            "keyword1": {"value": "1", "color": "#173177"},
        },
        "client_msg_id": sending.key,
    }
    assert answer.outcomes == [Outcome(7, State.SUBMITTED, provider_id="3557254367693750277")]


async def test_a_subscription_notification_goes_elsewhere_and_has_no_colours(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok"})
    data = {"thing1": {"value": "Tea", "color": "#173177"}}

    answer = await oa.send(submission(NOTIFICATION | {"page": "https://shop.example/o/1", "data": data}))

    assert body(await doors.report(BIZSEND)) == {
        "touser": "openid-ann",
        "template_id": "TPL",
        "page": "https://shop.example/o/1",
        "data": {"thing1": {"value": "Tea"}},
    }
    assert answer.outcomes == [Outcome(7, State.SUBMITTED)]


async def test_a_notification_may_lead_into_a_mini_program(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": "1700827132819554304"})
    jump = {"appid": "wx1", "pagepath": "o?id=1"}

    answer = await oa.send(submission(NOTIFICATION | {"miniprogram": jump, "color": "#333333"}))

    sent = await doors.report(BIZSEND)
    assert (sent.method, sent.query) == ("POST", {"access_token": "token-1"})
    assert sent.headers["content-type"] == "application/json"
    assert body(sent) == {
        "touser": "openid-ann", "template_id": "TPL", "miniprogram": jump, "data": {"thing1": {"value": "Tea"}},
    }  # fmt: skip
    assert answer.outcomes == [Outcome(7, State.SUBMITTED, provider_id="1700827132819554304")]


async def test_a_template_message_says_no_more_than_its_content(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "msgid": 1})

    await oa.send(submission(MESSAGE | {"data": {"thing1": {"value": "茶 €"}}}))

    sent = await doors.report(SEND)
    assert sent.body.decode().count("茶 €") == 1  # no \u escapes: WeChat refuses them
    assert body(sent).keys() == {"touser", "template_id", "data", "client_msg_id"}
    assert body(sent)["data"] == {"thing1": {"value": "茶 €"}}


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
    ("code", "state", "reason"),
    [
        (40003, State.INVALID, Reason.INVALID_ADDRESS),
        (43004, State.INVALID, Reason.UNSUBSCRIBED),
        (43101, State.INVALID, Reason.UNSUBSCRIBED),
        (48002, State.INVALID, Reason.UNSUBSCRIBED),
        (50005, State.INVALID, Reason.UNSUBSCRIBED),
        (43019, State.INVALID, Reason.UNREACHABLE),
        (50002, State.INVALID, Reason.UNREACHABLE),
        (45015, State.INVALID, Reason.UNREACHABLE),
        (45047, State.INVALID, Reason.UNREACHABLE),
        (40036, State.REFUSED, Reason.CONTENT),
        (40249, State.REFUSED, Reason.CONTENT),
        (47002, State.REFUSED, Reason.CONTENT),
        (40037, State.REFUSED, Reason.CONTENT),
        (40165, State.REFUSED, Reason.CONTENT),
        (40166, State.REFUSED, Reason.CONTENT),
        (43116, State.REFUSED, Reason.CONTENT),
        (45168, State.REFUSED, Reason.CONTENT),
        (47001, State.REFUSED, Reason.CONTENT),
        (47003, State.REFUSED, Reason.CONTENT),
        (40241, State.REFUSED, Reason.DUPLICATE),
        (49999, State.REFUSED, Reason.UNKNOWN),
    ],
)
async def test_a_code_about_one_message_is_its_targets_fate(
    oa: Wechatoa, doors: Doors, code: int, state: State, reason: Reason
) -> None:
    doors.answer(200, said(code))

    answer = await oa.send(submission())

    assert answer.outcomes == [Outcome(7, state, reason, str(code), "so it is")]


@pytest.mark.parametrize("code", [43106, 43107, 45026, 45027, 48001, 48004, 48008, 40164, 40243, 61007, 50007, 65400])
async def test_a_code_about_the_account_is_for_the_operator(oa: Wechatoa, doors: Doors, code: int) -> None:
    doors.answer(200, said(code))

    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await oa.send(submission())


@pytest.mark.parametrize("code", [-1, 43108, 43117, 45999])
async def test_what_time_mends_is_busy(oa: Wechatoa, doors: Doors, code: int) -> None:
    doors.answer(200, said(code))

    with pytest.raises(ProviderBusy, match=f"{code}: so it is"):
        await oa.send(submission())


async def test_a_quota_says_for_how_long_it_is_used_up(
    oa: Wechatoa, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors.answer(200, said(45011))
    with pytest.raises(ProviderBusy) as minute:
        await oa.send(submission())

    doors.answer(200, said(45009))
    monkeypatch.setattr("ums.providers.wechat.errors.time.time", lambda: 1_700_000_000.0)  # 06:13:20 in Beijing
    with pytest.raises(ProviderBusy) as day:
        await oa.send(submission(age=0))

    assert (minute.value.retry_after, day.value.retry_after) == (60.0, 17 * 3600 + 46 * 60 + 40)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>", b'{"errcode": "0"}'])
async def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(oa: Wechatoa, doors: Doors, raw: bytes) -> None:
    doors.answer(200, raw)

    with pytest.raises(OutcomeUnknown):
        await oa.send(submission())


async def test_a_gateways_own_error_is_unknown_or_for_the_operator(oa: Wechatoa, doors: Doors) -> None:
    doors.answer(502, b"<html>Bad Gateway")
    with pytest.raises(OutcomeUnknown, match="502"):
        await oa.send(submission())

    doors.answer(404, b"<html>Not Found")
    with pytest.raises(ProviderRefused, match="404: <html>Not Found"):
        await oa.send(submission())


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
