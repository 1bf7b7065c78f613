"""Stands in for a Mini Program under /wechatmp.

https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-message-management/subscribe-message/api_sendmessage

    POST /cgi-bin/message/subscribe/send   POST /cgi-bin/message/wxopen/template/uniform_send (withdrawn)

Events go to `/v1/wechatmp/callback` of the service. The reference leaves the `msgid` out of the answer, while its guide
says that it is there; here it is.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from aiohttp import web

from ums.sandbox.stage import Credentials
from ums.sandbox.wechat.account import WechatStandIn
from ums.sandbox.wechat.components import MINI_PROGRAM
from ums.sandbox.wechat.events import sent
from ums.sandbox.wechat.refusals import Refused, accepted

STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")


class WechatmpStandIn(WechatStandIn):
    platform: ClassVar = "wechatmp"
    most_templates = 50

    def routes(self) -> Sequence[web.RouteDef]:
        messages = "/wechatmp/cgi-bin/message"
        return (
            *super().routes(),
            web.post(f"{messages}/subscribe/send", self.submission(self._message)),
            web.post(f"{messages}/wxopen/template/uniform_send", self._call(self._withdrawn)),
        )

    async def _message(self, request: web.Request, account: Credentials) -> web.Response:
        body = await self.message(request, account, MINI_PROGRAM)
        if body.get("miniprogram_state", "formal") not in STATES or body.get("lang", "zh_CN") not in LANGUAGES:
            raise Refused(47001, "data format error")
        openid, template = body["touser"], body["template_id"]
        self.use_up(openid, template)
        msgid = self.taken(account, body)
        self.tell_later(account, openid, partial(sent, openid, msgid, template))
        return accepted(msgid=msgid)

    async def _withdrawn(self, _: web.Request, __: Credentials) -> web.Response:
        raise Refused(45109, "This API has been unsupported")
