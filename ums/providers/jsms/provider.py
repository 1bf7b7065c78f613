"""Text messages through JSMS: https://docs.jiguang.cn/jsms/server/rest_api_jsms"""

import re
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Answer, Outcome, Provider, Receipt, Replied, Report, Submission, Target
from ums.providers.exchange import Reply
from ums.providers.jsms import keeping
from ums.providers.jsms.api import OUT_OF_FREQUENCY, JsmsApi, error, refusal
from ums.providers.jsms.receipts import Callbacks, fetched, replied
from ums.providers.keeper import Kept, ObjectId, Reviewed
from ums.providers.mobiles import numbered
from ums.vocabulary import ChannelType, Proof, Reason, State

REPORT_SECONDS = 6
"""JSMS may be asked every five seconds; one more for clocks that differ."""


class Fate(Enum):
    """What a JSMS code means; a code concerns one recipient or the whole call, by where it stands."""

    RECIPIENT = (State.INVALID, Reason.INVALID_ADDRESS)
    UNSUBSCRIBED = (State.INVALID, Reason.UNSUBSCRIBED)
    CONTENT = (State.REFUSED, Reason.CONTENT)
    DUPLICATE = (State.REFUSED, Reason.DUPLICATE)
    UNKNOWN = (State.UNKNOWN, Reason.UNKNOWN)
    OPERATOR = (State.PLANNED, Reason.ACCOUNT)
    LATER = (State.PLANNED, None)


# https://docs.jiguang.cn/jsms/server/rest_api_jsms - the table of codes at its foot. Whatever is not here is a
# matter of the account, the template or the request, which the operator must mend.
FATES = {
    50006: Fate.RECIPIENT,
    50009: Fate.LATER,
    50019: Fate.UNKNOWN,
    50022: Fate.CONTENT,
    50023: Fate.CONTENT,
    50024: Fate.UNSUBSCRIBED,
    50034: Fate.DUPLICATE,
    50037: Fate.CONTENT,
    50038: Fate.CONTENT,
    50042: Fate.CONTENT,
    50043: Fate.CONTENT,
    50044: Fate.CONTENT,
    50052: Fate.CONTENT,
    50053: Fate.CONTENT,
    50054: Fate.CONTENT,
}

MAINLAND = re.compile(r"(?:\+86)?(1\d{10})", re.ASCII)


class Jsms(Provider):
    """Template messages to mainland numbers, at most 1,000 a call; there is no idempotency key.

    JSMS posts its receipts, or keeps them to be fetched: `credentials.receipts` says which, as its console does.
    """

    platform = "jsms"
    type = ChannelType.SMS
    batch_limit = 1000
    detects: ClassVar = {State.DELIVERED: Proof.REAL}
    personal = True
    posts = True
    limits = f"receipts are fetched every {REPORT_SECONDS} seconds; JSMS allows five"
    keeps = (keeping.TEMPLATE, keeping.SIGNATURE)
    makes = True

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        credentials = account.credentials
        self._api = JsmsApi(account, session)
        self._callbacks = Callbacks(credentials["appKey"], credentials["masterSecret"])
        self._keeping = keeping.Keeping(account, session)
        self._not_before = 0.0
        if credentials.get("receipts") == "poll":
            self.collected_every = REPORT_SECONDS

    async def send(self, submission: Submission) -> Answer:
        by_mobile, unsendable = numbered(submission.targets, MAINLAND)
        if not by_mobile:
            return Answer(unsendable)
        reply = await self._api.post("/v1/messages/batch", _batch(submission, by_mobile))
        said = reply.answer()
        if reply.status != 200:
            return Answer([*unsendable, *_refused(reply, by_mobile)])
        return Answer([*unsendable, *_outcomes(said, by_mobile)], code="200")

    def receipts(self, report: Report) -> list[Receipt]:
        """Read what JSMS posts: https://docs.jiguang.cn/jsms/server/callback"""
        return self._callbacks.receipts(report)

    def reviews(self, report: Report) -> list[Reviewed]:
        return keeping.reviewed(*self._callbacks.opened(report))

    def replies(self, report: Report) -> list[Replied]:
        return replied(*self._callbacks.opened(report))

    async def kept(self, known: Sequence[ObjectId]) -> list[Kept]:
        return await self._keeping.kept(known)

    async def make(self, kind: str, declared: Mapping[str, Any]) -> str:
        return await self._keeping.make(kind, declared)

    async def edit(self, made: ObjectId, declared: Mapping[str, Any]) -> None:
        await self._keeping.edit(made, declared)

    async def discard(self, made: ObjectId) -> None:
        await self._keeping.discard(made)

    @classmethod
    def keeps_receipts(cls, credentials: Mapping[str, Any]) -> bool:
        return credentials.get("receipts") == "poll"

    async def collect(self) -> list[Receipt]:
        """At most 500 reports, each of which JSMS hands out once; nothing when asked again too soon.

        https://docs.jiguang.cn/jsms/server/rest_api_jsms_inquire
        """
        if time.monotonic() < self._not_before:
            return []
        self._not_before = time.monotonic() + REPORT_SECONDS
        reply = await self._api.get("/v1/report")
        if reply.status == 200:
            if (told := fetched(reply.body)) is None:
                raise OutcomeUnknown(f"HTTP 200 without an array of reports: {reply.excerpt}")
            return told
        stop = refusal(reply)
        if stop.code == OUT_OF_FREQUENCY:  # another worker has just asked, and has what was there
            return []
        raise stop


def _batch(submission: Submission, mobiles: Mapping[str, Target]) -> dict[str, Any]:
    content = submission.content
    said_to_all = {name: content[name] for name in ("temp_id", "sign_id", "tag") if name in content}
    return said_to_all | {"recipients": [_recipient(submission, mobile, target) for mobile, target in mobiles.items()]}


def _recipient(submission: Submission, mobile: str, target: Target) -> dict[str, Any]:
    values = submission.content_of(target).get("temp_para")
    return {"mobile": mobile, "temp_para": values} if values else {"mobile": mobile}


def _outcomes(said: Mapping[str, Any], by_mobile: Mapping[str, Target]) -> list[Outcome]:
    """One outcome per number; raises when none was accepted and the operator must act, or nobody need act."""
    answers = {str(item.get("mobile")): item for item in said.get("recipients", []) if isinstance(item, dict)}
    if not answers.keys() & by_mobile.keys():
        raise OutcomeUnknown("HTTP 200 without any of our recipients")
    fates = {mobile: _fate(answers.get(mobile)) for mobile in by_mobile}
    _stop_if_all(fates, answers)
    return [_outcome(target, fates[mobile], answers.get(mobile, {})) for mobile, target in by_mobile.items()]


def _stop_if_all(fates: Mapping[str, Fate | None], answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Every number bounced for the same want of money or time: trying them again one by one would be pointless."""
    if set(fates.values()) in ({Fate.OPERATOR}, {Fate.LATER}):
        item = answers[next(iter(fates))]
        stop = ProviderRefused if Fate.OPERATOR in fates.values() else ProviderBusy
        raise stop(str(item["error_code"]), str(item.get("error_message", "")))


def _fate(item: Mapping[str, Any] | None) -> Fate | None:
    """None for a recipient that was accepted."""
    if item is None:
        return Fate.UNKNOWN
    if "error_code" not in item:
        return None if item.get("msg_id") else Fate.UNKNOWN
    return _fate_of(str(item["error_code"]))  # text in most samples, a number in some


def _fate_of(code: str) -> Fate:
    return FATES.get(int(code), Fate.OPERATOR) if code.isdecimal() else Fate.OPERATOR


def _fate_of_status(status: int) -> Fate:
    """For an answer that has no code."""
    return Fate.UNKNOWN if status >= 500 else Fate.OPERATOR


def _outcome(target: Target, fate: Fate | None, item: Mapping[str, Any]) -> Outcome:
    provider_id = str(item["msg_id"]) if item.get("msg_id") else None
    if fate is None:
        return Outcome(target.id, State.SUBMITTED, provider_id=provider_id)
    state, reason = fate.value
    code, words = str(item.get("error_code", "")), str(item.get("error_message", "not in the answer"))
    return Outcome(target.id, state, reason, code, words, provider_id)


def _refused(reply: Reply, by_mobile: Mapping[str, Target]) -> list[Outcome]:
    """What a refused call means for each number; raises when it means the same for all of them."""
    if said := error(reply):
        (code, words), fate = said, _fate_of(said[0])
    else:
        (code, words), fate = (str(reply.status), reply.excerpt), _fate_of_status(reply.status)
    item = {"error_code": code, "error_message": words}
    if fate is Fate.UNKNOWN:
        raise OutcomeUnknown(f"{code}: {words}")
    _stop_if_all(dict.fromkeys(by_mobile, fate), dict.fromkeys(by_mobile, item))
    return [_outcome(target, fate, item) for target in by_mobile.values()]
