"""What the stand-ins for WeCom have in common: https://developer.work.weixin.qq.com/document/path/90236

    GET /cgi-bin/gettoken?corpid=&corpsecret=   POST /cgi-bin/media/upload?type=

Every answer has HTTP status 200 and an `errcode`. A script's accounts are companies by their CorpId, with the secret
of their application. Members that it refuses are invalid; those that it calls undelivered have no licence.
"""

import asyncio
import secrets
import time
from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from aiohttp import web

from ums.sandbox.media import Shelf
from ums.sandbox.stage import Credentials, StandIn, submitted
from ums.sandbox.wecom.messages import Refused, media_ids, shown

TOKEN_SECONDS = 7200
MEDIA_SECONDS = 3 * 86_400.0
LARGEST = {"image": 10 * 2**20, "voice": 2 * 2**20, "video": 10 * 2**20, "file": 20 * 2**20}
"""Bytes."""
MEMBERS = 1000
"""In one call; of departments and tags it is 100."""
PACE = ((60, 30), (3600, 1000))
"""(Seconds, messages to one member in them): what goes beyond is lost, and nobody is told."""


@dataclass(frozen=True)
class Issued:
    """A token."""

    account: Credentials
    until: float


@dataclass(frozen=True)
class Call:
    """A submission that is in order so far."""

    account: Credentials
    body: bytes
    message: Mapping[str, Any]
    """As it came."""
    shown: Mapping[str, Any]
    """What members see of it."""


@dataclass(frozen=True)
class Members:
    """Whom a call names, told apart; all as the answer spells them."""

    sent: list[str]
    invalid: list[str]
    unlicensed: list[str]
    parties: list[str]
    tags: list[str]


Answer = Callable[[web.Request, Credentials], Awaitable[dict[str, Any]]]


class WecomApplicationStandIn(StandIn):
    cards: ClassVar[bool]
    """Whether it takes a template_card."""
    path: ClassVar[str]
    """Of the call that sends."""

    async def start(self) -> None:
        self._tokens: dict[str, Issued] = {}
        self.shelf = Shelf(MEDIA_SECONDS, LARGEST)
        self._written: defaultdict[tuple[str, int, str], deque[float]] = defaultdict(deque)

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.get(f"/{self.platform}/cgi-bin/gettoken", self._gettoken),
            web.post(f"/{self.platform}/cgi-bin/media/upload", self._upload),
            web.post(f"/{self.platform}{self.path}", self._submission),
        )

    @abstractmethod
    def named(self, message: Mapping[str, Any], field: str) -> list[str]:
        """The members, departments or tags of a call, as this interface writes them."""

    @abstractmethod
    def accepted(self, call: Call, members: Members) -> dict[str, Any]:
        """Accept a call and word the answer; `take` sends it."""

    @abstractmethod
    def beside(self, members: Members) -> dict[str, Any]:
        """The members that an answer names, as this interface writes them."""

    async def _gettoken(self, request: web.Request) -> web.Response:
        """https://developer.work.weixin.qq.com/document/path/91039"""
        await asyncio.sleep(self.stage.script.latency)
        try:
            token, issued = self._issued(request.query.get("corpid", ""), request.query.get("corpsecret", ""))
        except Refused as refused:
            return refused.response(request)
        left = int(issued.until - time.time())
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": left})

    def _issued(self, company: str, secret: str) -> tuple[str, Issued]:
        """The same token for as long as it is valid."""
        if not company:
            raise Refused(41002, "corpid missing")
        if not secret:
            raise Refused(41004, "corpsecret missing")
        if self.stage.script.accounts and company not in self.stage.script.accounts:
            raise Refused(40013, "invalid corpid")
        if not self.stage.script.accepts(company, secret):
            raise Refused(40001, "invalid credential")
        now = time.time()
        for token, issued in self._tokens.items():
            if issued.account == (company, secret) and now < issued.until:
                return token, issued
        token = secrets.token_urlsafe(160)
        self._tokens[token] = Issued((company, secret), now + TOKEN_SECONDS)
        return token, self._tokens[token]

    def account(self, request: web.Request) -> Credentials:
        """Whose token it is; a token dies with the secret for which it was given."""
        token = request.query.get("access_token", "")
        if not token:
            raise Refused(41001, "access_token missing")
        if token not in self._tokens:
            raise Refused(40014, "invalid access_token")
        issued = self._tokens[token]
        if time.time() >= issued.until:
            raise Refused(42001, "access_token expired")
        if not self.stage.script.accepts(*issued.account):
            del self._tokens[token]
            raise Refused(40014, "invalid access_token")
        return issued.account

    async def _submission(self, request: web.Request) -> web.StreamResponse:
        def fault(status: int, words: str) -> web.Response:
            code = 45009 if status == 429 else -1
            return Refused(code, "api freq out of limit" if code == 45009 else f"system busy: {words}").response(
                request
            )

        try:
            return await submitted(self.stage, request, self._send, fault)
        except Refused as refused:
            self.stage.record.turned_away += 1
            return refused.response(request)

    async def _upload(self, request: web.Request) -> web.Response:
        """https://developer.work.weixin.qq.com/document/path/90253"""
        await asyncio.sleep(self.stage.script.latency)
        kind = request.query.get("type", "")
        try:
            self.account(request)
            form = await request.post() if request.content_type == "multipart/form-data" else {}
            file = form.get("media")
            if kind not in LARGEST:
                raise Refused(40004, "invalid media type")
            if not isinstance(file, web.FileField):
                raise Refused(44001, "empty media data")
            content = file.file.read()
            if not 5 < len(content) <= LARGEST[kind]:
                raise Refused(40006, "invalid media size")
        except Refused as refused:
            return refused.response(request)
        media_id = self.shelf.put(kind, file.filename, file.content_type, content)
        said = {"type": kind, "media_id": media_id, "created_at": str(int(time.time()))}
        return web.json_response({"errcode": 0, "errmsg": "ok", **said})

    async def _send(self, request: web.Request) -> web.Response:
        account, body = self.account(request), await request.read()
        limit = self.stage.script.per_minute
        if limit and self.stage.used(account[0])[0] > limit:
            raise Refused(45009, "api freq out of limit")
        message = parsed(body)
        call = Call(account, body, message, shown(message, cards=self.cards))
        if any(map(self.shelf.has_lost, media_ids(call.shown))):
            raise Refused(40007, "invalid media_id")
        return web.json_response({"errcode": 0, "errmsg": "ok"} | self.accepted(call, self._members(message)))

    def _members(self, message: Mapping[str, Any]) -> Members:
        """Departments and tags are unknown here, and so is everybody at once."""
        users, parties, tags = (self.named(message, field) for field in ("touser", "toparty", "totag"))
        for named, code, limit in ((users, 40032, MEMBERS), (parties, 82002, 100), (tags, 82003, 100)):
            if len(named) > limit:
                raise Refused(code, "invalid list size")
        if not users:
            raise Refused(82001, "all of touser, toparty and totag are invalid")
        refused = {user for user in users if self.stage.script.refuses(user)}
        without = {user for user in users if self._is_undelivered(user)} - refused
        sent = [user for user in dict.fromkeys(users) if user not in refused | without]
        invalid, unlicensed = (sorted(spelled(user) for user in told) for told in (refused, without))
        members = Members(sent, invalid, unlicensed, parties, tags)
        if not sent:
            raise Refused(81013, "user & party & tag all invalid", **self.beside(members))
        return members

    def _is_undelivered(self, user: str) -> bool:
        return any(kind == "undelivered" for _, kind in self.stage.script.receipts_for(user))

    def take(self, call: Call, members: Members, **details: object) -> None:
        """Send it to whoever has not had too many, and write down who had."""
        agent, now = call.message.get("agentid", 0), time.time()
        dropped = [user for user in members.sent if not self._is_paced((call.account[0], agent, user.lower()), now)]
        left = [user for user in members.sent if user not in dropped] if dropped else members.sent
        details |= {"dropped": dropped} if dropped else {}
        if media := [known for media_id in media_ids(call.shown) if (known := self.shelf.known(media_id))]:
            details |= {"media": media}
        self.stage.record.accept(left, account=call.account[0], agentid=agent, message=dict(call.shown), **details)

    def _is_paced(self, member: tuple[str, int, str], now: float) -> bool:
        times = self._written[member]
        while times and times[0] <= now - PACE[-1][0]:
            times.popleft()
        if any(sum(at > now - seconds for at in times) >= limit for seconds, limit in PACE):
            return False
        times.append(now)
        return True


def parsed(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(47001, "data format error") from error
    if not isinstance(message, dict):
        raise Refused(47001, "data format error")
    return message


def spelled(user: str) -> str:
    """Userids come back in lower case; the id of a company before them does not change."""
    company, bar, member = user.rpartition("/")
    return f"{company}{bar}{member.lower()}"
