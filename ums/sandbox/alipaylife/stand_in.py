"""Stands in for Alipay under /alipaylife: https://docs.open.alipay.com/api_6/alipay.open.public.message.single.send

    POST /gateway.do   GET /public-key

The second is the sandbox's own: the key that proves its answers. `accounts` of a script holds the public key of each
application, in PEM or base64, and then every request must be signed with its other half; without `accounts` any
signature will do. A template id that begins with TM is a master's, which nothing can be sent with. Nothing is posted:
Alipay tells no more than its answer does.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson
from aiohttp import web

from ums.errors import UmsError
from ums.sandbox.alipaylife import signature as rsa2
from ums.sandbox.stage import StandIn, submitted

METHOD = "alipay.open.public.message.single.send"
REQUIRED = {
    "method": "isv.missing-method",
    "app_id": "isv.missing-app-id",
    "sign_type": "isv.missing-signature-type",
    "sign": "isv.missing-signature",
    "timestamp": "isv.missing-timestamp",
    "version": "isv.missing-version",
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
KEYWORD = re.compile(r"first|remark|keyword\d+", re.ASCII)

CODES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40005": "Call Limited",
}


class Refused(UmsError):
    """Alipay's code, its sub code and the words to that."""

    def __init__(self, code: str, sub_code: str, words: str) -> None:
        self.code, self.sub_code, self.words = code, sub_code, words


class AlipayLifeStandIn(StandIn):
    platform: ClassVar = "alipaylife"

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.post("/alipaylife/gateway.do", self._submission),
            web.get("/alipaylife/public-key", self._public_key),
        )

    async def _public_key(self, _: web.Request) -> web.Response:
        return web.Response(text=rsa2.own_public_key())

    async def _submission(self, request: web.Request) -> web.StreamResponse:
        return await submitted(self.stage, request, self._call(self._send), _fault)

    def _call(self, send: Callable[[Mapping[str, str]], None]) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A call with its fields from the query and the body together; refusals are worded as Alipay does."""

        async def answered(request: web.Request) -> web.Response:
            form = await request.post()
            fields = dict(request.query) | {name: value for name, value in form.items() if isinstance(value, str)}
            try:
                send(fields)
            except Refused as refused:
                self.stage.record.turned_away += 1
                return _answer(refused.code, refused.sub_code, refused.words)
            return _answer("10000")

        return answered

    def _send(self, fields: Mapping[str, str]) -> None:
        self._check(fields)
        limit = self.stage.script.per_minute
        if limit and self.stage.used(fields["app_id"])[0] > limit:
            raise Refused("40005", "isv.app-call-limited", "应用调用次数超限")
        message = _message(fields.get("biz_content", ""))
        receiver = "to_user_id" if message.get("to_user_id") else "to_open_id"
        address = message.get(receiver)
        if not isinstance(address, str) or not address or self.stage.script.refuses(address):
            raise Refused("40002", "isv.invalid-parameter", f"参数无效: {receiver}")
        template = _checked(message.get("template"))
        self.stage.record.accept([address], account=fields["app_id"], receiver=receiver, template=template)

    def _check(self, fields: Mapping[str, str]) -> None:
        """Whether a known application signed the request."""
        for name, sub_code in REQUIRED.items():
            if not fields.get(name):
                raise Refused("40001", sub_code, f"缺少参数: {name}")
        accounts, app_id = self.stage.script.accounts, fields["app_id"]
        checks = {
            "isv.invalid-method": fields["method"] == METHOD,
            "isv.invalid-signature-type": fields["sign_type"] == "RSA2",
            "isv.invalid-charset": fields.get("charset", "utf-8").lower() == "utf-8",
            "isv.invalid-timestamp": bool(TIMESTAMP.fullmatch(fields["timestamp"])),
            "isv.invalid-app-id": not accounts or app_id in accounts,
        }
        for sub_code, passed in checks.items():
            if not passed:
                raise Refused("40002", sub_code, "参数无效")
        if not (rsa2.is_signed(accounts[app_id], fields) if accounts else rsa2.is_signature(fields["sign"])):
            raise Refused("40002", "isv.invalid-signature", '无效签名: "验签出错" {sign}/{app_id}')


def _answer(code: str, sub_code: str = "", sub_msg: str = "") -> web.Response:
    node = {"code": code, "msg": CODES[code]}
    if sub_code:
        node |= {"sub_code": sub_code, "sub_msg": sub_msg}
    raw = orjson.dumps(node).decode().replace("/", "\\/")  # as Alipay writes slashes; the signature is over that
    name = METHOD.replace(".", "_") + "_response"
    return web.Response(text=f'{{"{name}":{raw},"sign":"{rsa2.sign(raw)}"}}', content_type="text/html", charset="utf-8")


def _fault(status: int, words: str) -> web.Response:
    if status == 429:
        return _answer("40005", "isv.app-call-limited", words)
    return _answer("20000", "isp.unknow-error", words)


def _message(content: str) -> dict[str, Any]:
    try:
        message = orjson.loads(content)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise Refused("40002", "isv.invalid-parameter", "参数无效: biz_content")
    return message


def _checked(template: object) -> dict[str, Any]:
    """The template of a message that is in order."""
    match template:
        case {"template_id": str() as template_id, "context": {} as context} if template_id:
            pass
        case _:
            raise Refused("40002", "isv.invalid-parameter", "参数无效: template")
    if template_id.startswith("TM"):
        raise Refused("40004", "PUB.MSG_TEMPLATE_NOT_EXIST", "消息模板不存在")
    if missing := [name for name in ("head_color", "url", "action_name") if not _is_text(context.get(name))]:
        raise Refused("40002", "isv.invalid-parameter", f"参数无效: {missing[0]}")
    for name, value in context.items():
        if not (_is_keyword(value) if KEYWORD.fullmatch(name) else _is_text(value)):
            raise Refused("40002", "isv.invalid-parameter", f"参数无效: {name}")
    return {"template_id": template_id, "context": context}


def _is_keyword(value: object) -> bool:
    return isinstance(value, dict) and _is_text(value.get("color")) and isinstance(value.get("value"), str)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
