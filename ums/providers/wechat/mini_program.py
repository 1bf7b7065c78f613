"""A WeChat Mini Program: subscription messages.

https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-message-management/subscribe-message/api_sendmessage
"""

from typing import Any, ClassVar

from ums.providers.contract import Submission, Target
from ums.providers.wechat.account import WechatProvider
from ums.providers.wechat.templates import WechatTemplate
from ums.vocabulary import ChannelType, Proof, State


class Wechatmp(WechatProvider):
    """What WeChat has taken counts as delivered: an event about it comes only where one was asked for.

    That is so where the account authorized a third-party platform: the event decides, given an id by which it is known.
    """

    platform = "wechatmp"
    type = ChannelType.WECHAT_MP
    detects: ClassVar = {State.DELIVERED: Proof.ACCEPTED}
    taken_as = State.DELIVERED

    async def templates(self) -> list[WechatTemplate]:
        return await self.library.templates()

    def _taken(self, provider_id: str | None) -> State:
        return State.SUBMITTED if self.component and provider_id else State.DELIVERED

    def _message(self, submission: Submission, target: Target) -> tuple[str, dict[str, Any]]:
        content = submission.content
        optional = {name: content[name] for name in ("page", "miniprogram_state", "lang") if name in content}
        message = {"touser": target.address, "template_id": content["template_id"], "data": content["data"]}
        return "/cgi-bin/message/subscribe/send", message | optional
