"""A WeChat Official Account: template messages and subscription notifications.

https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage
https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import aiohttp

from ums.errors import ProviderRefused
from ums.providers.contract import Account, Submission, Target
from ums.providers.wechat.account import WechatProvider
from ums.providers.wechat.templates import TemplateMessages, WechatTemplate
from ums.vocabulary import ChannelType, Proof, State

REPEATABLE = 120
"""Seconds after the key was made in which an unknown outcome is worth a repeat. WeChat forgets a `client_msg_id` after
ten minutes, and the next attempt may be six minutes away by then."""
NOT_GRANTED = ("48001", "200100")


class Wechatoa(WechatProvider):
    """Content of type 0 goes out as a template message, of type 1 as a subscription notification."""

    platform = "wechatoa"
    personal = True
    type = ChannelType.WECHAT_OA
    detects: ClassVar = {State.DELIVERED: Proof.REAL}
    taken_as = State.SUBMITTED

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        self.messages = TemplateMessages(self._api)

    async def request_key(self) -> str:
        """A `client_msg_id`: WeChat sends one message for an openid and such an id. It begins with its birth."""
        return f"{int(time.time()):x}-{secrets.token_hex(8)}"

    async def templates(self) -> list[WechatTemplate]:
        """Of both kinds; an account that is granted only one of them has none of the other."""
        found: list[WechatTemplate] = []
        refused: list[ProviderRefused] = []
        for listed in (self.messages.templates, self.library.templates):
            try:
                found += await listed()
            except ProviderRefused as error:
                if error.code not in NOT_GRANTED:
                    raise
                refused.append(error)
        if len(refused) == 2:
            raise refused[0]
        return found

    def _message(self, submission: Submission, target: Target) -> tuple[str, dict[str, Any]]:
        content, openid = submission.content_of(target), target.address
        if content["type"] == 1:
            return "/cgi-bin/message/subscribe/bizsend", _notification(content, openid)
        key = {"client_msg_id": submission.key} if submission.key else {}
        return "/cgi-bin/message/template/send", _template_message(content, openid) | key

    def _repeatable(self, submission: Submission) -> bool:
        """A subscription notification has no documented key: a second one may reach somebody twice."""
        born, _, _ = submission.key.partition("-")
        try:
            return submission.content["type"] == 0 and time.time() - int(born, 16) <= REPEATABLE
        except ValueError:
            return False


def _template_message(content: Mapping[str, Any], openid: str) -> dict[str, Any]:
    colour = {"color": content["color"]} if "color" in content else {}
    data = {name: colour | value for name, value in content["data"].items()}
    return _common(content, openid, "url") | {"data": data}


def _notification(content: Mapping[str, Any], openid: str) -> dict[str, Any]:
    # It has no colours.
    data = {name: {"value": value["value"]} for name, value in content["data"].items()}
    return _common(content, openid, "page") | {"data": data}


def _common(content: Mapping[str, Any], openid: str, link: str) -> dict[str, Any]:
    said = {name: content[name] for name in ("template_id", link, "miniprogram") if name in content}
    return {"touser": openid, **said}
