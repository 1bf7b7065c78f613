"""What the interfaces of a WeCom application have in common, for one company and for linked ones.

https://developer.work.weixin.qq.com/document/path/90236
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy
from ums.providers.contract import Account, Answer, Attachment, Common, Named, Outcome, Provider, Submission, Target
from ums.providers.exchange import Exchange, Reply
from ums.providers.media import MediaRefused, named, put_ids
from ums.providers.pace import Bound
from ums.providers.tokens import Token
from ums.providers.wecom.answers import CONTENT, NOBODY, OK, TOKEN_REFUSED, outcome, refusal, said
from ums.providers.wecom.content import oversized
from ums.providers.wecom.media import GONE, LIVES, REFUSALS, slots
from ums.vocabulary import ChannelType, Proof, Reason, State, system_clock

MEMBER_BOUNDS = (Bound(60, 30), Bound(3600, 1000))
"""Of one application: https://developer.work.weixin.qq.com/document/path/90312"""
_WORDS = "30 messages a minute, or 1,000 an hour"
WECOMS_OWN_WINDOW = 1800
"""Seconds for which the duplicate check looks back where a call does not say."""


class WecomApplication(Provider):
    """Messages to members, at most 1,000 a call; the answer is all that is ever known of their delivery.

    WeCom drops what goes beyond 30 messages a minute or 1,000 an hour to one member, and calls it sent. So whoever
    has had as many from the application, through whichever worker, is held back, to be tried again later.
    """

    type = ChannelType.WECOM
    batch_limit = 1000
    attaches = True
    detects: ClassVar = {State.DELIVERED: Proof.ACCEPTED}
    limits = f"{_WORDS} to one member; WeCom drops more unsaid, so all workers together hold back what is more"
    path: ClassVar[str]
    """Of the call that sends."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        base = account.credentials.get("baseUrl", "https://qyapi.weixin.qq.com")
        if account.sandbox:
            base = f"{account.sandbox.http}/{self.platform}"
        self._exchange = Exchange(session, base)
        self._to_repeat: set[str] = set()

    @abstractmethod
    def unsendable(self, address: str) -> str:
        """Why nothing can be sent to this address; empty when it can."""

    @abstractmethod
    def message(self, submission: Submission, addresses: Sequence[str]) -> dict[str, Any]:
        """The body of the call: `worded`, and for whom."""

    def worded(self, content: Mapping[str, Any]) -> dict[str, Any]:
        form = content["msgtype"]
        safe = {"safe": content["safe"]} if "safe" in content else {}
        return {"msgtype": form, "agentid": self.account.credentials["agentId"], form: content[form], **safe}

    def flaw(self, content: Mapping[str, Any]) -> str:
        """Why this content is not sent at all; empty when it is."""
        return oversized(content)

    @classmethod
    def named(cls, content: Mapping[str, Any]) -> Sequence[Named]:
        return named(slots(content))

    async def send(self, submission: Submission) -> Answer:
        """Files are uploaded first; once more when WeCom has lost what it gave for them."""
        if flaw := self.flaw(submission.content):
            return Answer(others=Common(*CONTENT, words=flaw), words=flaw)
        try:
            ready, ids = await self._with_media(submission)
            answer = await self._send(ready)
            if ids and answer.code in map(str, GONE):
                answer = await self._send((await self._with_media(submission, ids))[0])
        except MediaRefused as refused:
            return Answer(others=Common(*CONTENT, refused.code, refused.words), code=refused.code, words=refused.words)
        return answer

    async def _with_media(self, submission: Submission, spoiled: Sequence[str] = ()) -> tuple[Submission, list[str]]:
        """With media_ids in the places of URLs, and those ids."""
        content = deepcopy(dict(submission.content))
        if not (places := list(slots(content))):
            return submission, []
        ids = await put_ids(places, submission.files, self.account.tokens, self._upload, spoiled)
        return replace(submission, content=content, files=()), ids

    async def _upload(self, kind: str, file: Attachment) -> Token:
        try:
            answer = await self._under_token(
                lambda token: self._exchange.post_file(
                    f"/cgi-bin/media/upload?{urlencode({'access_token': token, 'type': kind})}", "media", file
                )
            )
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from lost  # an upload reaches nobody
        if answer["errcode"] in REFUSALS:
            raise MediaRefused(str(answer["errcode"]), f"{file.name}: {answer.get('errmsg', '')}")
        if answer["errcode"] != OK:
            raise refusal(answer)
        if not answer.get("media_id"):
            raise ProviderBusy("no_media_id", "WeCom answered without a media_id")
        return Token(str(answer["media_id"]), LIVES)

    async def _send(self, submission: Submission) -> Answer:
        by_member, apart = self._told_apart(submission.targets)
        held = await self._held(submission, by_member)
        if not by_member:
            return Answer([*apart, *held])
        answer = await self._sent(submission, by_member, whole=not held)
        return replace(answer, outcomes=[*apart, *held, *answer.outcomes])

    def _told_apart(self, targets: Sequence[Target]) -> tuple[dict[str, Target], list[Outcome]]:
        """The targets by member, and the outcomes of those that are not sent to.

        WeCom takes no notice of case and answers in lower case, so a member stands in a call once.
        """
        by_member: dict[str, Target] = {}
        apart = []
        for target in targets:
            if why := self.unsendable(target.address):
                apart.append(Outcome(target.id, *NOBODY, words=why))
            elif by_member.setdefault(target.address.casefold(), target) is not target:
                apart.append(Outcome(target.id, State.INVALID, Reason.DUPLICATE, words="twice in one batch"))
        return by_member, apart

    async def _held(self, submission: Submission, by_member: dict[str, Target]) -> list[Outcome]:
        """The outcomes of those whose time has not come; they are taken out of `by_member`."""
        admitted = await self.account.pace.admit(self._application, by_member.keys(), MEMBER_BOUNDS)
        if submission.key in self._to_repeat:
            return []  # WeCom knows a repeat only by its having the same members
        late = [by_member.pop(member) for member in list(by_member) if member not in admitted]
        words = f"{_WORDS}: WeCom would drop more"
        return [Outcome(target.id, State.PLANNED, words=words) for target in late]

    async def _sent(self, submission: Submission, by_member: Mapping[str, Target], *, whole: bool) -> Answer:
        message = self.message(submission, [target.address for target in by_member.values()])
        try:
            answer = outcome(await self.call(self.path, message), by_member)
        except OutcomeUnknown as lost:
            # Who is held back now may be let through next time, and with other members it is another message.
            if whole and _age(submission.key) <= _checked_for(message) / 2:
                self._to_repeat.add(submission.key)
                raise
            answer = Answer(
                others=Common(State.UNKNOWN, Reason.UNKNOWN, lost.code, lost.message),
                code=lost.code,
                words=lost.message,
            )
        self._to_repeat.discard(submission.key)
        return answer

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST under the application's token; the answer may be a refusal. Raises OutcomeUnknown."""
        return await self._under_token(
            lambda token: self._exchange.post(f"{path}?{urlencode({'access_token': token})}", body)
        )

    async def _under_token(self, post: Callable[[str], Awaitable[Reply]]) -> dict[str, Any]:
        token = await self._token()
        answer = said(await post(token))
        if answer["errcode"] in TOKEN_REFUSED:
            answer = said(await post(await self._token(spoiled=token)))
        return answer

    async def lend(self) -> Token:
        return await self.account.tokens.lend(self._application, self._fresh_token)

    async def _token(self, spoiled: str = "") -> str:
        return await self.account.tokens.get(self._application, self._fresh_token, spoiled)

    @property
    def _application(self) -> str:
        return f"{self.account.credentials['corpId']}/{self.account.credentials['agentId']}"

    async def _fresh_token(self) -> Token:
        """https://developer.work.weixin.qq.com/document/path/91039"""
        credentials = self.account.credentials
        asked = urlencode({"corpid": credentials["corpId"], "corpsecret": credentials["secret"]})
        try:
            answer = said(await self._exchange.get(f"/cgi-bin/gettoken?{asked}"))
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from lost  # asking for a token sends nothing
        if answer["errcode"] != OK:
            raise refusal(answer)
        if not answer.get("access_token"):
            raise ProviderBusy("no_token", "WeCom answered without an access_token")
        return Token(str(answer["access_token"]), float(answer.get("expires_in", 7200)))


def _age(key: str) -> float:
    """Seconds since `request_key` made this one; endless for none."""
    made = key.partition("-")[0]
    return (system_clock() - int(made)) / 1000 if made.isdecimal() else float("inf")


def _checked_for(message: Mapping[str, Any]) -> float:
    """Seconds for which WeCom shows the very same call to nobody a second time."""
    return message.get("duplicate_check_interval", WECOMS_OWN_WINDOW) if message.get("enable_duplicate_check") else 0.0
