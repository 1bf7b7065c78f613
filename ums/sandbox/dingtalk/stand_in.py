"""Stands in for DingTalk under /dingtalk: https://open.dingtalk.com/document/development

    GET /gettoken
    POST /topapi/message/corpconversation/asyncsend_v2   .../getsendresult   .../recall   /media/upload?type=

It posts nothing: results are asked for. Somebody whom a receipt of the script calls delivered has not read the message
yet, and has when it says clicked; undelivered has failed. Identical content reaches a person once a day.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import uuid4

import orjson
from aiohttp import web

from ums.errors import UmsError
from ums.sandbox.dingtalk.tasks import TOKEN_SECONDS, Purse, Task, Today
from ums.sandbox.media import Shelf
from ums.sandbox.stage import StandIn, submitted

API = "/dingtalk/topapi/message/corpconversation"
RECEIVERS = 100
"""In one call."""
MSG_BYTES = 2048
MEDIA_SECONDS = 365 * 86_400.0
LARGEST = {"image": 20 * 2**20, "voice": 2 * 2**20, "video": 20 * 2**20, "file": 20 * 2**20}
"""Bytes."""
FORMS = frozenset({"text", "image", "voice", "file", "link", "oa", "markdown", "action_card"})
AT_THE_GATE = frozenset({40014, 41001, 90018})
"""Codes that the gateway gives before the API is reached: they stand beneath an 88."""


class Refused(UmsError):
    """The provider's code and words."""

    def __init__(self, code: int, words: str) -> None:
        self.code, self.words = code, words

    def response(self) -> web.Response:
        if self.code not in AT_THE_GATE:
            return _answer(errcode=self.code, errmsg=self.words)
        errmsg = f"ding talk error[subcode={self.code},submsg={self.words}]"
        return _answer(errcode=88, sub_code=str(self.code), sub_msg=self.words, errmsg=errmsg)


Answer = Callable[[web.Request], Awaitable[web.Response]]


class DingtalkStandIn(StandIn):
    platform: ClassVar = "dingtalk"

    async def start(self) -> None:
        self._last_id = int(time.time()) * 10_000  # ids go on rising when the sandbox is started again
        self._purse, self._today = Purse(), Today()
        self._tasks: dict[int, Task] = {}
        self.shelf = Shelf(MEDIA_SECONDS, LARGEST)

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.get("/dingtalk/gettoken", self._call(self._token)),
            web.post("/dingtalk/media/upload", self._call(self._upload)),
            web.post(f"{API}/asyncsend_v2", self._submission),
            web.post(f"{API}/getsendresult", self._call(self._result)),
            web.post(f"{API}/recall", self._call(self._recall)),
        )

    def _call(self, answer: Answer) -> Answer:
        """A call that words its refusals as DingTalk does: with HTTP 200."""

        async def answered(request: web.Request) -> web.Response:
            await asyncio.sleep(self.stage.script.latency)
            try:
                return await answer(request)
            except Refused as refused:
                return refused.response()

        return answered

    async def _submission(self, request: web.Request) -> web.StreamResponse:
        try:
            return await submitted(self.stage, request, self._send, _fault)
        except Refused as refused:
            self.stage.record.turned_away += 1
            return refused.response()

    async def _token(self, request: web.Request) -> web.Response:
        owner = request.query.get("appkey", ""), request.query.get("appsecret", "")
        if not self.stage.script.accepts(*owner):
            raise Refused(40089, "invalid appkey or appsecret")
        return _answer(access_token=self._purse.give(owner, time.time()), expires_in=TOKEN_SECONDS)

    async def _upload(self, request: web.Request) -> web.Response:
        """https://open.dingtalk.com/document/development/upload-media-files"""
        self._account(request)
        kind = request.query.get("type", "")
        form = await request.post() if request.content_type == "multipart/form-data" else {}
        file = form.get("media")
        if kind not in LARGEST:
            raise Refused(40004, "invalid media type")
        if not isinstance(file, web.FileField):
            raise Refused(41005, "media data missing")
        content = file.file.read()
        if not 0 < len(content) <= LARGEST[kind]:
            raise Refused(40006, "invalid media size")
        media_id = self.shelf.put(kind, file.filename, file.content_type, content)
        return _answer(type=kind, media_id=media_id, created_at=int(time.time() * 1000))

    def _account(self, request: web.Request) -> str:
        if not (token := request.query.get("access_token")):
            raise Refused(41001, "missing access_token")
        owner = self._purse.owner(token, time.time())
        if not self.stage.script.accepts(*owner) or not all(owner):
            raise Refused(40014, "invalid access_token")
        return owner[0]

    async def _send(self, request: web.Request) -> web.Response:
        account = self._account(request)
        limit = self.stage.script.per_minute
        if limit and self.stage.used(account)[0] > limit:
            raise Refused(90018, "too many calls of this application")
        given = await _given(request)
        userids, content = self._userids(given), _content(given.get("msg"))
        media_id = given["msg"][given["msg"]["msgtype"]].get("media_id", "")
        if self.shelf.has_lost(media_id):
            raise Refused(40007, "invalid media_id")
        now = time.time()
        drops = {userid: self._today.takes(account, userid, content, now) for userid in userids}
        fates = {userid: self._fate(userid, now) for userid, code in drops.items() if not code}
        dropped = {userid: code for userid, code in drops.items() if code}
        while self._tasks and not next(iter(self._tasks.values())).open(now):
            self._tasks.pop(next(iter(self._tasks)))
        self._last_id += 1
        self._tasks[self._last_id] = Task(account, now, fates, dropped)
        details: dict[str, Any] = {"task_id": str(self._last_id), "msg": orjson.loads(content), "dropped": dropped}
        if media := self.shelf.known(media_id):
            details["media"] = [media]
        self.stage.record.accept(list(fates), account=account, **details)
        return _answer(task_id=self._last_id)

    def _userids(self, given: Mapping[str, Any]) -> list[str]:
        if any(given.get(name) not in (None, "", False, "false") for name in ("dept_id_list", "to_all_user")):
            raise Refused(400002, "departments and everybody are not known here")
        userids = str(given.get("userid_list") or "").split(",")
        if not all(userids):
            raise Refused(400002, "userid_list is missing, or has an empty userid")
        if len(userids) > RECEIVERS:
            raise Refused(40035, f"more than {RECEIVERS} userids")
        if any(self.stage.script.refuses(userid) for userid in userids):
            raise Refused(40031, "at least one userid is not there")
        return list(dict.fromkeys(userids))

    def _fate(self, userid: str, now: float) -> list[tuple[float, str]]:
        return [(now + after, kind) for after, kind in self.stage.script.receipts_for(userid)]

    async def _result(self, request: web.Request) -> web.Response:
        task = await self._known(request, "task_id", 40035)
        return _answer(send_result=task.result(time.time()))

    async def _recall(self, request: web.Request) -> web.Response:
        task = await self._known(request, "msg_task_id", 400002)
        task.recalled_at = min(task.recalled_at, time.time())
        self.stage.record.recalled.append(str((await _given(request))["msg_task_id"]))
        return _answer()

    async def _known(self, request: web.Request, name: str, code: int) -> Task:
        """The task that the call is about, of this application and not older than a day."""
        account, number = self._account(request), str((await _given(request)).get(name))
        task = self._tasks.get(int(number)) if number.isdecimal() else None
        if task is None or task.account != account or not task.open(time.time()):
            raise Refused(code, f"no such {name}")
        return task


def _answer(**more: object) -> web.Response:
    return web.json_response({"errcode": 0, "errmsg": "ok", **more, "request_id": uuid4().hex[:12]})


def _fault(status: int, words: str) -> web.Response:
    return Refused(90018 if status == 429 else -1, words).response()


async def _given(request: web.Request) -> dict[str, Any]:
    """The fields of a form or of a JSON object, their agent in order."""
    if request.content_type == "application/json":
        given = _parsed(await request.read(), 43007)
    else:
        given = dict(await request.post())
        if "msg" in given:
            given["msg"] = _parsed(str(given["msg"]).encode(), 34014)
    if not str(given.get("agent_id")).isdecimal():
        raise Refused(40056, "invalid agent_id")
    return given


def _parsed(raw: bytes, code: int) -> dict[str, Any]:
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused(code, "not JSON") from error
    if not isinstance(parsed, dict):
        raise Refused(code, "not an object")
    return parsed


def _content(msg: object) -> bytes:
    """A message in order, as what tells it from others."""
    if not isinstance(msg, dict) or msg.get("msgtype") not in FORMS:
        raise Refused(34004, "invalid msgtype")
    if not isinstance(msg.get(msg["msgtype"]), dict):
        raise Refused(34014, "the object of the msgtype is missing")
    if len(orjson.dumps(msg)) > MSG_BYTES:
        raise Refused(45002, "the message is too long")
    return orjson.dumps(msg, option=orjson.OPT_SORT_KEYS)
