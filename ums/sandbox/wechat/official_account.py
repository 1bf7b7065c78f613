"""Stands in for an Official Account under /wechatoa.

https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage

    POST /cgi-bin/message/template/send   POST /cgi-bin/message/subscribe/bizsend   /cgi-bin/template/...

The open platform stands beside it, under /wechat, for accounts of either kind. Events go to `/v1/wechatoa/callback` of
the service. What a second call with the same `client_msg_id` is answered is
not public: here it is the first call's answer.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from aiohttp import web

from ums.sandbox.stage import Credentials
from ums.sandbox.wechat.account import WechatStandIn
from ums.sandbox.wechat.components import MESSAGES, SUBSCRIPTIONS
from ums.sandbox.wechat.events import job_finish, sent
from ums.sandbox.wechat.library import INDUSTRIES
from ums.sandbox.wechat.open_platform import OpenPlatform
from ums.sandbox.wechat.refusals import accepted, answered, parsed

SAME_FOR = 600
"""Seconds in which a `client_msg_id` is known again."""


class WechatoaStandIn(WechatStandIn):
    platform: ClassVar = "wechatoa"
    most_templates = 25

    async def start(self) -> None:
        await super().start()
        self._known_ids: dict[tuple[str, str], tuple[float, int]] = {}
        self._open_platform = OpenPlatform(self.stage)

    async def stop(self) -> None:
        await self._open_platform.close()
        await super().stop()

    def routes(self) -> Sequence[web.RouteDef]:
        messages, templates = "/wechatoa/cgi-bin/message", "/wechatoa/cgi-bin/template"
        return (
            *super().routes(),
            *self._open_platform.routes(),
            web.post(f"{messages}/template/send", self.submission(self._template_message)),
            web.post(f"{messages}/subscribe/bizsend", self.submission(self._notification)),
            web.get(f"{templates}/get_all_private_template", self._call(self._message_templates)),
            web.get(f"{templates}/get_industry", self._call(self._industries)),
            web.post(f"{templates}/del_private_template", self._call(self._drop_message)),
        )

    async def _template_message(self, request: web.Request, account: Credentials) -> web.Response:
        body = await self.message(request, account, MESSAGES)
        openid, own = body["touser"], body.get("client_msg_id")
        now = time.time()
        while self._known_ids and next(iter(self._known_ids.values()))[0] < now:
            self._known_ids.pop(next(iter(self._known_ids)))
        if own and (openid, own) in self._known_ids:
            return accepted(msgid=self._known_ids[openid, own][1])
        msgid = self.taken(account, body)
        if own:
            self._known_ids[openid, own] = (now + SAME_FOR, msgid)
        self.tell_later(account, openid, partial(job_finish, openid, msgid))
        return accepted(msgid=msgid)

    async def _notification(self, request: web.Request, account: Credentials) -> web.Response:
        body = await self.message(request, account, SUBSCRIPTIONS)
        openid, template = body["touser"], body["template_id"]
        self.use_up(openid, template)
        msgid = self.taken(account, body)
        self.tell_later(account, openid, partial(sent, openid, msgid, template))
        return accepted(msgid=msgid)

    async def _message_templates(self, _: web.Request, account: Credentials) -> web.Response:
        return answered({"template_list": list(self.library(account).messages.values())})

    async def _industries(self, _: web.Request, __: Credentials) -> web.Response:
        return answered(INDUSTRIES)

    async def _drop_message(self, request: web.Request, account: Credentials) -> web.Response:
        self.library(account).drop_message(parsed(await request.read()).get("template_id"))
        return accepted()
