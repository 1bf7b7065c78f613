"""The check before a third-party platform is published: two texts to an account of WeChat's own, and what comes back.

    POST /wechat/-/release-check {"component_appid", "appid"}   -> {"text": true, "api": true}

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/releases_instructions.html
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from xml.etree import ElementTree

import orjson
from aiohttp import web

from ums.sandbox.stage import Stage
from ums.sandbox.wechat.components import Component, Components
from ums.sandbox.wechat.events import decrypted, letter, signature
from ums.sandbox.wechat.refusals import Refused, accepted, parsed

OPENID = "ozy4qt1eDxSxzCr0aNT0mXCWfrDE"
PATIENCE, LOOK = 5.0, 0.05
"""Seconds until it must have come, and between two looks."""


class ReleaseCheck:
    def __init__(self, stage: Stage, components: Components) -> None:
        self._stage = stage
        self._components = components
        self._said: list[tuple[str, str]] = []
        """(openid, text) of the messages that were sent with an access token."""

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.post("/wechat/-/release-check", self._check),
            web.post("/wechat/cgi-bin/message/custom/send", self._send),
        )

    async def _check(self, request: web.Request) -> web.Response:
        asked = parsed(await request.read())
        component, account = self._components.by_id[asked["component_appid"]], str(asked["appid"])
        text = await self._texts(component, account, "TESTCOMPONENT_MSG_TYPE_TEXT")
        code = component.auth_codes.make("queryauthcode@@@", account)
        silent = await self._texts(component, account, f"QUERY_AUTH_CODE:{code}") == ""
        api = silent and await self._comes(f"{code}_from_api")
        return web.json_response({"text": text == "TESTCOMPONENT_MSG_TYPE_TEXT_callback", "api": api})

    async def _texts(self, component: Component, account: str, text: str) -> str:
        """What the platform answers to somebody who writes this."""
        about = {"ToUserName": "gh_3c884a361561", "FromUserName": OPENID, "CreateTime": int(time.time())}
        message = about | {"MsgType": "text", "Content": text, "MsgId": secrets.randbelow(10**10)}
        url = component.messages or f"{self._stage.receipts_to}/v1/wechat/$APPID$/callback"
        post = letter(url.replace("$APPID$", account), component.app_id, component.server, message)
        async with self._stage.session.post(post.url, data=post.body, headers=post.headers) as response:
            body = await response.text()
        return _opened(component, body) if response.status == 200 and body else body

    async def _comes(self, text: str) -> bool:
        for _ in range(round(PATIENCE / LOOK)):
            if (OPENID, text) in self._said:
                break
            await asyncio.sleep(LOOK)
        return (OPENID, text) in self._said

    async def _send(self, request: web.Request) -> web.Response:
        """A message of customer service."""
        try:
            if self._components.authorizer(request.query.get("access_token", "")) is None:
                raise Refused(40001, "invalid credential, access_token is invalid or not latest")
            message = orjson.loads(await request.read())
            self._said.append((message["touser"], message["text"]["content"]))
        except Refused as refused:
            response = refused.response()
            response.set_status(200)
            return response
        return accepted()


def _opened(component: Component, body: str) -> str:
    """The text of an encrypted answer; what is not signed or encrypted as it should be is no answer."""
    try:
        sealed = {each.tag: each.text or "" for each in ElementTree.fromstring(body)}  # noqa: S314  # our own service's
        signed = signature(component.server.token, sealed["TimeStamp"], sealed["Nonce"], sealed["Encrypt"])
        if signed != sealed["MsgSignature"]:
            return "not signed"
        clear = decrypted(component.server.encoding_aes_key, sealed["Encrypt"])
        return ElementTree.fromstring(clear).findtext("Content") or ""  # noqa: S314
    except (ElementTree.ParseError, KeyError, ValueError):
        return "not encrypted"
