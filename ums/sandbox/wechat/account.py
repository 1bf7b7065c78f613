"""What the stand-ins of an Official Account and of a Mini Program have in common.

    GET /cgi-bin/token   POST /cgi-bin/stable_token   /wxaapi/newtmpl/...

Two more are not WeChat's; they do what is done on its pages and phones:

    PUT /-/server {"appid", "token", "encodingAesKey", "mode": plain | compatible | safe, "json": true | false}
    PUT /-/subscriptions {"openid", "template_id", "left"}

An account whose server address nobody entered posts plain XML, signed with the AppSecret for a Token; one for which a
third-party platform calls posts to that: see `ums.sandbox.wechat.open_platform`. Everybody is subscribed to everything
until `left` says for how many messages.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from aiohttp import web

from ums.sandbox.postman import Letter, Postman, Receipt
from ums.sandbox.stage import Credentials, StandIn, submitted
from ums.sandbox.wechat.components import Authorizer, Components
from ums.sandbox.wechat.events import Server, letter
from ums.sandbox.wechat.library import CATEGORIES, Library
from ums.sandbox.wechat.refusals import INSIDE, Refused, accepted, answered, parsed
from ums.sandbox.wechat.tokens import Tokens
from ums.sandbox.wechat.values import check

ESCAPED = re.compile(rb"\\u[0-9a-fA-F]{4}")

Answer = Callable[[web.Request, Credentials], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WechatStandIn(StandIn):
    most_templates: ClassVar[int]

    async def start(self) -> None:
        self._last_id = time.time_ns()  # ids go on rising when the sandbox is started again; they exceed 2**53
        self._tokens = Tokens()
        self._components = self.stage.shared(Components)
        self._libraries: dict[str, Library] = {}
        self._servers: dict[str, Server] = {}
        self._left: dict[tuple[str, str], int] = {}
        self._postman = Postman(self.stage.session, self.stage.record, self._seal)

    async def stop(self) -> None:
        await self._postman.close()

    def routes(self) -> Sequence[web.RouteDef]:
        at = f"/{self.platform}"
        library = f"{at}/wxaapi/newtmpl"
        return (
            web.get(f"{at}/cgi-bin/token", self._plain_token),
            web.route("*", f"{at}/cgi-bin/stable_token", self._stable_token),
            web.get(f"{library}/getcategory", self._call(self._categories)),
            web.get(f"{library}/getpubtemplatetitles", self._call(self._titles)),
            web.get(f"{library}/getpubtemplatekeywords", self._call(self._keywords)),
            web.get(f"{library}/gettemplate", self._call(self._templates)),
            web.post(f"{library}/addtemplate", self._call(self._pick)),
            web.post(f"{library}/deltemplate", self._call(self._drop)),
            web.put(f"{at}/-/server", self._enter_server),
            web.put(f"{at}/-/subscriptions", self._subscribe),
        )

    def library(self, account: Credentials) -> Library:
        return self._libraries.setdefault(account[0], Library(self.most_templates))

    async def message(self, request: web.Request, account: Credentials, permission: int) -> dict[str, Any]:
        """The body of a message that may be sent; refuses what is not in order."""
        self._components.require(account, permission)
        limit = self.stage.script.per_minute
        if limit and self.stage.used(account[0])[0] > limit:
            raise Refused(45011, "api minute-quota reach limit, must slower, retry next minute")
        raw = await request.read()
        if ESCAPED.search(raw):
            raise Refused(40033, r"invalid charset. please check your request, if include \uxxxx will create fail!")
        body = parsed(raw)
        openid = body.get("touser")
        if not isinstance(openid, str) or not openid or self.stage.script.refuses(openid):
            raise Refused(40003, "invalid openid")
        check(body.get("data"), self.library(account).keys(body.get("template_id")))
        return body

    def use_up(self, openid: str, template: str) -> None:
        """One consent of this person, where they are counted."""
        left = self._left.get((openid, template))
        if left == 0:
            raise Refused(43101, "user refuse to accept the msg")
        if left:
            self._left[openid, template] = left - 1

    def taken(self, account: Credentials, body: dict[str, Any]) -> int:
        """Write it down; the id of the message."""
        self._last_id += 1
        said = {name: value for name, value in body.items() if name != "touser"}
        self.stage.record.accept([body["touser"]], account=account[0], msgid=str(self._last_id), message=said)
        return self._last_id

    def tell_later(self, account: Credentials, openid: str, event: Callable[..., Receipt]) -> None:
        for after, kind in self.stage.script.receipts_for(openid):
            if kind in ("delivered", "undelivered"):
                self._postman.later(after, account, [event(delivered=kind == "delivered")])

    def submission(self, answer: Answer) -> Handler:
        async def answers(request: web.Request) -> web.StreamResponse:
            response = await submitted(self.stage, request, self._refusable(answer), _fault)
            return _with_200(response)

        return answers

    def _call(self, answer: Answer) -> Handler:
        async def answers(request: web.Request) -> web.StreamResponse:
            return _with_200(await self._refusable(answer)(request))

        return answers

    def _refusable(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A call that knows whose it is, and words its refusals as WeChat does."""

        async def answers(request: web.Request) -> web.Response:
            try:
                return await answer(request, self._account(request))
            except Refused as refused:
                return refused.response()

        return answers

    def _account(self, request: web.Request) -> Credentials:
        if not (value := request.query.get("access_token")):
            raise Refused(41001, "access_token missing")
        if authorizer := self._components.authorizer(value):
            return authorizer
        account = self._tokens.account(value)
        if not self.stage.script.accepts(*account):
            raise Refused(40001, "invalid credential, access_token is invalid or not latest")
        return account

    async def _plain_token(self, request: web.Request) -> web.StreamResponse:
        try:
            value, seconds = self._tokens.plain(self._known(request.query))
        except Refused as refused:
            return _with_200(refused.response())
        return answered({"access_token": value, "expires_in": seconds})

    async def _stable_token(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.method != "POST":
                raise Refused(43002, "require POST method")
            asked = parsed(await request.read())
            value, seconds = self._tokens.stable(self._known(asked), force=asked.get("force_refresh") is True)
        except Refused as refused:
            return _with_200(refused.response())
        return answered({"access_token": value, "expires_in": seconds})

    def _known(self, asked: Any) -> Credentials:
        app_id, secret, script = asked.get("appid"), asked.get("secret"), self.stage.script
        if asked.get("grant_type") != "client_credential":
            raise Refused(40002, "invalid grant_type")
        if not app_id:
            raise Refused(41002, "appid missing")
        if not secret:
            raise Refused(41004, "appsecret missing")
        if script.accounts and app_id not in script.accounts:
            raise Refused(40013, "invalid appid")
        if not script.accepts(app_id, secret):
            raise Refused(40125, "invalid appsecret")
        return app_id, secret

    async def _categories(self, _: web.Request, __: Credentials) -> web.Response:
        return accepted(data=list(CATEGORIES))

    async def _titles(self, request: web.Request, account: Credentials) -> web.Response:
        return accepted(**self.library(account).titles(request.query))

    async def _keywords(self, request: web.Request, account: Credentials) -> web.Response:
        return accepted(**self.library(account).keywords(request.query.get("tid")))

    async def _templates(self, _: web.Request, account: Credentials) -> web.Response:
        return accepted(data=list(self.library(account).picked.values()))

    async def _pick(self, request: web.Request, account: Credentials) -> web.Response:
        return accepted(priTmplId=self.library(account).pick(parsed(await request.read())))

    async def _drop(self, request: web.Request, account: Credentials) -> web.Response:
        self.library(account).drop(parsed(await request.read()).get("priTmplId"))
        return accepted()

    async def _enter_server(self, request: web.Request) -> web.Response:
        given = parsed(await request.read())
        self._servers[given["appid"]] = Server(
            given["token"], given.get("encodingAesKey", ""), given.get("mode", "plain"), given.get("json", False)
        )
        return web.Response(status=204)

    async def _subscribe(self, request: web.Request) -> web.Response:
        given = parsed(await request.read())
        self._left[given["openid"], given["template_id"]] = given["left"]
        return web.Response(status=204)

    def _seal(self, account: Credentials, receipts: Sequence[Receipt]) -> Letter:
        app_id, secret = account
        if isinstance(account, Authorizer):
            component = self._components.by_id[account.component]
            url = component.messages or f"{self.stage.receipts_to}/v1/wechat/$APPID$/callback"
            return letter(url.replace("$APPID$", app_id), component.app_id, component.server, receipts[0])
        server = self._servers.get(app_id, Server(secret))
        return letter(f"{self.stage.receipts_to}/v1/{self.platform}/callback", app_id, server, receipts[0])


def _fault(_: int, __: str) -> web.Response:
    # However busy or broken it is inside, WeChat says no more than this.
    return Refused(-1, "system error").response()


def _with_200(response: web.StreamResponse) -> web.StreamResponse:
    if response.status == INSIDE:
        response.set_status(200)
    return response
