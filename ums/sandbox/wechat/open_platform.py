"""Stands in for WeChat's open platform under /wechat: what a third-party platform calls and is posted.

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html

    POST /wechat/cgi-bin/component/api_start_push_ticket, api_component_token, api_create_preauthcode, api_query_auth,
         api_authorizer_token, api_get_authorizer_info, api_get_authorizer_list
    GET  /wechat/cgi-bin/componentloginpage, /wechat/wxaopen/safe/bindcomponent   a page to confirm on

Two more are not WeChat's; they do what is done on its pages:

    PUT /wechat/-/platform {"component_appid", "token", "encodingAesKey", "events", "messages"}
    PUT /wechat/-/authorizations {"component_appid", "appid", "permissions": [7, 89]}     [] withdraws

A platform about which nothing was entered has its events at `/v1/wechat/events` of the service and those of accounts at
`/v1/wechat/$APPID$/callback`, its secret for a Token, and an EncodingAESKey that is the base64 of the secret's SHA-256.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from ums.sandbox.postman import Letter, Postman, Receipt
from ums.sandbox.record import Record
from ums.sandbox.stage import Credentials, Stage
from ums.sandbox.wechat.components import ALL, CODE_LIFE, LIFE, Component, Components
from ums.sandbox.wechat.events import Server, letter
from ums.sandbox.wechat.pages import Pages
from ums.sandbox.wechat.refusals import Refused, accepted, answered, parsed
from ums.sandbox.wechat.release_check import ReleaseCheck

TICKET_EVERY = 600.0
"""Seconds."""
EVENTS = "/v1/wechat/events"

Call = Callable[[Component, Mapping[str, Any]], Awaitable[web.Response]]


class OpenPlatform:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.components = stage.shared(Components)
        self._postman = Postman(stage.session, Record(), self._seal)  # tickets are no receipts: they are not counted
        self._pushes: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        for push in self._pushes.values():
            push.cancel()
        await asyncio.gather(*self._pushes.values(), return_exceptions=True)
        await self._postman.close()

    def routes(self) -> Sequence[web.RouteDef]:
        at = "/wechat/cgi-bin/component"
        calls = {
            "api_create_preauthcode": self._pre_auth_code,
            "api_query_auth": self._query_auth,
            "api_authorizer_token": self._authorizer_token,
            "api_get_authorizer_info": self._authorizer_info,
            "api_get_authorizer_list": self._authorizer_list,
        }
        return (
            web.post(f"{at}/api_start_push_ticket", self._start_tickets),
            web.post(f"{at}/api_component_token", self._component_token),
            *(web.post(f"{at}/{name}", self._call(call)) for name, call in calls.items()),
            web.put("/wechat/-/platform", self._enter),
            web.put("/wechat/-/authorizations", self._authorize),
            *Pages(self.components, self.confirm).routes(),
            *ReleaseCheck(self._stage, self.components).routes(),
        )

    def confirm(self, component: Component, account: str, pre_auth_code: str) -> str:
        """An administrator has confirmed: the code that goes back with the browser, and in an event."""
        component.granted[account] = ALL
        code = component.auth_codes.make("queryauthcode@@@", account)
        about = {"AuthorizationCode": code, "PreAuthCode": pre_auth_code}
        about["AuthorizationCodeExpiredTime"] = str(int(time.time()) + CODE_LIFE)
        self._tell(component, "authorized", {"AuthorizerAppid": account, **about})
        return code

    def _tell(self, component: Component, kind: str, about: Mapping[str, str]) -> None:
        notice = {"AppId": component.app_id, "CreateTime": int(time.time()), "InfoType": kind, **about}
        self._postman.later(0, (component.app_id, component.secret), [notice])

    def _seal(self, platform: Credentials, notices: Sequence[Receipt]) -> Letter:
        component = self.components.by_id[platform[0]]
        return letter(
            component.events or self._stage.receipts_to + EVENTS, component.app_id, component.server, notices[0]
        )

    async def _start_tickets(self, request: web.Request) -> web.Response:
        try:
            asked = parsed(await request.read())
            component = self._known(asked.get("component_appid"), asked.get("component_secret"))
        except Refused as refused:
            return _at_last(refused)
        if pushing := self._pushes.pop(component.app_id, None):
            pushing.cancel()
        self._pushes[component.app_id] = asyncio.create_task(self._push(component))
        return accepted()

    async def _push(self, component: Component) -> None:
        while True:
            ticket = component.tickets.make("ticket@@@")
            self._tell(component, "component_verify_ticket", {"ComponentVerifyTicket": ticket})
            await asyncio.sleep(TICKET_EVERY)

    async def _component_token(self, request: web.Request) -> web.Response:
        try:
            asked = parsed(await request.read())
            component = self._known(asked.get("component_appid"), asked.get("component_appsecret"))
            if component.tickets.read(asked.get("component_verify_ticket")) is None:
                raise Refused(61006, "component ticket is invalid")
        except Refused as refused:
            return _at_last(refused)
        return answered({"component_access_token": component.tokens.make(""), "expires_in": LIFE})

    def _known(self, app_id: object, secret: object) -> Component:
        component = self.components.known(app_id, secret)
        if not self._stage.script.accepts(component.app_id, component.secret):
            raise Refused(40125, "invalid appsecret")
        return component

    def _call(self, call: Call) -> Callable[[web.Request], Awaitable[web.Response]]:
        """One under the platform's token."""

        async def answers(request: web.Request) -> web.Response:
            try:
                asked = parsed(await request.read())
                component = self.components.by_id.get(str(asked.get("component_appid")))
                if component is None:
                    raise Refused(40013, "invalid appid")
                token = request.query.get("access_token") or request.query.get("component_access_token")
                if component.tokens.read(token) is None:
                    raise Refused(40001, "invalid credential, access_token is invalid or not latest")
                return await call(component, asked)
            except Refused as refused:
                return _at_last(refused)

        return answers

    async def _pre_auth_code(self, component: Component, _: Mapping[str, Any]) -> web.Response:
        return answered({"pre_auth_code": component.pre_auth_codes.make("preauthcode@@@"), "expires_in": CODE_LIFE})

    async def _query_auth(self, component: Component, asked: Mapping[str, Any]) -> web.Response:
        code = str(asked.get("authorization_code"))
        if code in component.used:
            raise Refused(61010, "code is expired")
        if (account := component.auth_codes.take(code)) is None:
            raise Refused(61009, "code is invalid")
        component.used.add(code)
        token = self.components.issue(component, account)
        more = {"authorizer_access_token": token, "expires_in": LIFE}
        return answered({"authorization_info": self._info(component, account) | more})

    async def _authorizer_token(self, component: Component, asked: Mapping[str, Any]) -> web.Response:
        """Every refresh token is good once."""
        account = asked.get("authorizer_appid")
        component.permissions(account)
        if asked.get("authorizer_refresh_token") != component.refresh_token(str(account)):
            raise Refused(61023, "refresh_token is invalid")
        del component.refresh_tokens[str(account)]
        token = self.components.issue(component, str(account))
        refresh = component.refresh_token(str(account))
        return answered({"authorizer_access_token": token, "expires_in": LIFE, "authorizer_refresh_token": refresh})

    async def _authorizer_info(self, component: Component, asked: Mapping[str, Any]) -> web.Response:
        account = str(asked.get("authorizer_appid"))
        info = self._info(component, account)
        about = {
            "nick_name": f"Account {account}",
            "service_type_info": {"id": 2},
            "verify_type_info": {"id": 0},
            "user_name": "gh_7f083739789a",
            "principal_name": "A company",
        }
        return answered({"authorizer_info": about, "authorization_info": info})

    async def _authorizer_list(self, component: Component, asked: Mapping[str, Any]) -> web.Response:
        start, count = int(asked.get("offset", 0)), int(asked.get("count", 100))
        found = [{"authorizer_appid": a, "refresh_token": t} for a, t in sorted(component.refresh_tokens.items())]
        return answered({"total_count": len(found), "list": found[start : start + count]})

    def _info(self, component: Component, account: str) -> dict[str, Any]:
        granted = component.permissions(account)
        return {
            "authorizer_appid": account,
            "authorizer_refresh_token": component.refresh_token(account),
            "func_info": [{"funcscope_category": {"id": number}} for number in granted],
        }

    async def _enter(self, request: web.Request) -> web.Response:
        given = parsed(await request.read())
        component = self.components.by_id.get(given["component_appid"])
        if component is None:
            raise web.HTTPNotFound(text="no such platform: it calls api_start_push_ticket first")
        component.server = Server(given["token"], given["encodingAesKey"], "safe")
        component.events, component.messages = given.get("events", ""), given.get("messages", "")
        return web.Response(status=204)

    async def _authorize(self, request: web.Request) -> web.Response:
        given = parsed(await request.read())
        component = self.components.by_id[given["component_appid"]]
        account, permissions = given["appid"], tuple(given["permissions"])
        if permissions:
            component.granted[account] = permissions
        else:
            component.withdraw(account)
            self._tell(component, "unauthorized", {"AuthorizerAppid": account})
        return web.Response(status=204)


def _at_last(refused: Refused) -> web.Response:
    """As WeChat answers it: these calls are not counted among the submissions."""
    response = refused.response()
    response.set_status(200)
    return response
