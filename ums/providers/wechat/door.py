"""The server address of an account: who posts there is verified, and what it posts is opened.

https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
"""

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ums.errors import CallerRefused, Problem, Unauthorized
from ums.providers.contract import Account, Report
from ums.providers.wechat.crypto import decrypted, encrypted, signature, stand_in_key
from ums.providers.wechat.xml import parsed

MOST_BYTES = 64 * 1024
FRESH = 300
"""Seconds by which a timestamp may be off, either way: WeChat gives up after three posts within seconds."""


@dataclass(frozen=True)
class Door:
    app_id: str
    token: str = field(repr=False)
    """The Token of the server address; empty: none was configured, and nobody can prove to be WeChat."""
    encoding_aes_key: str = field(default="", repr=False)
    """When there is one, events come encrypted, and others are refused: a plain one's signature leaves out its body."""

    @classmethod
    def of(cls, account: Account) -> "Door":
        """A stand-in knows no Token of ours: it posts plain events and signs with the AppSecret.

        Those of a third-party platform always come encrypted, for its AppID and not for the account's.
        """
        credentials = account.credentials
        if credentials.get("authorization") == "qr":
            secret, app_id = credentials["componentAppSecret"], credentials["componentAppId"]
            if account.sandbox:
                return cls(app_id, secret, stand_in_key(secret))
            return cls(app_id, credentials["token"], credentials["encodingAesKey"])
        if account.sandbox:
            return cls(credentials["appId"], credentials.get("appSecret", ""))
        return cls(credentials["appId"], credentials.get("token", ""), credentials.get("encodingAesKey", ""))

    def greet(self, report: Report) -> str | None:
        """The `echostr`, when that is all it is about; raises Unauthorized when it is not signed as it should be."""
        if report.method != "GET" or "echostr" not in report.query:
            return None
        self._verify(report, "signature")
        return report.query["echostr"]

    def event(self, report: Report) -> dict[str, Any]:
        """What was posted, in clear; raises Unauthorized or CallerRefused."""
        if len(report.body) > MOST_BYTES:
            raise unreadable(f"more than {MOST_BYTES} bytes")
        if not self.encoding_aes_key and report.query.get("encrypt_type", "raw") == "raw":
            self._verify(report, "signature")
            return _opened(report.body)
        envelope = _opened(report.body).get("Encrypt")
        if not isinstance(envelope, str):
            raise Unauthorized("a WeChat event in clear, where encrypted ones are expected")
        self._verify(report, "msg_signature", envelope)
        return _opened(self._decrypted(envelope))

    def reply(self, event: Mapping[str, Any], text: str) -> bytes:
        """The answer to a message, by which its sender reads this text."""
        now, nonce = str(int(time.time())), secrets.token_hex(8)
        message = (
            f"<xml><ToUserName>{_cdata(event['FromUserName'])}</ToUserName>"
            f"<FromUserName>{_cdata(event['ToUserName'])}</FromUserName><CreateTime>{now}</CreateTime>"
            f"<MsgType>{_cdata('text')}</MsgType><Content>{_cdata(text)}</Content></xml>"
        )
        sealed = encrypted(self.encoding_aes_key, message.encode(), self.app_id)
        return (
            f"<xml><Encrypt>{_cdata(sealed)}</Encrypt>"
            f"<MsgSignature>{_cdata(signature(self.token, now, nonce, sealed))}</MsgSignature>"
            f"<TimeStamp>{now}</TimeStamp><Nonce>{_cdata(nonce)}</Nonce></xml>"
        ).encode()

    def _decrypted(self, envelope: str) -> bytes:
        if not self.encoding_aes_key:
            raise unreadable("it is encrypted: credentials.encodingAesKey is missing")
        try:
            message, app_id = decrypted(self.encoding_aes_key, envelope)
        except ValueError as error:
            raise Unauthorized(f"a WeChat event that cannot be decrypted: {error}") from error
        if app_id != self.app_id:
            raise Unauthorized("a WeChat event for another AppID")
        return message

    def _verify(self, report: Report, name: str, *more: str) -> None:
        timestamp, nonce = report.query.get("timestamp", ""), report.query.get("nonce", "")
        expected = signature(self.token, timestamp, nonce, *more)
        given = report.query.get(name, "")
        if not self.token or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unauthorized("a request without the WeChat signature of this account")
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > FRESH:
            raise Unauthorized(f"a WeChat request whose timestamp is more than {FRESH} seconds off")


def unreadable(message: str) -> CallerRefused:
    return CallerRefused([Problem(code="receipt_unreadable", message=f"WeChat event: {message}")])


def _opened(raw: bytes) -> dict[str, Any]:
    """Of XML or JSON: the account's owner chooses."""
    try:
        opened = orjson.loads(raw) if raw.lstrip().startswith(b"{") else parsed(raw)
    except ValueError as error:
        raise unreadable(str(error)) from error
    return dict(opened)


def _cdata(text: object) -> str:
    return f"<![CDATA[{str(text).replace(']]>', ']] >')}]]>"
