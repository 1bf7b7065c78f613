"""Messages to the members of one company through WeCom: https://developer.work.weixin.qq.com/document/path/90236"""

import re
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any, ClassVar
from zlib import crc32

from ums.providers.contract import Submission
from ums.providers.wecom.answers import OK, refusal
from ums.providers.wecom.application import WecomApplication
from ums.vocabulary import system_clock

WINDOW = 7200
"""Seconds, at least, for which WeCom shows a repeated call to nobody; it allows at most four hours."""
CHECK = ("enable_duplicate_check", "duplicate_check_interval")
MEMBER = re.compile(r"[^@|\s][^|\s]*")
"""No bar, which separates members, and no `@all`, which is everybody."""


class Wecom(WecomApplication):
    """Messages to userids, at most 1,000 a call.

    WeCom knows no idempotency key. It can be told to show the same request to nobody a second time for a while:
    that makes repeats harmless for WINDOW. The very number of seconds differs from key to key, so that two
    messages which happen to say the same are not the same request. A content that sets `enable_duplicate_check`
    itself is left as it is; then two messages that say the same are one, for as long as it says.

    A lost answer is worth a repeat during the first half of that time. After it the next attempt might come too
    late to be recognized, so the outcome stays unknown. Nothing protects from a second copy when an answer was lost
    and WeCom then turned every attempt away until the time was over.
    """

    platform = "wecom"
    path: ClassVar = "/cgi-bin/message/send"
    recalls = True

    async def request_key(self) -> str:
        """When it was made, in ms, and what makes it differ from others: see the class."""
        return f"{system_clock()}-{token_hex(8)}"

    def unsendable(self, address: str) -> str:
        return "" if MEMBER.fullmatch(address) else "not a userid: it begins with no @ and has neither a bar nor spaces"

    def message(self, submission: Submission, addresses: Sequence[str]) -> dict[str, Any]:
        return {"touser": "|".join(addresses), **self.worded(submission.content), **_check(submission)}

    async def recall(self, provider_id: str) -> None:
        """Within 24 hours: https://developer.work.weixin.qq.com/document/path/94867

        It goes from the WeCom app; a copy that WeChat shows stays.
        """
        answer = await self.call("/cgi-bin/message/recall", {"msgid": provider_id})
        if answer["errcode"] != OK:
            raise refusal(answer)


def _check(submission: Submission) -> Mapping[str, int]:
    """The duplicate check of this call."""
    content = submission.content
    if "enable_duplicate_check" in content:
        return {name: content[name] for name in CHECK if name in content}
    if not submission.key:
        return {}
    return dict(zip(CHECK, (1, WINDOW + crc32(submission.key.encode()) % WINDOW), strict=True))
