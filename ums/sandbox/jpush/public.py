"""Stands in for JPush under /jpush: https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push

    POST /v3/push   POST /v3/push/validate   GET /v3/push/cid   DELETE /v3/push/{msg_id}

Receipts go to `/v1/app/callback` of the service, as arrays with HTTP Basic. Their fields are not public; these are
`msg_id`, `registration_id`, `type` (delivered, undelivered, clicked) and `time` (epoch ms), and `app_platform` and
`app_sender`, numbered as in the vendor's unified product: https://docs.jiguang.cn/jums/advanced/callback
"""

import asyncio
import time
import zlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import uuid4

import orjson
from aiohttp import web

from ums.errors import UmsError
from ums.sandbox.postman import Letter, Postman, Receipt
from ums.sandbox.stage import Credentials, StandIn, credentials, submitted

TARGETS = 1000
"""In one push."""
ANDROID_BYTES = 4000
CIDS_AT_ONCE = 10
RECEIPTS_PER_POST = 100
UNLIMITED = 1_000_000
"""Shown as the rate limit when the script sets none."""
CID_SECONDS = 24 * 3600
MEMBERS = frozenset(
    (
        *("platform", "audience", "notification", "message", "notification_3rd", "inapp_message"),
        *("live_activity", "sms_message", "options", "callback", "cid"),
    )
)
OBJECTS = ("notification", "message", "live_activity", "options")
PLATFORMS = frozenset({"android", "ios", "hmos", "quickapp", "winphone"})
DEVICES: Sequence[tuple[str, Mapping[str, int]]] = (
    ("android", {"app_platform": 0, "app_sender": 0}),
    ("android", {"app_platform": 0, "app_sender": 1}),
    ("android", {"app_platform": 0, "app_sender": 4}),
    ("ios", {"app_platform": 1, "app_sender": 8}),
    ("quickapp", {"app_platform": 3, "app_sender": 0}),
    ("hmos", {"app_platform": 4}),
)
"""What registration ids stand for: each, by its hash, for the same one of those that a push is for."""


class Refused(UmsError):
    """An HTTP status with the provider's code and words."""

    def __init__(self, status: int, code: int, words: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.words, self.headers = status, code, words, headers or {}
        self.illegal: list[str] = []

    def response(self) -> web.Response:
        error: dict[str, Any] = {"code": self.code, "message": self.words}
        if self.illegal:
            error["illegal_rids"] = self.illegal
        return web.json_response({"error": error}, status=self.status, headers=self.headers)


Answer = Callable[[web.Request, Credentials], Awaitable[web.Response]]


class JpushStandIn(StandIn):
    platform: ClassVar = "jpush"

    async def start(self) -> None:
        self._last_id = int(time.time()) * 10_000  # ids go on rising when the sandbox is started again
        self._answers: dict[str, tuple[float, dict[str, str]]] = {}
        self._sent: set[str] = set()
        self._postman = Postman(self.stage.session, self.stage.record, self._seal, per_letter=RECEIPTS_PER_POST)

    async def stop(self) -> None:
        await self._postman.close()

    def routes(self) -> Sequence[web.RouteDef]:
        push = f"/{self.platform}/v3/push"
        return (
            web.post(push, self._submission),
            web.post(f"{push}/validate", self._call(self._validate)),
            web.get(f"{push}/cid", self._call(self._cids)),
            web.delete(f"{push}/{{msg_id}}", self._call(self._recall)),
        )

    def _call(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A call that knows whose it is, and words its refusals as JPush does."""

        async def answered(request: web.Request) -> web.Response:
            try:
                return await answer(request, self._account(request))
            except Refused as refused:
                return refused.response()

        return answered

    def _account(self, request: web.Request) -> Credentials:
        key, secret = credentials(request)
        if not self.stage.script.accepts(key, secret):
            raise Refused(401, 1004, "Authentication failed")
        return key, secret

    async def _submission(self, request: web.Request) -> web.StreamResponse:
        return await submitted(self.stage, request, self._call(self._push), _fault)

    async def _push(self, request: web.Request, account: Credentials) -> web.Response:
        limit = self.stage.script.per_minute or UNLIMITED
        used, seconds = self.stage.used(account[0])
        headers = {
            "X-Rate-Limit-Limit": str(limit),
            "X-Rate-Limit-Remaining": str(max(0, limit - used)),
            "X-Rate-Limit-Reset": str(seconds),
        }
        if used > limit:
            raise Refused(429, 2002, "Rate limit exceeded", headers=headers)
        try:
            return web.json_response(self._once(account, _parsed(await request.read())), headers=headers)
        except Refused as refused:
            refused.headers = headers
            raise

    def _once(self, account: Credentials, push: Mapping[str, Any]) -> dict[str, str]:
        """A second push with the same cid gets the first one's answer and sends nothing."""
        now, cid = time.time(), push.get("cid")
        while self._answers and next(iter(self._answers.values()))[0] < now:
            self._answers.pop(next(iter(self._answers)))
        if cid in self._answers:
            return self._answers[cid][1]
        targets = self._checked(push)
        self._last_id += 1
        answer = {"sendno": str(push.get("options", {}).get("sendno", 0)), "msg_id": str(self._last_id)}
        self.stage.record.accept(targets, account=account[0], msg_id=answer["msg_id"], push=_without_audience(push))
        self._sent.add(answer["msg_id"])
        self._tell_later(account, answer["msg_id"], targets, push["platform"])
        if cid:
            self._answers[cid] = (now + CID_SECONDS, answer)
        return answer

    def _checked(self, push: Mapping[str, Any]) -> list[str]:
        targets = _targets(push)
        refused = [target for target in targets if self.stage.script.refuses(target)]
        if refused and len(refused) == len(targets):
            raise Refused(400, 1011, "cannot find user by this audience")
        if refused:
            illegal = Refused(400, 1003, "registration_id has illegal values")
            illegal.illegal = refused
            raise illegal
        return targets

    async def _validate(self, request: web.Request, _: Credentials) -> web.Response:
        self._checked(_parsed(await request.read()))
        return web.json_response({"sendno": "0", "msg_id": str(self._last_id + 1)})

    async def _cids(self, request: web.Request, account: Credentials) -> web.Response:
        await asyncio.sleep(self.stage.script.latency)
        asked = request.query.get("count", "1")
        if not asked.isdecimal() or request.query.get("type", "push") not in ("push", "schedule"):
            raise Refused(400, 1003, "count or type is illegal")
        count = min(int(asked), CIDS_AT_ONCE)
        return web.json_response({"cidlist": [f"{account[0]}-{uuid4()}" for _ in range(count)]})

    async def _recall(self, request: web.Request, _: Credentials) -> web.Response:
        msg_id = request.match_info["msg_id"]
        if msg_id not in self._sent:
            raise Refused(400, 1003, f"no message {msg_id}")
        self._postman.forget(lambda receipt: receipt["msg_id"] == msg_id)
        self.stage.record.recalled.append(msg_id)
        return web.Response()

    def _tell_later(
        self, account: Credentials, msg_id: str, targets: Sequence[str], platform: str | Sequence[str]
    ) -> None:
        script, now = self.stage.script, time.time()
        if not script.receipts:
            return
        by_time: dict[float, list[Receipt]] = {}
        for target in targets:
            for after, kind in script.receipts_for(target):
                at = int((now + after) * 1000)
                receipt = {"msg_id": msg_id, "registration_id": target, "type": kind, "time": at}
                receipt |= _device(target, platform)
                by_time.setdefault(after, []).append(receipt)
        for after, receipts in by_time.items():
            self._postman.later(after, account, receipts)

    def _seal(self, account: Credentials, receipts: Sequence[Receipt]) -> Letter:
        authorization = "Basic " + b64encode(":".join(account).encode()).decode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        return Letter(f"{self.stage.receipts_to}/v1/app/callback", headers, orjson.dumps(receipts))


def _fault(status: int, words: str) -> web.Response:
    if status == 429:
        return Refused(429, 2002, words, headers={"X-Rate-Limit-Reset": "1"}).response()
    return Refused(status, 1000, words).response()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        push = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, 1003, "the body is not JSON") from error
    if not isinstance(push, dict):
        raise Refused(400, 1003, "the body is not an object")
    return push


def _targets(push: Mapping[str, Any]) -> list[str]:
    """The registration ids of a push that is in order; none for another kind of audience."""
    if unknown := push.keys() - MEMBERS:
        raise Refused(400, 1009, f"unsupported: {', '.join(sorted(unknown))}")
    if not push.get("platform") or not push.get("audience"):
        raise Refused(400, 1002, "platform and audience are required")
    if push["platform"] != "all" and not set(push["platform"]) <= PLATFORMS:
        raise Refused(400, 1003, "platform is illegal")
    if odd := [name for name in OBJECTS if not isinstance(push.get(name) or {}, dict)]:
        raise Refused(400, 1003, f"not an object: {', '.join(odd)}")
    if not push.get("notification") and not push.get("message") and not push.get("live_activity"):
        raise Refused(400, 1002, "notification or message is required")
    android = (push.get("notification") or {}).get("android")
    if len(orjson.dumps([android, push.get("message")])) > ANDROID_BYTES:
        raise Refused(400, 1005, "the message is too large")
    return _registration_ids(push["audience"])


def _registration_ids(audience: object) -> list[str]:
    if not isinstance(audience, dict) or "registration_id" not in audience:
        return []
    ids = audience["registration_id"]
    if not isinstance(ids, list) or not 0 < len(ids) <= TARGETS or not all(isinstance(i, str) and i for i in ids):
        raise Refused(400, 1003, f"registration_id is 1 to {TARGETS} texts")
    return ids


def _without_audience(push: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in push.items() if name != "audience"}


def _device(target: str, platform: str | Sequence[str]) -> Mapping[str, int]:
    """What a receipt tells of the device that a push to this or these platforms found."""
    possible = [device for name, device in DEVICES if platform == "all" or name in platform]
    return possible[zlib.crc32(target.encode()) % len(possible)] if possible else {}
