"""What JSMS tells of a message later, posted or fetched: https://docs.jiguang.cn/jsms/server/callback"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from ums.errors import CallerRefused, Problem, Unauthorized
from ums.providers.contract import Receipt, Replied, Report
from ums.vocabulary import Clock, Reason, State, system_clock

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

OLDEST = 14 * 3600_000
"""ms; JSMS repeats what was not taken after 3 minutes, an hour and 12 hours, perhaps under the first signature."""
AHEAD = 15 * 60_000
"""ms that its clock may be ahead of ours."""
REMEMBERED = 50_000
"""Signatures; the oldest is forgotten for each further one."""


class Callbacks:
    """The door for one application.

    JSMS signs neither `type` nor `data`, so a signature once seen could be used to say anything: it is taken for a
    while only, and for one text only.
    """

    def __init__(self, key: str, secret: str, clock: Clock = system_clock) -> None:
        self._key, self._secret, self._clock = key, secret, clock
        self._seen: dict[str, bytes] = {}

    def receipts(self, report: Report) -> list[Receipt]:
        """What tells of deliveries, which is SMS_REPORT; raises Unauthorized or CallerRefused."""
        kind, data = self.opened(report)
        return [_posted(data)] if kind == "SMS_REPORT" else []

    def opened(self, report: Report) -> tuple[str, str]:
        """The `type` and `data` of a form with `nonce`, `timestamp` and `signature`; raises Unauthorized."""
        form = dict(parse_qsl(report.body.decode(errors="replace"), keep_blank_values=True))
        nonce, timestamp, signed = (form.get(name, "") for name in ("nonce", "timestamp", "signature"))
        expected = signature(self._key, self._secret, nonce, timestamp)
        if not hmac.compare_digest(signed.encode(), expected.encode()):
            raise Unauthorized("a JSMS receipt without the signature of this app")
        self._admit(timestamp, expected, f"{form.get('type', '')}\n{form.get('data', '')}")
        return form.get("type", ""), form.get("data", "")

    def _admit(self, timestamp: str, signed: str, text: str) -> None:
        """Raises Unauthorized when the signature is too old, or was seen with another text."""
        age = self._clock() - int(timestamp) if timestamp.isdecimal() and len(timestamp) < 20 else None
        if age is None or not -AHEAD <= age <= OLDEST:
            raise Unauthorized("a JSMS receipt whose timestamp is not of today")
        told = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if self._seen.setdefault(signed, told) != told:
            raise Unauthorized("a JSMS receipt with the signature of another one")
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]


def signature(key: str, secret: str, nonce: str, timestamp: str) -> str:
    """Of a callback. It covers neither `type` nor `data`, and its parts stand in this order, unsorted."""
    signed = f"appKey={key}&appMasterSecret={secret}&nonce={nonce}&timestamp={timestamp}"
    return hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - the provider's choice


def receipt(record: Mapping[str, Any]) -> Receipt:
    """Of a report; raises KeyError, TypeError or ValueError when it is none."""
    status, at = int(record["status"]), int(record.get("receiveTime") or system_clock())
    state, reason = STATUSES.get(status, (State.UNKNOWN, Reason.UNKNOWN))
    return Receipt(str(record["msgId"]), "", state, at, reason=reason, code=str(status))


def fetched(body: bytes) -> list[Receipt] | None:
    """Of an array of reports, what is no report left out: JSMS would not hand out the others again.

    None when it is no array.
    """
    try:
        records = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return [told for record in records for told in _read(record)] if isinstance(records, list) else None


def _read(record: object) -> list[Receipt]:
    try:
        return [receipt(record)] if isinstance(record, dict) else []
    except (KeyError, TypeError, ValueError):
        return []


def replied(kind: str, data: str) -> list[Replied]:
    """Of a callback of this type: SMS_REPLY tells of one; raises CallerRefused."""
    if kind != "SMS_REPLY":
        return []
    try:
        said = orjson.loads(data)
        at, number = int(said["replyTime"]), _MOBILE.fullmatch(str(said["phone"]))
        if number is None or not 0 < at < _END:
            raise ValueError("expected a mainland mobile number in phone, and ms since the epoch in replyTime")
        return [Replied(f"+86{number[1]}", str(said["content"] or ""), at)]
    except _UNREADABLE as error:
        raise _refusal("reply", data, error) from error


def _posted(data: str) -> Receipt:
    try:
        return receipt(orjson.loads(data))
    except _UNREADABLE as error:
        raise _refusal("report", data, error) from error


def _refusal(what: str, data: str, error: Exception) -> CallerRefused:
    return CallerRefused([Problem(code="receipt_unreadable", message=f"JSMS {what} {data[:200]!r}: {error!r}")])


_UNREADABLE = (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError)
_MOBILE = re.compile(r"(?:\+?86)?(1\d{10})", re.ASCII)
_END = 253_402_300_800_000
"""ms; the year 10000, which no date can tell."""
