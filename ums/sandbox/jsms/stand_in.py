"""Stands in for JSMS under /jsms: https://docs.jiguang.cn/jsms/server/rest_api_jsms

    POST /v1/messages   POST /v1/messages/batch   GET /v1/accounts/app   GET /v1/report
    POST /v1/templates   GET, PUT, DELETE /v1/templates/{id}
    POST /v1/sign        GET, POST, DELETE /v1/sign/{id}

Receipts, replies and reviews go to `/v1/sms/callback` of the service, one signed form each; receipts are fetched
instead by who ever did so: see `ums.sandbox.jsms.callbacks` and `ums.sandbox.jsms.reports`.
Templates and signatures are in `ums.sandbox.jsms.templates`.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

from aiohttp import web

from ums.sandbox.jsms import callbacks
from ums.sandbox.jsms.callbacks import Callbacks
from ums.sandbox.jsms.refusals import Refused, parsed
from ums.sandbox.jsms.reports import Reports
from ums.sandbox.jsms.templates import Reviewer
from ums.sandbox.stage import Credentials, StandIn, credentials, submitted

RECIPIENTS = 1000
"""In one batch."""
MOBILE = re.compile(r"1\d{10}", re.ASCII)
STATUS = {"delivered": 4001, "undelivered": 4003}


Answer = Callable[[web.Request, Credentials], Awaitable[web.Response]]


class JsmsStandIn(StandIn):
    platform: ClassVar = "jsms"

    async def start(self) -> None:
        self._last_id = int(time.time()) * 10_000  # ids go on rising when the sandbox is started again
        self._reports, self.reviewer = Reports(), Reviewer(self.stage)
        self._callbacks = Callbacks(self.stage, self.reviewer)

    async def stop(self) -> None:
        await self._callbacks.close()

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.post("/jsms/v1/messages", self._submission(self._single)),
            web.post("/jsms/v1/messages/batch", self._submission(self._batch)),
            web.get("/jsms/v1/accounts/app", self._call(self._balance)),
            web.get("/jsms/v1/report", self._call(self._report)),
            web.post("/jsms/v1/templates", self._call(self._create_template)),
            web.route("*", r"/jsms/v1/templates/{id:\d+}", self._call(self._template)),
            web.post("/jsms/v1/sign", self._call(self._create_sign)),
            web.route("*", r"/jsms/v1/sign/{id:\d+}", self._call(self._sign)),
        )

    def _submission(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answered(request: web.Request) -> web.StreamResponse:
            return await submitted(self.stage, request, self._call(answer), _fault)

        return answered

    def _call(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A call that knows whose it is, and words its refusals as JSMS does."""

        async def answered(request: web.Request) -> web.Response:
            try:
                return await answer(request, self._account(request))
            except Refused as refused:
                return refused.response()

        return answered

    def _account(self, request: web.Request) -> Credentials:
        if "Authorization" not in request.headers:
            raise Refused(400, 50001, "missing auth")
        key, secret = credentials(request)
        if not self.stage.script.accepts(key, secret):
            raise Refused(401, 50002, "auth failed")
        return key, secret

    async def _single(self, request: web.Request, account: Credentials) -> web.Response:
        message = self._message(await request.read())
        if not message.get("mobile"):
            raise Refused(400, 50004, "missing mobile")
        self._within_the_rate(account)
        if error := self._error(message):
            raise Refused(403, *error)
        sent = self._sent(account, message, {message["mobile"]: message})
        return web.json_response({"msg_id": sent[message["mobile"]]})

    async def _batch(self, request: web.Request, account: Credentials) -> web.Response:
        batch = self._message(await request.read())
        recipients = batch.get("recipients")
        if not isinstance(recipients, list) or not recipients:
            raise Refused(403, 50030, "recipients empty")
        if not all(isinstance(item, dict) for item in recipients):
            raise Refused(403, 50007, "invalid body")
        if len(recipients) > RECIPIENTS:
            raise Refused(403, 50031, "recipients over limit")
        self._within_the_rate(account)
        errors = {str(item.get("mobile")): self._error(item) for item in recipients}
        good = {item["mobile"]: item for item in recipients if errors[str(item.get("mobile"))] is None}
        sent = self._sent(account, batch, good)
        answers = [_item(item, errors[str(item.get("mobile"))], sent) for item in recipients]
        counts = {"success_count": len(sent), "failure_count": len(recipients) - len(sent)}
        return web.json_response(counts | {"recipients": answers})

    async def _balance(self, _: web.Request, __: Credentials) -> web.Response:
        return web.json_response({"app_balance": 100_000, "app_voice": 0, "app_industry": 0, "app_market": 0})

    async def _report(self, _: web.Request, account: Credentials) -> web.Response:
        reports = self._reports.fetch(account[0])
        self.stage.record.posted(reports)
        return web.json_response(reports)

    async def _create_template(self, request: web.Request, account: Credentials) -> web.Response:
        made = self.reviewer.create_template(account[0], parsed(await request.read()))
        return self._in_review(callbacks.TEMPLATE, account, made)

    async def _template(self, request: web.Request, account: Credentials) -> web.Response:
        key, temp_id = account[0], int(request.match_info["id"])
        match request.method:
            case "GET":
                return web.json_response(self.reviewer.template(key, temp_id))
            case "PUT":
                edited = self.reviewer.edit_template(key, temp_id, parsed(await request.read()))
                return self._in_review(callbacks.TEMPLATE, account, edited)
            case "DELETE":
                self.reviewer.delete_template(key, temp_id)
                return web.Response()
        raise Refused(405, 50018, "method not supported")

    async def _create_sign(self, request: web.Request, account: Credentials) -> web.Response:
        return self._in_review(callbacks.SIGN, account, self.reviewer.create_sign(account[0], await _parts(request)))

    async def _sign(self, request: web.Request, account: Credentials) -> web.Response:
        key, sign_id = account[0], int(request.match_info["id"])
        match request.method:
            case "GET":
                return web.json_response(self.reviewer.sign(key, sign_id))
            case "POST":
                edited = self.reviewer.edit_sign(key, sign_id, await _parts(request))
                return self._in_review(callbacks.SIGN, account, edited)
            case "DELETE":
                self.reviewer.delete_sign(key, sign_id)
                return web.Response()
        raise Refused(405, 50018, "method not supported")

    def _in_review(self, kind: str, account: Credentials, made: Mapping[str, int]) -> web.Response:
        """The answer; the reviewer's comes later, except to who fetches."""
        if not self._reports.fetches(account[0]):
            self._callbacks.review(kind, next(iter(made.values())), account)
        return web.json_response(made)

    def _message(self, body: bytes) -> dict[str, Any]:
        message = parsed(body)
        if "temp_id" not in message:
            raise Refused(400, 50005, "missing temp_id")
        if not isinstance(message["temp_id"], int):
            raise Refused(403, 50013, "invalid temp_id")
        self.reviewer.admit(message["temp_id"])
        return message

    def _within_the_rate(self, account: Credentials) -> None:
        limit = self.stage.script.per_minute
        if limit and self.stage.used(account[0])[0] > limit:
            raise Refused(403, 50009, "out of freq")

    def _error(self, message: Mapping[str, Any]) -> tuple[int, str] | None:
        mobile = message.get("mobile")
        if not isinstance(mobile, str) or not MOBILE.fullmatch(mobile) or self.stage.script.refuses(mobile):
            return 50006, "invalid mobile"
        return None

    def _sent(
        self, account: Credentials, message: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, str]:
        """The message ids by number; `items` are what is said to each number alone."""
        first, self._last_id = self._last_id + 1, self._last_id + len(items)
        sent = {mobile: str(number) for number, mobile in enumerate(items, first)}
        if items:
            said = {name: message.get(name) for name in ("temp_id", "sign_id", "tag")}
            said["temp_paras"] = [item.get("temp_para") for item in items.values()]
            self.stage.record.accept(list(items), account=account[0], msg_ids=list(sent.values()), **said)
        for mobile, msg_id in sent.items():
            self._tell_later(account, mobile, msg_id)
        return sent

    def _tell_later(self, account: Credentials, mobile: str, msg_id: str) -> None:
        reply = self.stage.script.reply_of(mobile)
        if reply and not self._reports.fetches(account[0]):
            self._callbacks.reply(reply[0], account, mobile, reply[1])
        for after, kind in self.stage.script.receipts_for(mobile):
            if kind in STATUS:
                at = int((time.time() + after) * 1000)
                report = {"msgId": msg_id, "status": STATUS[kind], "receiveTime": at, "phone": mobile}
                if self._reports.fetches(account[0]):
                    self._reports.keep(account[0], after, report)
                else:
                    self._callbacks.report(after, account, report)


def _fault(status: int, words: str) -> web.Response:
    # JSMS knows no 429 of its own; whatever stands before it may.
    return Refused(status, 50009 if status == 429 else 50019, words).response()


async def _parts(request: web.Request) -> dict[str, str | bytes]:
    """Each text and file of a form in parts."""
    if request.content_type != "multipart/form-data":
        raise Refused(415, 50017, "media type not supported")
    form = await request.post()
    return {name: value.file.read() if isinstance(value, web.FileField) else str(value) for name, value in form.items()}


def _item(item: Mapping[str, Any], error: tuple[int, str] | None, sent: Mapping[str, str]) -> dict[str, Any]:
    if error is None:
        return {"msg_id": sent[item["mobile"]], "mobile": item["mobile"]}
    said = {"error_code": str(error[0]), "error_message": error[1]}
    return said | {"mobile": item.get("mobile"), "temp_para": item.get("temp_para")}
