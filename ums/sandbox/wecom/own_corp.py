"""Stands in for WeCom under /wecom: https://developer.work.weixin.qq.com/document/path/90236

    GET /cgi-bin/gettoken   POST /cgi-bin/message/send   POST /cgi-bin/message/recall

WeCom posts nothing about deliveries.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiohttp import web

from ums.sandbox.wecom.application import Call, Members, WecomApplicationStandIn, parsed
from ums.sandbox.wecom.messages import Refused, is_replaceable

RECALL_SECONDS = 24 * 3600
CHECK_SECONDS = 1800
"""For which the duplicate check looks back where a call does not say."""
LONGEST_CHECK = 4 * 3600


class WecomStandIn(WecomApplicationStandIn):
    platform: ClassVar = "wecom"
    path: ClassVar = "/cgi-bin/message/send"
    cards: ClassVar = True

    async def start(self) -> None:
        await super().start()
        self._answers: dict[tuple[str, bytes], tuple[float, dict[str, Any]]] = {}
        self._messages: dict[str, tuple[str, float]] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        return (*super().routes(), web.post("/wecom/cgi-bin/message/recall", self._recall))

    def named(self, message: Mapping[str, Any], field: str) -> list[str]:
        value = message.get(field) or ""
        if not isinstance(value, str):
            raise Refused(40058, f"invalid Request Parameter: {field}")
        return [name for name in value.split("|") if name]

    def beside(self, members: Members) -> dict[str, Any]:
        told = {
            "invaliduser": members.invalid,
            "invalidparty": members.parties,
            "invalidtag": members.tags,
            "unlicenseduser": members.unlicensed,
        }
        return {field: "|".join(names) for field, names in told.items() if names}

    def accepted(self, call: Call, members: Members) -> dict[str, Any]:
        """A call that is the same, to the byte, as one within the interval is answered like that one and not sent."""
        now, same = time.time(), (call.account[0], call.body)
        until, answer = self._answers.get(same, (0.0, {}))
        if now < until:
            return answer
        answer = self.beside(members) | {"msgid": secrets.token_urlsafe(45)}
        if is_replaceable(call.shown):
            answer["response_code"] = secrets.token_urlsafe(30)
        self.take(call, members, msgid=answer["msgid"])
        self._messages[answer["msgid"]] = (call.account[0], now)
        if call.message.get("enable_duplicate_check"):
            seconds = int(call.message.get("duplicate_check_interval", CHECK_SECONDS))
            self._answers[same] = (now + min(seconds, LONGEST_CHECK), answer)
        return answer

    async def _recall(self, request: web.Request) -> web.Response:
        """https://developer.work.weixin.qq.com/document/path/94867 - which code a refusal has is not published."""
        try:
            company, _ = self.account(request)
            msgid = str(parsed(await request.read()).get("msgid", ""))
            sent_by, at = self._messages.get(msgid, ("", 0.0))
            if sent_by != company or time.time() > at + RECALL_SECONDS:
                raise Refused(40058, "invalid Request Parameter: msgid")
        except Refused as refused:
            return refused.response(request)
        self.stage.record.recalled.append(msgid)
        return web.json_response({"errcode": 0, "errmsg": "ok"})
