"""What an Official Account and a Mini Program have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import aiohttp

from ums.errors import OutcomeUnknown
from ums.providers.contract import Account, Answer, Outcome, Provider, Receipt, Report, Submission, Target
from ums.providers.keeper import Kept, ObjectId
from ums.providers.tokens import Token
from ums.providers.wechat.api import WechatApi
from ums.providers.wechat.component import Component
from ums.providers.wechat.door import Door
from ums.providers.wechat.errors import Fate, fate_of, is_quota, refusal
from ums.providers.wechat.receipts import receipts
from ums.providers.wechat.round import AT_ONCE, Round
from ums.providers.wechat.said import Said
from ums.providers.wechat.templates import Library, WechatTemplate
from ums.vocabulary import State

NO_TEMPLATE = "40037"
"""The account has none of that id."""


class WechatProvider(Provider):
    """Sends to openids of one account; `receipts` reads the events at its server address."""

    batch_limit = 100
    posts = True
    thanks = "success"
    limits = (
        f"a call for each person, {AT_ONCE} under way at once; a used-up quota is waited for: a minute's for a minute, "
        "a day's until midnight in China"
    )
    keeps = ("ProviderTemplate",)
    taken_as: ClassVar[State]
    """What a message is that WeChat has taken."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        self._api = WechatApi(account, session, self.platform)
        self._door = Door.of(account)
        self.library = Library(self._api)

    @property
    def component(self) -> Component | None:
        """The third-party platform that the account authorized; None when it is served with its AppSecret."""
        return self._api.component

    @abstractmethod
    async def templates(self) -> list[WechatTemplate]:
        """Those that the account has at WeChat; raises ProviderBusy, ProviderRefused or OutcomeUnknown."""

    @abstractmethod
    def _message(self, submission: Submission, target: Target) -> tuple[str, dict[str, Any]]:
        """The path and the body of the call for one target."""

    def _repeatable(self, submission: Submission) -> bool:  # noqa: ARG002  # asked of platforms that know a key
        """Whether WeChat would notice a second call for the same target."""
        return False

    async def send(self, submission: Submission) -> Answer:
        """One call for each target; a token that cannot be had stops them all before the first."""
        await self._api.token()

        async def call(target: Target) -> Outcome:
            path, body = self._message(submission, target)
            return self._outcome(target, await self._api.post(path, body))

        answer = await Round(submission.targets, call).answer(repeatable=self._repeatable(submission))
        if any(outcome.code == NO_TEMPLATE for outcome in answer.outcomes):
            return replace(answer, gone=ObjectId("ProviderTemplate", submission.content["template_id"]))
        return answer

    def _outcome(self, target: Target, said: Said) -> Outcome:
        """Of one target; raises what the next one would meet too."""
        if "errcode" not in said.whole:
            raise OutcomeUnknown("an answer without an errcode")
        if said.code == 0:
            provider_id = _id(said.whole)
            return Outcome(target.id, self._taken(provider_id), provider_id=provider_id)
        fate = fate_of(said.code)
        if fate is Fate.OPERATOR or is_quota(said.code):
            raise refusal(said.code, said.words)
        state, reason = fate.value
        return Outcome(target.id, state, reason, str(said.code), said.words)

    def _taken(self, provider_id: str | None) -> State:  # noqa: ARG002  # asked of those for whom it matters
        return self.taken_as

    async def lend(self) -> Token:
        return await self._api.lend()

    def notice(self, report: Report) -> Mapping[str, Any]:
        """What WeChat tells the third-party platform: a ticket, or what an administrator did. Raises as `receipts`."""
        return self._door.event(report)

    async def kept(self, known: Sequence[ObjectId]) -> list[Kept]:  # noqa: ARG002  # WeChat lists all there are
        """All templates of the account; they need no review once they are there."""
        return [
            Kept(ObjectId("ProviderTemplate", one.id), {"keywords": one.keys}, one.title, one.content)
            for one in await self.templates()
        ]

    def reply(self, event: Mapping[str, Any], text: str) -> bytes:
        """What to answer to a `notice` that is a message, so that its sender reads this text."""
        return self._door.reply(event, text)

    def greet(self, report: Report) -> str | None:
        return self._door.greet(report)

    def receipts(self, report: Report) -> list[Receipt]:
        """Read one event: XML or JSON, in clear or encrypted."""
        return receipts(self._door.event(report))


def _id(whole: Mapping[str, Any]) -> str | None:
    """The `msgid`; subscription messages have one too, although their reference does not say so."""
    return str(whole["msgid"]) if whole.get("msgid") else None
