"""Stands in for WeCom's linked companies under /wecom-linked: https://developer.work.weixin.qq.com/document/path/90250

    GET /cgi-bin/gettoken   POST /cgi-bin/linkedcorp/message/send

Members are arrays of `CorpId/userid`, or of userids of one's own company. A message has no id.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from ums.sandbox.wecom.application import Call, Members, WecomApplicationStandIn
from ums.sandbox.wecom.messages import Refused


class WecomLinkedStandIn(WecomApplicationStandIn):
    platform: ClassVar = "wecom-linked"
    path: ClassVar = "/cgi-bin/linkedcorp/message/send"
    cards: ClassVar = False

    def named(self, message: Mapping[str, Any], field: str) -> list[str]:
        names = message.get(field) or []
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise Refused(40058, f"invalid Request Parameter: {field}")
        return names

    def beside(self, members: Members) -> dict[str, Any]:
        """Who has no licence is invalid here."""
        invalid = sorted(members.invalid + members.unlicensed)
        return {"invaliduser": invalid, "invalidparty": members.parties, "invalidtag": members.tags}

    def accepted(self, call: Call, members: Members) -> dict[str, Any]:
        self.take(call, members)
        return self.beside(members)
