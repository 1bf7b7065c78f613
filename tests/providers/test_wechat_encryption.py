"""Events of WeChat that come encrypted: in safe and in compatible mode."""

import json

import aiohttp
import pytest

from tests.providers.test_wechat_events import DELIVERED, JOB, KEY, TOKEN, account, posted, sealed
from tests.providers.test_wechat_events import plain as plain
from tests.providers.test_wechat_events import safe as safe
from ums.errors import CallerRefused, Unauthorized
from ums.providers.contract import Report
from ums.providers.wechat.crypto import decrypted, signature
from ums.providers.wechat.official_account import Wechatoa
from ums.providers.wechat.xml import parsed
from ums.sandbox.wechat.events import encrypted
from ums.vocabulary import State

# https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html - its examples.
THEIR_TOKEN, THEIR_KEY, THEIR_APP = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
REPLY = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
PUSH = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8"
    "XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32I"
    "Ijdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("1714036504", "1514711492"), "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        (("1714037059", "486452656"), "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
        (("1713424427", "415670741", REPLY), "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"),
        (("1714112445", "415670741", PUSH), "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"),
    ],
)
def test_the_signature_is_that_of_the_reference(parts: tuple[str, ...], expected: str) -> None:
    assert signature(THEIR_TOKEN, *parts) == expected


def test_the_events_of_the_reference_are_decrypted() -> None:
    message, app_id = decrypted(THEIR_KEY, PUSH)

    assert (len(message), json.loads(message)["Event"], app_id) == (167, "debug_demo", THEIR_APP)
    assert decrypted(THEIR_KEY, REPLY) == (b'{"demo_resp":"good luck"}', THEIR_APP)


@pytest.mark.parametrize(
    ("key", "cipher_text"),
    [
        (KEY, PUSH),
        (THEIR_KEY, ""),
        (THEIR_KEY, "AAAA"),
        (THEIR_KEY, "not base64"),
        (THEIR_KEY, PUSH[:-24] + "A" * 22 + "=="),
        ("A" * 42, PUSH),
        ("A" * 47, PUSH),
        ("é" * 43, PUSH),
    ],
)
def test_what_was_not_encrypted_for_us_is_not_decrypted(key: str, cipher_text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever its words, it is caught as this
        decrypted(key, cipher_text)


def test_a_length_beyond_the_end_is_noticed() -> None:
    cipher_text = encrypted(KEY, b"x", "wx1", b"0" * 16)

    assert decrypted(KEY, cipher_text) == (b"x", "wx1")
    with pytest.raises(ValueError, match="longer than"):
        decrypted(KEY, encrypted(KEY, b"", "", b"\xff" * 16 + b"\xff\xff\xff\xff"))


async def test_an_encrypted_event_is_opened(safe: Wechatoa) -> None:
    assert safe.receipts(sealed(JOB.format("success"))) == [DELIVERED]


async def test_in_compatible_mode_only_the_encrypted_part_counts(safe: Wechatoa) -> None:
    report = sealed(JOB.format("success"))
    forged = report.body.replace(b"<xml>", b"<xml><Event>TEMPLATESENDJOBFINISH</Event><MsgID>7</MsgID>")

    assert safe.receipts(Report("POST", report.query, {}, forged)) == [DELIVERED]


async def test_an_encrypted_event_may_come_in_json(safe: Wechatoa) -> None:
    report = sealed(json.dumps({"Event": "TEMPLATESENDJOBFINISH", "MsgID": 1, "Status": "success", "CreateTime": 5}))
    envelope = parsed(report.body)

    [receipt] = safe.receipts(Report("POST", report.query, {}, json.dumps(envelope).encode()))

    assert (receipt.provider_id, receipt.state, receipt.at) == ("1", State.DELIVERED, 5000)


async def test_an_encrypted_event_of_somebody_else_is_refused(safe: Wechatoa) -> None:
    with pytest.raises(Unauthorized, match="another AppID"):
        safe.receipts(sealed(JOB.format("success"), app_id=THEIR_APP))
    with pytest.raises(Unauthorized, match="signature"):
        safe.receipts(sealed(JOB.format("success"), token="another"))


async def test_an_event_encrypted_otherwise_is_refused(session: aiohttp.ClientSession) -> None:
    with pytest.raises(Unauthorized, match="decrypted"):
        account(session, token=TOKEN, encodingAesKey=THEIR_KEY).receipts(sealed(JOB.format("success")))


async def test_where_events_come_encrypted_one_in_clear_is_a_forgery(safe: Wechatoa) -> None:
    with pytest.raises(Unauthorized, match="in clear"):
        safe.receipts(posted(JOB.format("success")))


async def test_an_encrypted_event_needs_the_key(plain: Wechatoa) -> None:
    with pytest.raises(CallerRefused, match="encodingAesKey is missing"):
        plain.receipts(sealed(JOB.format("success")))
