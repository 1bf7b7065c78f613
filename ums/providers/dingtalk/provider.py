"""Work notifications of DingTalk: https://open.dingtalk.com/document/development/asynchronous-sending-of-enterprise-session-messages"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp
import orjson

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import (
    Account,
    Answer,
    Attachment,
    Common,
    Named,
    Outcome,
    Provider,
    Receipt,
    Submission,
    Target,
)
from ums.providers.dingtalk.codes import Fate, Said, receipts
from ums.providers.dingtalk.media import GONE, LIVES, REFUSALS, slots
from ums.providers.exchange import Exchange, Reply
from ums.providers.media import MediaRefused, named, put_ids
from ums.providers.tokens import Token
from ums.vocabulary import ChannelType, Proof, Reason, State, system_clock

API = "/topapi/message/corpconversation"
MSG_BYTES = 2048
TOKEN_SECONDS = 7200
UNTRIED = Common(State.PLANNED, words="a userid of this batch is not known: it was halved, and this half waits")


class Dingtalk(Provider):
    """Messages to the staff of a company by userid, at most 100 a call, each call a task whose result is asked for.

    There is no idempotency key. DingTalk drops identical content to one person within a day of China, so a repeat
    bothers nobody; but `request_key` gives none all the same, and a lost answer leaves the outcome unknown. The id of
    the task is lost with it, so its result could never be asked for, and the repeat's would call everybody whom the
    first one reached dropped (143106): people who have the message would be written down, and reached on another
    channel, as if they had not. Whoever wants to be sure may send the same content again on the same day.
    """

    platform = "dingtalk"
    type = ChannelType.DINGTALK
    batch_limit = 100
    attaches = True
    """More could be sent in one call, but then nobody may ask for its result."""
    detects: ClassVar = {State.DELIVERED: Proof.REAL}
    recalls = True
    limits = (
        f"{MSG_BYTES:,} bytes a message; the same content reaches a person once a day; every call counts, those that "
        "ask for results too"
    )
    asked_after = (30, 120, 600, 3600)
    """Every call counts: a company that pays nothing has 5,000 a month. Later than this only `read` changes."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        credentials = account.credentials
        base = credentials.get("baseUrl", "https://oapi.dingtalk.com")
        if account.sandbox:
            base = f"{account.sandbox.http}/dingtalk"
        self._agent = credentials["agentId"]
        self._key, self._secret = credentials["appKey"], credentials["appSecret"]
        self._exchange = Exchange(session, base)

    @classmethod
    def named(cls, content: Mapping[str, Any]) -> Sequence[Named]:
        return named(slots(content["msg"]))

    async def send(self, submission: Submission) -> Answer:
        """One task at most: what a halved batch leaves over is PLANNED, so that each task is an answer of its own.

        A file is uploaded first; once more when DingTalk has lost what it gave for it.
        """
        try:
            msg, ids = await self._with_media(submission)
            answer = await self._send(submission.targets, msg)
            if ids and answer.code == str(GONE):
                answer = await self._send(submission.targets, (await self._with_media(submission, ids))[0])
        except MediaRefused as refused:
            common = Common(State.REFUSED, Reason.CONTENT, refused.code, refused.words)
            return Answer(others=common, code=refused.code, words=refused.words)
        return answer

    async def _with_media(
        self, submission: Submission, spoiled: Sequence[str] = ()
    ) -> tuple[Mapping[str, Any], list[str]]:
        """The message with media_ids in the places of URLs, and those ids."""
        msg = deepcopy(dict(submission.content["msg"]))
        if not (places := list(slots(msg))):
            return msg, []
        return msg, await put_ids(places, submission.files, self.account.tokens, self._upload, spoiled)

    async def _upload(self, kind: str, file: Attachment) -> Token:
        def post(token: str) -> Awaitable[Reply]:
            query = f"access_token={quote(token, safe='')}&type={kind}"
            return self._exchange.post_file(f"/media/upload?{query}", "media", file)

        try:
            said = await self._under_token(post)
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from lost  # an upload reaches nobody
        if said.code in REFUSALS:
            raise MediaRefused(str(said.code), f"{file.name}: {said.words}")
        if said.fate:
            raise said.refusal()
        if not said.body.get("media_id"):
            raise ProviderBusy("no_media_id", "DingTalk answered without a media_id")
        return Token(str(said.body["media_id"]), LIVES)

    async def _send(self, targets: Sequence[Target], msg: Mapping[str, Any]) -> Answer:
        if (size := len(orjson.dumps(msg))) > MSG_BYTES:
            words = f"the message has {size} bytes; DingTalk takes {MSG_BYTES}"
            return Answer(others=Common(State.REFUSED, Reason.CONTENT, words=words), words=words)
        told, parts = _sendable(targets)
        while parts:
            part = parts.pop()
            try:
                common, task = await self._submit(part, msg)
            except (ProviderBusy, ProviderRefused, OutcomeUnknown) as stop:
                if len(part) == len(targets):
                    raise
                return _stopped(told, part, stop)
            if common.state is not State.INVALID:
                return _answer(told, part, common, task, parts)
            if len(part) == 1:
                told.append(Outcome(part[0].id, *common))
            else:
                parts += _halves(part)
        return Answer(told)

    async def _submit(self, targets: Sequence[Target], msg: Mapping[str, Any]) -> tuple[Common, str | None]:
        """What the call came to, and the id of its task. INVALID: one of the userids at least, nobody says which."""
        userids = ",".join(target.address for target in targets)
        said = await self._call("/asyncsend_v2", {"agent_id": self._agent, "userid_list": userids, "msg": msg})
        match said.fate:
            case None if said.body.get("task_id"):
                return Common(State.SUBMITTED), str(said.body["task_id"])
            case None:
                raise OutcomeUnknown("errcode 0 without a task_id")
            case Fate.CONTENT:
                return Common(State.REFUSED, Reason.CONTENT, str(said.code), said.words), None
            case Fate.ADDRESS:
                return Common(State.INVALID, Reason.INVALID_ADDRESS, str(said.code), said.words), None
        raise said.refusal()

    async def ask(self, provider_id: str) -> list[Receipt]:
        """Who has got it by now; DingTalk tells for 24 hours.

        https://open.dingtalk.com/document/development/gets-the-result-of-sending-messages-asynchronously-to-the-enterprise
        """
        said = await self._call("/getsendresult", {"agent_id": self._agent, "task_id": int(provider_id)})
        if said.fate is Fate.UNFINISHED:
            return []
        if said.fate:
            raise said.refusal()
        result = said.body.get("send_result")
        if not isinstance(result, dict):
            raise OutcomeUnknown("errcode 0 without a send_result")
        return list(receipts(provider_id, result, system_clock()))

    async def recall(self, provider_id: str) -> None:
        """The whole task, within 24 hours.

        https://open.dingtalk.com/document/development/notification-of-work-withdrawal
        """
        said = await self._call("/recall", {"agent_id": self._agent, "msg_task_id": int(provider_id)})
        if said.fate:
            raise said.refusal()

    async def lend(self) -> Token:
        return await self.account.tokens.lend("access_token", self._fresh_token)

    async def _call(self, path: str, body: Mapping[str, Any]) -> Said:
        def post(token: str) -> Awaitable[Reply]:
            return self._exchange.post(f"{API}{path}?access_token={quote(token, safe='')}", body)

        return await self._under_token(post)

    async def _under_token(self, post: Callable[[str], Awaitable[Reply]]) -> Said:
        """With the token; once more with another when DingTalk does not know it any longer."""
        token = await self.account.tokens.get("access_token", self._fresh_token)
        said = await _said(post(token), token)
        if said.fate is Fate.TOKEN:  # nothing was done
            token = await self.account.tokens.get("access_token", self._fresh_token, token)
            said = await _said(post(token), token)
        return said

    async def _fresh_token(self) -> Token:
        """https://open.dingtalk.com/document/development/obtain-orgapp-token"""
        query = f"appkey={quote(self._key, safe='')}&appsecret={quote(self._secret, safe='')}"
        try:
            said = await _said(self._exchange.get(f"/gettoken?{query}"), self._secret)
        except OutcomeUnknown as lost:  # nothing was sent; what came instead of an answer may hold half a token
            raise ProviderBusy(lost.code, "asked for a token, and no answer came that makes sense") from None
        if said.fate:
            raise said.refusal()
        if not said.body.get("access_token"):
            raise ProviderBusy("0", "errcode 0 without an access_token")
        return Token(str(said.body["access_token"]), float(said.body.get("expires_in", TOKEN_SECONDS)))


async def _said(call: Awaitable[Reply], secret: str) -> Said:
    """The answer to a call whose query holds a secret; a redirect or a proxy's page may repeat it, we do not."""

    def hushed(words: str) -> str:
        return words.replace(secret, "***").replace(quote(secret, safe=""), "***") if secret else words

    try:
        said = Said.read(await call)
    except ProviderBusy as busy:
        raise ProviderBusy(busy.code, hushed(busy.message), retry_after=busy.retry_after) from None
    except ProviderRefused as refused:
        raise ProviderRefused(refused.code, hushed(refused.message)) from None
    except OutcomeUnknown as lost:
        raise OutcomeUnknown(hushed(lost.message)) from None
    return Said(said.body, said.code, hushed(said.words))


def _sendable(targets: Sequence[Target]) -> tuple[list[Outcome], list[Sequence[Target]]]:
    """Outcomes of those that a list with commas cannot name, and all others as one part."""
    words = "not a userid: it is empty, or a comma is in it"
    bad = {target.id for target in targets if not target.address or "," in target.address}
    invalid = [Outcome(number, State.INVALID, Reason.INVALID_ADDRESS, words=words) for number in bad]
    good = [target for target in targets if target.id not in bad]
    return invalid, [good] if good else []


def _halves(part: Sequence[Target]) -> list[Sequence[Target]]:
    """The first half last: it is taken next."""
    middle = len(part) // 2
    return [part[middle:], part[:middle]]


def _answer(
    told: Sequence[Outcome], part: Sequence[Target], common: Common, task: str | None, untried: Sequence[object]
) -> Answer:
    """What is true of `part` is true of the untried too when it is a matter of the content."""
    code, words = common.code or "0", common.words
    if common.state is State.REFUSED or not untried:
        return Answer(told, common, task, code, words)
    own = [Outcome(target.id, *common) for target in part]
    return Answer([*told, *own], UNTRIED, task, code, words)


def _stopped(
    told: Sequence[Outcome], part: Sequence[Target], stop: ProviderBusy | ProviderRefused | OutcomeUnknown
) -> Answer:
    """Half-way: what is known stays known, and the next attempt meets with whatever stopped this one."""
    left = Common(State.PLANNED, None, stop.code, stop.message)
    if isinstance(stop, OutcomeUnknown):
        lost = [Outcome(target.id, State.UNKNOWN, Reason.UNKNOWN, stop.code, stop.message) for target in part]
        return Answer([*told, *lost], left, code=stop.code, words=stop.message)
    pause = stop.retry_after if isinstance(stop, ProviderBusy) else None
    return Answer(told, left, code=stop.code, words=stop.message, pause=pause or 0)
