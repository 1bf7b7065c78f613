"""What WeChat posts to an account's server address, in clear or encrypted, as XML or JSON.

https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
"""

import hashlib
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ums.sandbox.postman import Letter

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """What an operator enters on WeChat's page about the server address."""

    token: str
    encoding_aes_key: str = ""
    mode: str = "plain"
    """plain, compatible (in clear and encrypted) or safe (encrypted)."""
    json: bool = False


def job_finish(openid: str, msgid: int, *, delivered: bool) -> Event:
    """Of a template message."""
    status = "success" if delivered else "failed:user block"
    return _event(openid, "TEMPLATESENDJOBFINISH") | {"MsgID": msgid, "Status": status}


def sent(openid: str, msgid: int, template: str, *, delivered: bool) -> Event:
    """Of a subscription message."""
    error, status = (0, "success") if delivered else (1, "system failed")
    item = {"TemplateId": template, "MsgID": msgid, "ErrorCode": error, "ErrorStatus": status}
    return _event(openid, "subscribe_msg_sent_event") | {"SubscribeMsgSentEvent": {"List": item}}


def letter(url: str, app_id: str, server: Server, event: Event) -> Letter:
    body, more = _body(app_id, server, event)
    timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**10))
    query = {
        "signature": signature(server.token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
    }
    query |= {"openid": event["FromUserName"]} if "FromUserName" in event else {}
    if more:
        signed = signature(server.token, timestamp, nonce, more["Encrypt"])
        query |= {"encrypt_type": "aes", "msg_signature": signed}
    kind = "application/json" if server.json else "text/xml"
    return Letter(f"{url}?{urlencode(query)}", {"Content-Type": kind}, body)


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - the provider's choice


def encrypted(encoding_aes_key: str, message: bytes, app_id: str, salt: bytes) -> str:
    """`salt` is 16 random bytes."""
    key = b64decode(encoding_aes_key + "=")
    clear = salt + len(message).to_bytes(4, "big") + message + app_id.encode()
    filling = 32 - len(clear) % 32
    sealed = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64encode(sealed.update(clear + bytes([filling]) * filling) + sealed.finalize()).decode()


def decrypted(encoding_aes_key: str, cipher_text: str) -> bytes:
    """The message in an answer; raises ValueError."""
    key = b64decode(encoding_aes_key + "=")
    opener = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    clear = opener.update(b64decode(cipher_text, validate=True)) + opener.finalize()
    return clear[20 : 20 + int.from_bytes(clear[16:20], "big")]


def xml(values: Event) -> str:
    """Numbers as they are, texts as CDATA."""
    return "".join(f"<{name}>{_inner(value)}</{name}>" for name, value in values.items())


def _event(openid: str, name: str) -> dict[str, Any]:
    about = {"ToUserName": "gh_7f083739789a", "FromUserName": openid, "CreateTime": int(time.time())}
    return about | {"MsgType": "event", "Event": name}


def _body(app_id: str, server: Server, event: Event) -> tuple[bytes, dict[str, str]]:
    """What is posted, and its encrypted part when there is one."""
    clear = _written(server, event)
    if server.mode == "plain":
        return clear, {}
    more = {"Encrypt": encrypted(server.encoding_aes_key, clear, app_id, secrets.token_bytes(16))}
    whose = {name: event[name] for name in ("AppId", "ToUserName") if name in event}
    shown = event if server.mode == "compatible" else whose
    return _written(server, {**shown, **more}), more


def _written(server: Server, event: Event) -> bytes:
    if not server.json:
        return f"<xml>{xml(event)}</xml>".encode()
    # In JSON every value is a text, and the list is not wrapped.
    flat = {**event, **event.get("SubscribeMsgSentEvent", {})}
    flat.pop("SubscribeMsgSentEvent", None)
    return orjson.dumps({name: _as_text(value) for name, value in flat.items()})


def _as_text(value: object) -> object:
    return {name: str(each) for name, each in value.items()} if isinstance(value, dict) else str(value)


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return xml(value)
    return str(value) if isinstance(value, int) else f"<![CDATA[{value}]]>"
