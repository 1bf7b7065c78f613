"""A WeChat Official Account: the calls as they are sent, and what every answer means."""

import time
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.wechat.official_account import Wechatoa
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
