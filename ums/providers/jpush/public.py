"""App notifications through JPush: https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push"""

import asyncio
import hmac
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp
import orjson

from ums.errors import CallerRefused, OutcomeUnknown, Problem, ProviderBusy, ProviderRefused, Unauthorized
from ums.providers.contract import Account, Answer, Common, Outcome, Provider, Receipt, Report, Submission, Target
from ums.providers.exchange import Exchange, Reply, basic
from ums.providers.jpush.way import via
from ums.vocabulary import ChannelType, Proof, Reason, State, system_clock


class Fate(Enum):
    """What a refused push means for its targets."""

    CONTENT = "content"
    OPERATOR = "operator"
    NO_TARGET = "no target"
    LATER = "later"


# https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push - the table of codes at its foot.
FATES = {
    1000: Fate.LATER,
    1001: Fate.OPERATOR,
    1002: Fate.CONTENT,
    1003: Fate.CONTENT,  # unless it names the registration ids that are illegal
    1004: Fate.OPERATOR,
    1005: Fate.CONTENT,
    1008: Fate.OPERATOR,
    1009: Fate.CONTENT,
    1011: Fate.NO_TARGET,
    1012: Fate.LATER,
    1020: Fate.OPERATOR,
    1030: Fate.LATER,
    1035: Fate.CONTENT,
    2002: Fate.LATER,
    2003: Fate.OPERATOR,
    2004: Fate.OPERATOR,
    2005: Fate.OPERATOR,
    2006: Fate.OPERATOR,
    2007: Fate.OPERATOR,
    2008: Fate.OPERATOR,
}

RECEIPT_FIELDS = {
    "id": "msg_id",
    "address": "registration_id",
    "kind": "type",
    "at": "time",
    "platform": "app_platform",
    "sender": "app_sender",
}
"""Our name of a receipt's field -> JPush's, which are not public: `credentials.receiptFields` overrides each."""

KINDS = {
    "delivered": State.DELIVERED,
    "clicked": State.CLICKED,
    "undelivered": State.UNDELIVERED,
    "4": State.DELIVERED,
    "5": State.UNDELIVERED,
    "6": State.CLICKED,
}
"""The numbers are those of the same vendor's unified product: https://docs.jiguang.cn/jums/advanced/callback"""

CIDS_AT_ONCE = 10
"""An app that pays nothing gets no more in one call."""
CID_SHELF_LIFE = 12 * 3600.0
"""Seconds; JPush forgets a cid after a day, and a batch may wait before it is sent."""


class Jpush(Provider):
    """Pushes to registration ids, at most 1,000 a call; `receipts` reads the JPush receipt callback."""

    platform = "jpush"
    type = ChannelType.APP
    batch_limit = 1000
    detects: ClassVar = {State.DELIVERED: Proof.REAL, State.CLICKED: Proof.REAL}
    posts = True
    recalls = True
    limits = "its answers say how many calls this minute has left; when there are none, UMS waits for the next"
    url_field: ClassVar[str] = "baseUrl"
    """The credential that says where its push API is."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        credentials = account.credentials
        base = credentials.get(self.url_field, "https://api.jpush.cn")
        if account.sandbox:
            base = f"{account.sandbox.http}/{self.platform}"
        self._authorization = basic(credentials["appKey"], credentials["masterSecret"])
        self._exchange = Exchange(session, base, self._authorization)
        self._fields = RECEIPT_FIELDS | dict(credentials.get("receiptFields", {}))
        self._cids: deque[str] = deque()
        self._cids_until = 0.0
        self._asking = asyncio.Lock()

    async def request_key(self) -> str:
        """A cid: a second push with the same one returns the first answer and sends nothing, for a day."""
        async with self._asking:
            if not self._cids or time.monotonic() > self._cids_until:
                self._cids = deque(await self._fresh_cids())
                self._cids_until = time.monotonic() + CID_SHELF_LIFE
            return self._cids.popleft()

    async def _fresh_cids(self) -> list[str]:
        try:
            reply = await self._exchange.get(f"/v3/push/cid?count={CIDS_AT_ONCE}&type=push")
            said = reply.answer()
        except OutcomeUnknown as lost:
            raise ProviderBusy(lost.code, lost.message) from lost  # asking for cids sends nothing
        if not said.get("cidlist"):
            raise _refusal(reply)
        return [str(cid) for cid in said["cidlist"]]

    async def send(self, submission: Submission) -> Answer:
        reply = await self._exchange.post("/v3/push", self._push(submission))
        answer = _accepted(reply) if reply.status == 200 else _refused(reply, submission.targets)
        return replace(answer, pause=_pause(reply.headers))

    def _push(self, submission: Submission) -> dict[str, Any]:
        content = submission.content
        return {
            "platform": "all",
            **content,
            "audience": {"registration_id": [target.address for target in submission.targets]},
            # Absent, it means production to the service and development to some of its documentation.
            "options": {"apns_production": True, **content.get("options", {})},
            **({"cid": submission.key} if submission.key else {}),
        }

    async def recall(self, provider_id: str) -> None:
        """Stop what is not sent yet, and take off the devices what is shown and not clicked.

        https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push_advanced
        """
        reply = await self._exchange.delete(f"/v3/push/{quote(provider_id, safe='')}")
        if reply.status >= 300:  # the body of a success may be empty
            raise _refusal(reply)

    def receipts(self, report: Report) -> list[Receipt]:
        """Read one record, an array of them, or an object that holds such an array.

        https://docs.jiguang.cn/jpush/server/push/rest_api_v3_callback says what is posted, but not its fields.
        """
        offered = report.headers.get("authorization", "")
        if not hmac.compare_digest(offered.encode(), self._authorization.encode()):
            raise Unauthorized("a JPush receipt without the credentials of this app")
        records = _records(report.body)
        if records and not any(self._fields["kind"] in record for record in records):
            raise _unreadable(f"no record has the field {self._fields['kind']!r}: see credentials.receiptFields")
        return [receipt for record in records if (receipt := self._receipt(record))]

    def _receipt(self, record: Mapping[str, Any]) -> Receipt | None:
        found = {ours: record.get(theirs) for ours, theirs in self._fields.items()}
        state = KINDS.get(str(found["kind"]))
        if state is None or not found["id"] or not found["address"]:
            return None
        reason = Reason.UNREACHABLE if state is State.UNDELIVERED else None
        way = via(found["platform"], found["sender"])
        at = _milliseconds(found["at"])
        return Receipt(str(found["id"]), str(found["address"]), state, at, reason=reason, via=way)


def _accepted(reply: Reply) -> Answer:
    said = reply.answer()
    if "msg_id" not in said:
        raise OutcomeUnknown(f"HTTP 200 without a msg_id: {reply.excerpt}")
    return Answer(others=Common(State.SUBMITTED), provider_id=str(said["msg_id"]), code="200")


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds until the next minute of calls, when those of this one are used up."""
    left, reset = headers.get("X-Rate-Limit-Remaining", ""), headers.get("X-Rate-Limit-Reset", "")
    return float(reset) if left.isdecimal() and int(left) == 0 and reset.isdecimal() else 0


def _refused(reply: Reply, targets: Sequence[Target]) -> Answer:
    """What a push that was not accepted means for each target; raises when it means the same for all of them."""
    number, code, words = _error(reply)
    if illegal := _illegal(reply, targets):
        invalid = [
            Outcome(target.id, State.INVALID, Reason.INVALID_ADDRESS, code, words)
            for target in targets
            if target.address in illegal
        ]
        # One illegal id makes JPush refuse the whole push: the others were not sent and may go again.
        return Answer(invalid, Common(State.PLANNED, None, code, words), code=code, words=words)
    match FATES.get(number, _fate_of_status(reply.status)):
        case Fate.NO_TARGET:
            return _all(Common(State.INVALID, Reason.INVALID_ADDRESS, code, words))
        case Fate.CONTENT:
            return _all(Common(State.REFUSED, Reason.CONTENT, code, words))
    raise _refusal(reply)


def _refusal(reply: Reply) -> ProviderBusy | ProviderRefused:
    number, code, words = _error(reply)
    if FATES.get(number, _fate_of_status(reply.status)) is Fate.LATER:
        return ProviderBusy(code, words)
    return ProviderRefused(code, words)


def _fate_of_status(status: int) -> Fate:
    """For a code that is in no table: a 400 is about this push, every other 4xx about the account."""
    if status >= 500:
        return Fate.LATER
    return Fate.CONTENT if status == 400 else Fate.OPERATOR


def _error(reply: Reply) -> tuple[int, str, str]:
    """The provider's code as a number and as text, and its words; the HTTP status stands in for a missing code."""
    match reply.answer():
        case {"error": {"code": int() as code, "message": message}}:
            return code, str(code), str(message)
    return 0, str(reply.status), reply.excerpt


def _illegal(reply: Reply, targets: Sequence[Target]) -> set[str]:
    """Those of our targets that the provider calls illegal; the list stands in the error or beside it."""
    said = reply.answer()
    error = said.get("error")
    listed = said.get("illegal_rids") or (error.get("illegal_rids") if isinstance(error, dict) else None) or []
    return {str(rid) for rid in listed} & {target.address for target in targets}


def _all(common: Common) -> Answer:
    return Answer(others=common, code=common.code, words=common.words)


def _records(body: bytes) -> list[dict[str, Any]]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(f"not JSON: {error}") from error
    if isinstance(parsed, dict):
        parsed = next((value for value in parsed.values() if isinstance(value, list)), [parsed])
    if not isinstance(parsed, list):
        raise _unreadable("neither an object nor an array")
    return [record for record in parsed if isinstance(record, dict)]


def _milliseconds(time_given: object) -> int:
    """Of epoch seconds or milliseconds, number or text; the time of arrival when there is none."""
    match time_given:
        case int() | float() | str() if str(time_given).replace(".", "", 1).isdecimal():
            number = float(time_given)
            return int(number if number > 1e11 else number * 1000)
    return system_clock()


def _unreadable(message: str) -> CallerRefused:
    return CallerRefused([Problem(code="receipt_unreadable", message=f"JPush receipt: {message}")])
