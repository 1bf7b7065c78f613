"""Messages of an Alipay Life Account: https://docs.open.alipay.com/api_6/alipay.open.public.message.single.send"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar
from uuid import uuid4

import aiohttp

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.alipaylife.gateway import ACCEPTED, Gateway, Keys
from ums.providers.contract import Account, Answer, Common, Outcome, Provider, Submission, Target
from ums.providers.keeper import ObjectId
from ums.vocabulary import ChannelType, Proof, Reason, State

METHOD = "alipay.open.public.message.single.send"
COLOR = "#000000"
"""Alipay wants one for every value; ours may have none."""
AT_ONCE = 4
"""Calls under way: Alipay publishes no rate, and a call takes a few tens of milliseconds."""


class Fate(Enum):
    """What an answer of Alipay's means."""

    ACCEPTED = "accepted"
    UNSUBSCRIBED = "unsubscribed"
    CONTENT = "content"
    TEMPLATE = "template"
    """As CONTENT, for everybody."""
    PROVIDER = "provider"
    OPERATOR = "operator"
    LATER = "later"
    UNKNOWN = "unknown"


# https://opendocs.alipay.com/open/common/105806 - the codes of the gateway. One that is not here says nothing certain.
CODES = {
    ACCEPTED: Fate.ACCEPTED,
    "20000": Fate.UNKNOWN,
    "20001": Fate.OPERATOR,
    "40001": Fate.OPERATOR,
    "40002": Fate.OPERATOR,
    "40003": Fate.OPERATOR,
    "40004": Fate.PROVIDER,
    "40005": Fate.LATER,
    "40006": Fate.OPERATOR,
}

SUB_CODES = {
    "isv.invalid-parameter": Fate.CONTENT,  # unless it names the receiver
    "MSG_TEMPLATE_NOT_EXIST": Fate.TEMPLATE,
    "USER_TEMPLATE_ILLEGAL": Fate.TEMPLATE,
    "MSG_SD_NOFOLLOW": Fate.UNSUBSCRIBED,
    "MSG_BATCH_SD_OVER": Fate.LATER,
}
"""Those of a Life Account, some with `PUB.` before them; they go before the codes."""

LOSSES = {
    Fate.UNSUBSCRIBED: (State.INVALID, Reason.UNSUBSCRIBED),
    Fate.CONTENT: (State.REFUSED, Reason.CONTENT),
    Fate.TEMPLATE: (State.REFUSED, Reason.CONTENT),
    Fate.PROVIDER: (State.REFUSED, Reason.PROVIDER),
}

USER_ID = re.compile(r"2088\d{12}", re.ASCII)
"""Any other address is an open id."""


@dataclass
class _Run:
    """What the first answers of a submission mean for the calls that are not made yet."""

    stop: ProviderBusy | ProviderRefused | None = None
    verdict: Common | None = None


class AlipayLife(Provider):
    """Messages to followers, one a call. There is no idempotency key and no receipt: accepted counts as delivered.

    A lost answer leaves one person's outcome unknown, not the batch's; a batch is small because whoever takes over
    from a killed worker repeats it.
    """

    platform = "alipaylife"
    personal = True
    type = ChannelType.ALIPAY_LIFE
    batch_limit = 20
    limits = f"a call for each person, {AT_ONCE} under way at once; it publishes no rate"
    detects: ClassVar = {State.DELIVERED: Proof.ACCEPTED}

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        self._gateway = Gateway(account, session)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def send(self, submission: Submission) -> Answer:
        keys, run = await self._gateway.keys(), _Run()
        calls = [self._tell(target, submission.content_of(target), keys, run) for target in submission.targets]
        outcomes = await asyncio.gather(*calls)
        if run.stop and all(outcome.state is State.PLANNED for outcome in outcomes):
            raise run.stop
        pause = run.stop.retry_after or 1.0 if isinstance(run.stop, ProviderBusy) else 0
        gone = ObjectId("ProviderTemplate", submission.content["template_id"]) if run.verdict else None
        return Answer(outcomes, pause=pause, gone=gone)

    async def _tell(self, target: Target, content: Mapping[str, Any], keys: Keys, run: _Run) -> Outcome:
        """One call, unless the calls before it have shown that it would be in vain."""
        async with self._slots:
            if run.verdict:
                return Outcome(target.id, *run.verdict)
            if run.stop:
                return _not_now(target, run.stop)
            try:
                said = await self._gateway.call(keys, METHOD, _message(target.address, content))
                return _outcome(target, said, run)
            except OutcomeUnknown as lost:
                return Outcome(target.id, State.UNKNOWN, Reason.UNKNOWN, lost.code, lost.message)
            except (ProviderBusy, ProviderRefused) as stop:
                run.stop = run.stop or stop
                return _not_now(target, stop)


def _message(address: str, content: Mapping[str, Any]) -> dict[str, Any]:
    receiver = "to_user_id" if USER_ID.fullmatch(address) else "to_open_id"
    context = {
        name: {"color": COLOR, **value} if isinstance(value, Mapping) else value
        for name, value in content["context"].items()
    }
    return {receiver: address, "template": {"template_id": content["template_id"], "context": context}}


def _outcome(target: Target, said: Mapping[str, Any], run: _Run) -> Outcome:
    """What became of this target; raises when the operator must act, or nobody need act, or nobody knows."""
    code = str(said.get("sub_code") or said["code"])
    words = str(said.get("sub_msg") or said.get("msg", ""))
    fate = _fate(said)
    if fate is Fate.ACCEPTED:
        return Outcome(target.id, State.DELIVERED, None, code, provider_id=uuid4().hex)  # Alipay gives no id
    if fate is Fate.UNKNOWN:
        return Outcome(target.id, State.UNKNOWN, Reason.UNKNOWN, code, words)
    if fate is Fate.LATER:
        raise ProviderBusy(code, words)
    if fate is Fate.OPERATOR:
        raise ProviderRefused(code, words)
    if fate is Fate.CONTENT and ("to_user_id" in words or "to_open_id" in words):
        return Outcome(target.id, State.INVALID, Reason.INVALID_ADDRESS, code, words)
    loss = Common(*LOSSES[fate], code, words)
    if fate is Fate.TEMPLATE:
        run.verdict = loss
    return Outcome(target.id, *loss)


def _fate(said: Mapping[str, Any]) -> Fate:
    code = str(said["code"])
    if code == ACCEPTED:
        return Fate.ACCEPTED
    sub_code = str(said.get("sub_code", "")).removeprefix("PUB.")
    return SUB_CODES.get(sub_code, CODES.get(code, Fate.UNKNOWN))


def _not_now(target: Target, stop: ProviderBusy | ProviderRefused) -> Outcome:
    reason = Reason.ACCOUNT if isinstance(stop, ProviderRefused) else None
    return Outcome(target.id, State.PLANNED, reason, stop.code, stop.message)
