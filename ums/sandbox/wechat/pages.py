"""The page on which the administrator of an account confirms: opened from ours, and it leads back there."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from ums.sandbox.wechat.components import CODE_LIFE, Component, Components

Confirm = Callable[[Component, str, str], str]


class Pages:
    def __init__(self, components: Components, confirm: Confirm) -> None:
        self._components = components
        self._confirm = confirm

    def routes(self) -> Sequence[web.RouteDef]:
        computer, inside = "/wechat/cgi-bin/componentloginpage", "/wechat/wxaopen/safe/bindcomponent"
        return (
            *(web.get(path, self._ask) for path in (computer, inside)),
            *(web.post(path, self._answer) for path in (computer, inside)),
        )

    async def _ask(self, request: web.Request) -> web.Response:
        component, _ = self._asked(request.query)
        opener, back = urlsplit(request.headers.get("Referer", "")), urlsplit(request.query["redirect_uri"])
        if not opener.hostname or opener.hostname != back.hostname:
            raise web.HTTPForbidden(text="the page that leads here is not of the domain to which this one leads back")
        account = request.query.get("biz_appid", "")
        page = (
            f"<!doctype html><meta charset='utf-8'><title>Sandbox</title><h1>Authorize {escape(component.app_id)}</h1>"
            f"<form method='post'><label>Account <input name='account' value='{escape(account)}'></label>"
            "<button>Confirm</button></form>"
        )
        return web.Response(text=page, content_type="text/html")

    async def _answer(self, request: web.Request) -> web.Response:
        component, pre_auth_code = self._asked(request.query)
        chosen = str((await request.post()).get("account", ""))
        if not chosen or request.query.get("biz_appid", chosen) != chosen:
            raise web.HTTPBadRequest(text="this link is for another account")
        component.pre_auth_codes.take(pre_auth_code)
        code = self._confirm(component, chosen, pre_auth_code)
        raise web.HTTPFound(_with(request.query["redirect_uri"], auth_code=code, expires_in=str(CODE_LIFE)))

    def _asked(self, query: Mapping[str, str]) -> tuple[Component, str]:
        """The platform and its code, which must be good."""
        component = self._components.by_id.get(query.get("component_appid", ""))
        code = query.get("pre_auth_code", "")
        if component is None or component.pre_auth_codes.read(code) is None or "redirect_uri" not in query:
            raise web.HTTPBadRequest(text="no such component_appid, or its pre_auth_code is not good any more")
        if "biz_appid" in query and "auth_type" in query:
            raise web.HTTPBadRequest(text="biz_appid and auth_type exclude each other")
        return component, code


def _with(url: str, **more: str) -> str:
    """What stands in its query already is kept."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *more.items()])))
