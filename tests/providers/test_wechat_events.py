"""WeChat's server address: who may post there, what is opened, and which events are receipts."""

import json
import time
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_wechatoa import ANN, APP_ID, NOTIFICATION, SECRET, submission
from ums.errors import CallerRefused, Unauthorized
from ums.providers.contract import Account, Receipt, Report
from ums.providers.wechat.crypto import signature
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wechat.events import encrypted
from ums.vocabulary import Reason, State, system_clock

TOKEN, KEY = "our-token", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
JOB = """<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>
<FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName><CreateTime>1395658920</CreateTime>
<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>
<MsgID>200163836</MsgID><Status><![CDATA[{}]]></Status></xml>"""
SENT = """<xml><FromUserName><![CDATA[openid]]></FromUserName><CreateTime>1620963428</CreateTime>
<MsgType>event</MsgType><Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent>{}</SubscribeMsgSentEvent></xml>"""
ITEM = """<List><TemplateId>T</TemplateId><MsgID>{}</MsgID><ErrorCode>{}</ErrorCode>
<ErrorStatus><![CDATA[{}]]></ErrorStatus></List>"""
DELIVERED = Receipt("200163836", "oia2TjuEGTNoeX76QEjQNrcURxG8", State.DELIVERED, 1395658920000, None, "success")


def account(session: aiohttp.ClientSession, **more: str) -> Wechatoa:
    return Wechatoa(Account("shopoa", {"appId": APP_ID, "appSecret": SECRET, **more}), session)


@pytest.fixture
def plain(session: aiohttp.ClientSession) -> Wechatoa:
    return account(session, token=TOKEN)


@pytest.fixture
def safe(session: aiohttp.ClientSession) -> Wechatoa:
    return account(session, token=TOKEN, encodingAesKey=KEY)


def signed(token: str = TOKEN, age: float = 0, **more: str) -> dict[str, str]:
    timestamp = str(int(time.time() - age))
    return {"signature": signature(token, timestamp, "n"), "timestamp": timestamp, "nonce": "n", **more}


def posted(event: str | dict[str, Any], query: dict[str, str] | None = None) -> Report:
    raw = event if isinstance(event, str) else json.dumps(event)
    return Report("POST", signed() if query is None else query, {}, raw.encode())


def sealed(event: str, app_id: str = APP_ID, token: str = TOKEN, age: float = 0) -> Report:
    """As in safe mode."""
    envelope = encrypted(KEY, event.encode(), app_id, b"0123456789abcdef")
    query = signed(token, age, encrypt_type="aes")
    query["msg_signature"] = signature(token, query["timestamp"], "n", envelope)
    return posted(f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{envelope}]]></Encrypt></xml>", query)


async def test_the_door_answers_a_signed_echo(plain: Wechatoa) -> None:
    assert plain.greet(Report("GET", signed(echostr="4711"), {}, b"")) == "4711"
    assert plain.greet(Report("GET", signed(), {}, b"")) is None
    assert plain.greet(posted(JOB, signed(echostr="4711"))) is None


@pytest.mark.parametrize(
    "wrong",
    [
        signed("another"),
        signed() | {"signature": ""},
        signed() | {"nonce": "other"},
        {},
        signed() | {"timestamp": "1"},
    ],
)
async def test_the_door_answers_no_stranger(plain: Wechatoa, wrong: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        plain.greet(Report("GET", wrong | {"echostr": "4711"}, {}, b""))
    with pytest.raises(Unauthorized):
        plain.receipts(posted(JOB.format("success"), wrong))


@pytest.mark.parametrize("age", [400, -400])
async def test_an_old_request_is_not_taken_again(plain: Wechatoa, safe: Wechatoa, age: float) -> None:
    with pytest.raises(Unauthorized, match="timestamp"):
        plain.receipts(posted(JOB.format("success"), signed(age=age)))
    with pytest.raises(Unauthorized, match="timestamp"):
        safe.receipts(sealed(JOB.format("success"), age=age))
    with pytest.raises(Unauthorized, match="timestamp"):
        plain.greet(Report("GET", signed(age=age, echostr="4711"), {}, b""))


async def test_without_a_token_nobody_is_wechat(session: aiohttp.ClientSession) -> None:
    with pytest.raises(Unauthorized):
        account(session).receipts(posted(JOB.format("success"), signed("")))


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("success", State.DELIVERED, None),
        ("failed:user block", State.UNDELIVERED, Reason.UNSUBSCRIBED),
        ("failed: user block", State.UNDELIVERED, Reason.UNSUBSCRIBED),
        ("failed: system failed", State.UNDELIVERED, Reason.PROVIDER),
        ("failed:system failed", State.UNDELIVERED, Reason.PROVIDER),
        ("failed:freq limit", State.UNDELIVERED, Reason.PROVIDER),
        ("failed:something new", State.UNDELIVERED, Reason.UNKNOWN),
        ("pending", State.UNKNOWN, Reason.UNKNOWN),
    ],
)
async def test_the_end_of_a_template_message_is_a_receipt(
    plain: Wechatoa, status: str, state: State, reason: Reason | None
) -> None:
    expected = Receipt("200163836", DELIVERED.address, state, DELIVERED.at, reason, status)
    assert plain.receipts(posted(JOB.format(status))) == [expected]


async def test_the_end_of_a_subscription_message_is_a_receipt(plain: Wechatoa) -> None:
    both = ITEM.format("1700827132819554304", "0", "success") + ITEM.format("2", "5", "system failed")

    assert plain.receipts(posted(SENT.format(both))) == [
        Receipt("1700827132819554304", "openid", State.DELIVERED, 1620963428000, None, "0", "success"),
        Receipt("2", "openid", State.UNDELIVERED, 1620963428000, Reason.PROVIDER, "5", "system failed"),
    ]
    assert [r.provider_id for r in plain.receipts(posted(SENT.format(ITEM.format("3", "0", "success"))))] == ["3"]


@pytest.mark.parametrize("several", [False, True])
async def test_events_may_come_as_json_where_a_list_of_one_is_just_that_one(plain: Wechatoa, several: bool) -> None:
    item = {"TemplateId": "T", "MsgID": "1700827132819554304", "ErrorCode": "0", "ErrorStatus": "success"}
    event = {
        "FromUserName": "openid",
        "CreateTime": "1620963428",
        "MsgType": "event",
        "Event": "subscribe_msg_sent_event",
        "List": [item] if several else item,
    }

    expected = Receipt("1700827132819554304", "openid", State.DELIVERED, 1620963428000, None, "0", "success")
    assert plain.receipts(posted(event)) == [expected]


@pytest.mark.parametrize(
    "event",
    [
        "<xml><MsgType>text</MsgType><Content>hello</Content></xml>",
        "<xml><MsgType>event</MsgType><Event>subscribe</Event></xml>",
        SENT.replace("sent_event", "popup_event").format(
            "<List><SubscribeStatusString>accept</SubscribeStatusString></List>"
        ),
        SENT.format(""),
        SENT.format("<List>text</List>"),
        JOB.format("success").replace("<MsgID>200163836</MsgID>", ""),
    ],
)
async def test_what_tells_of_no_delivery_is_left_out(plain: Wechatoa, event: str) -> None:
    assert plain.receipts(posted(event)) == []


MODES = ("plain", "compatible", "safe")
BOMB = '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Event>&b;</Event></xml>'
FILE = '<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/hostname">]><xml><Event>&f;</Event></xml>'


@pytest.mark.parametrize(
    "raw",
    [
        *(BOMB, FILE, '<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd"><xml><Event>a</Event></xml>'),
        *("", "nonsense", "<xml>", "<xml/>", "<xml>text</xml>", "<xml><a>&undefined;</a></xml>", "{", "{'a': 1}"),
        *("<a>" * 9 + "</a>" * 9, "<xml>" + "x" * 65536 + "</xml>"),
    ],
)
async def test_what_cannot_or_must_not_be_read_is_refused(plain: Wechatoa, raw: str) -> None:
    with pytest.raises(CallerRefused, match="WeChat event"):
        plain.receipts(posted(raw))


async def test_the_stand_ins_events_are_read(session: aiohttp.ClientSession, running: Sandbox, doors: Doors) -> None:
    oa = Wechatoa(Account("shopoa", {"appId": APP_ID, "appSecret": SECRET}, running.address), session)
    running.play("wechatoa", Script.parse({"receipts": [{"delivered": 1}]}))

    for content in (None, NOTIFICATION):
        answer = await oa.send(submission(content))

        [receipt] = oa.receipts(await doors.report("/v1/wechatoa/callback"))
        assert (receipt.provider_id, receipt.address) == (answer.outcomes[0].provider_id, ANN.address)
        assert receipt.state is State.DELIVERED
        assert receipt.at == pytest.approx(system_clock(), abs=5000)


@pytest.mark.parametrize("content", [None, NOTIFICATION])
@pytest.mark.parametrize("page", [{"mode": mode, "json": form} for mode in MODES for form in (False, True)])
async def test_the_stand_in_posts_as_its_server_page_says(
    session: aiohttp.ClientSession,
    running: Sandbox,
    doors: Doors,
    page: dict[str, Any],
    content: dict[str, Any] | None,
) -> None:
    at = f"{running.address.http}/wechatoa"
    entered = {"appid": APP_ID, "token": TOKEN, "encodingAesKey": KEY, **page}
    async with session.put(f"{at}/-/server", json=entered) as response:
        assert response.status == 204
    more = {} if page["mode"] == "plain" else {"encodingAesKey": KEY}
    oa = account(session, token=TOKEN, baseUrl=at, **more)
    running.play("wechatoa", Script.parse({"receipts": [{"delivered": 0}]}))

    answer = await oa.send(submission(content))

    [receipt] = oa.receipts(await doors.report("/v1/wechatoa/callback"))
    assert (receipt.provider_id, receipt.state) == (answer.outcomes[0].provider_id, State.UNDELIVERED)
