"""Checked against wechatpy, which others wrote: its crypto and its reading of events.

https://github.com/wechatpy/wechatpy
"""

import time

import aiohttp
import pytest
from wechatpy import parse_message
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import WeChatSigner, check_signature

from tests.providers.conftest import Doors
from tests.providers.test_wechat_events import KEY, TOKEN, account
from tests.providers.test_wechatoa import ANN, APP_ID, provider, submission
from ums.errors import Unauthorized
from ums.providers.contract import Report
from ums.providers.wechat.crypto import decrypted, signature
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.sandbox.wechat.events import encrypted

EVENT = """<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[openid]]></FromUserName>
<CreateTime>1395658920</CreateTime><MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>200163836</MsgID>
<Status><![CDATA[订单 success]]></Status></xml>"""


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
