"""Text messages through JSMS: https://docs.jiguang.cn/jsms/server/rest_api_jsms"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import aiohttp
import orjson

from ums.errors import CallerRefused, OutcomeUnknown, Problem, ProviderBusy, ProviderRefused, Unauthorized
from ums.providers.contract import Account, Answer, Outcome, Provider, Receipt, Report, Submission, Target
from ums.providers.exchange import Exchange, Reply, basic
from ums.vocabulary import ChannelType, Proof, Reason, State, system_clock


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

# https://docs.jiguang.cn/jsms/server/callback - which of them blame whom is our reading.
STATUSES = {
    4001: (State.DELIVERED, None),
    4002: (State.UNDELIVERED, Reason.PROVIDER),
    4003: (State.UNDELIVERED, Reason.UNREACHABLE),
    4004: (State.UNDELIVERED, Reason.INVALID_ADDRESS),
    4005: (State.UNDELIVERED, Reason.ACCOUNT),
    4006: (State.UNDELIVERED, Reason.PROVIDER),
    4007: (State.UNDELIVERED, Reason.UNREACHABLE),
    4008: (State.UNDELIVERED, Reason.UNREACHABLE),
    4009: (State.UNDELIVERED, Reason.UNREACHABLE),
    4010: (State.UNDELIVERED, Reason.CONTENT),
    4100: (State.UNDELIVERED, Reason.UNKNOWN),
}

MAINLAND = re.compile(r"(?:\+86)?(1\d{10})", re.ASCII)


class Jsms(Provider):
    """Template messages to mainland numbers, at most 1,000 a call; there is no idempotency key."""

    platform = "jsms"
    type = ChannelType.SMS
    batch_limit = 1000
    detects: ClassVar = {State.DELIVERED: Proof.REAL}

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        credentials = account.credentials
        base = credentials.get("baseUrl", "https://api.sms.jpush.cn")
        if account.sandbox:
            base = f"{account.sandbox.http}/jsms"
        self._key, self._secret = credentials["appKey"], credentials["masterSecret"]
        self._exchange = Exchange(session, base, basic(self._key, self._secret))

    async def send(self, submission: Submission) -> Answer:
        by_mobile, unsendable = _numbers(submission.targets)
        if not by_mobile:
            return Answer(unsendable)
        reply = await self._exchange.post("/v1/messages/batch", _batch(submission.content, by_mobile))
        said = reply.answer()
        if reply.status != 200:
            return Answer([*unsendable, *_refused(reply, by_mobile)])
        return Answer([*unsendable, *_outcomes(said, by_mobile)], code="200")

    def receipts(self, report: Report) -> list[Receipt]:
        """Read a form of `nonce`, `timestamp`, `signature`, `type` and `data`; only SMS_REPORT tells of deliveries.

        https://docs.jiguang.cn/jsms/server/callback
        """
        form = dict(parse_qsl(report.body.decode(errors="replace"), keep_blank_values=True))
        expected = signature(self._key, self._secret, form.get("nonce", ""), form.get("timestamp", ""))
        if not hmac.compare_digest(form.get("signature", "").encode(), expected.encode()):
            raise Unauthorized("a JSMS receipt without the signature of this app")
        return [_receipt(form.get("data", ""))] if form.get("type") == "SMS_REPORT" else []


def signature(key: str, secret: str, nonce: str, timestamp: str) -> str:
    """Of a callback. It covers neither `type` nor `data`, and its parts stand in this order, unsorted."""
    signed = f"appKey={key}&appMasterSecret={secret}&nonce={nonce}&timestamp={timestamp}"
    return hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - the provider's choice


def _numbers(targets: Sequence[Target]) -> tuple[dict[str, Target], list[Outcome]]:
    """The targets by the number on the wire, and the outcomes of those that cannot be sent to.

    The answer names recipients by number only, so a number stands in a batch once.
    """
    by_mobile: dict[str, Target] = {}
    unsendable = []
    for target in targets:
        number = MAINLAND.fullmatch(target.address)
        if number is None:
            words = "not a mainland mobile number: 11 digits, or +86 and 11 digits"
            unsendable.append(Outcome(target.id, State.INVALID, Reason.INVALID_ADDRESS, words=words))
        elif by_mobile.setdefault(number[1], target) is not target:
            unsendable.append(Outcome(target.id, State.INVALID, Reason.DUPLICATE, words="twice in one batch"))
    return by_mobile, unsendable


def _batch(content: Mapping[str, Any], mobiles: Mapping[str, Target]) -> dict[str, Any]:
    said_to_each = {"temp_para": content["temp_para"]} if content.get("temp_para") else {}
    said_to_all = {name: content[name] for name in ("temp_id", "sign_id", "tag") if name in content}
    return said_to_all | {"recipients": [{"mobile": mobile, **said_to_each} for mobile in mobiles]}


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


def _outcome(target: Target, fate: Fate | None, item: Mapping[str, Any]) -> Outcome:
    provider_id = str(item["msg_id"]) if item.get("msg_id") else None
    if fate is None:
        return Outcome(target.id, State.SUBMITTED, provider_id=provider_id)
    state, reason = fate.value
    code, words = str(item.get("error_code", "")), str(item.get("error_message", "not in the answer"))
    return Outcome(target.id, state, reason, code, words, provider_id)


def _refused(reply: Reply, by_mobile: Mapping[str, Target]) -> list[Outcome]:
    """What a refused call means for each number; raises when it means the same for all of them."""
    match reply.answer():
        case {"error": {"code": code, "message": words}}:
            fate, item = _fate_of(str(code)), {"error_code": code, "error_message": words}
        case _:
            fate = Fate.UNKNOWN if reply.status >= 500 else Fate.OPERATOR
            item = {"error_code": reply.status, "error_message": reply.excerpt}
    code, words = str(item["error_code"]), str(item["error_message"])
    if fate is Fate.UNKNOWN:
        raise OutcomeUnknown(f"{code}: {words}")
    _stop_if_all(dict.fromkeys(by_mobile, fate), dict.fromkeys(by_mobile, item))
    return [_outcome(target, fate, item) for target in by_mobile.values()]


def _receipt(data: str) -> Receipt:
    try:
        record = orjson.loads(data)
        status, at = int(record["status"]), int(record.get("receiveTime") or system_clock())
        message = str(record["msgId"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        problem = Problem(code="receipt_unreadable", message=f"JSMS report {data[:200]!r}: {error!r}")
        raise CallerRefused([problem]) from error
    state, reason = STATUSES.get(status, (State.UNKNOWN, Reason.UNKNOWN))
    return Receipt(message, "", state, at, reason=reason, code=str(status))
