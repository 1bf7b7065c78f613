"""Messages to the members of linked companies: https://developer.work.weixin.qq.com/document/path/90250"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import aiohttp

from ums.providers.contract import Account, Submission
from ums.providers.wecom.application import WecomApplication

MEMBER = re.compile(r"([^@/|\s]+)/[^|\s]+")


class WecomLinked(WecomApplication):
    """Messages to `CorpId/userid`, at most 1,000 a call, in the companies that `credentials.linkedCorps` names.

    This interface gives no id of a message, so nothing can be recalled, and it has no duplicate check: where an
    answer is lost, the outcome stays unknown. It has no cards of WeCom's own forms either.
    """

    platform = "wecom-linked"
    path: ClassVar = "/cgi-bin/linkedcorp/message/send"

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        self._companies = {company["corpId"] for company in account.credentials["linkedCorps"]}

    def unsendable(self, address: str) -> str:
        member = MEMBER.fullmatch(address)
        if member is None:
            return "not a member of a linked company: CorpId/userid"
        return "" if member[1] in self._companies else f"{member[1]} is not in credentials.linkedCorps"

    def flaw(self, content: Mapping[str, Any]) -> str:
        if content["msgtype"] == "template_card":
            return "WeCom takes no template_card for linked companies"
        return super().flaw(content)

    def message(self, submission: Submission, addresses: Sequence[str]) -> dict[str, Any]:
        return {"touser": list(addresses), **self.worded(submission.content)}
