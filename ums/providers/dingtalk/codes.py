"""What DingTalk's answers mean: the envelope of its older API, its codes, and the lists of a task's result.

https://open.dingtalk.com/document/development/server-api-error-codes-1
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Receipt
from ums.providers.exchange import Reply
from ums.vocabulary import Reason, State


class Fate(Enum):
    """Who must act on a refused call."""

    TOKEN = "the token is no longer known"  # noqa: S105 - words, not a secret
    LATER = "nobody: again later"
    UNFINISHED = "nobody: the task is still under way"
    OPERATOR = "the operator"
    CONTENT = "the author of the content"
    ADDRESS = "whoever bound a userid that is not there, or out of the application's sight"


# Whatever is not here is a matter of the account or of the request, which the operator must mend; so are 88 without
# a code beneath it, and 90020: the calls that the organisation may make in a month are used up.
FATES = {
    **dict.fromkeys((40001, 40014, 41001, 42001), Fate.TOKEN),
    **dict.fromkeys((-1, 500, 34015, 41046, 41047, 41048, 45009, 90017, 90018, 400001), Fate.LATER),
    **dict.fromkeys(range(90001, 90015), Fate.LATER),
    41052: Fate.UNFINISHED,
    **dict.fromkeys((34004, *range(34008, 34015), 34016, 40007, 40008), Fate.CONTENT),
    **dict.fromkeys((40035, 40048, 41049, 45002, 400002), Fate.CONTENT),
    **dict.fromkeys((33012, 40003, 40031, 50002, 50004, 60111, 60121), Fate.ADDRESS),
}

# https://open.dingtalk.com/document/development/how-to-process-api-throttling-on-the-dingtalk-server
RETRY_AFTER = {90002: 1.0, 90018: 1.0, 41047: 60.0}
"""Seconds: two rates are counted by the second, and receivers by the minute."""
BANNED = 1111
BAN = 300.0
"""Seconds for which an address that called too often is answered by a wall in front of the API."""

# https://open.dingtalk.com/document/development/gets-the-result-of-sending-messages-asynchronously-to-the-enterprise
# Which of them blame whom is our reading.
LISTS = {
    "read_user_id_list": (State.DELIVERED, None),  # to read is not to click
    "unread_user_id_list": (State.DELIVERED, None),
    "failed_user_id_list": (State.UNDELIVERED, Reason.PROVIDER),
    "invalid_user_id_list": (State.UNDELIVERED, Reason.INVALID_ADDRESS),
    "forbidden_user_id_list": (State.UNDELIVERED, Reason.PROVIDER),
}
_TOO_MANY = (Reason.PROVIDER, "too many receivers in this minute")
_SATED = (Reason.PROVIDER, "as many messages of this application as one person may get in a day")
_REPEATED = (Reason.DUPLICATE, "the same content was sent to this person today")
FORBIDDEN = {
    "143103": _TOO_MANY,
    "143104": _TOO_MANY,
    "143105": _SATED,
    "143106": _REPEATED,
    "143203": _TOO_MANY,
    "143204": _TOO_MANY,
    "143205": _SATED,
    "143206": _REPEATED,
    "1430000": (Reason.INVALID_ADDRESS, "no receiver"),
    "1430001": (Reason.ACCOUNT, "unknown grant type"),
    "1430002": (Reason.CONTENT, "forbidden content"),
    "1430003": (Reason.PROVIDER, "DingTalk protects itself"),
    "1430004": (Reason.UNREACHABLE, "this person is shielded from applications"),
}
"""By the code in `forbidden_list`: why flow control dropped somebody after the call had been accepted."""


@dataclass(frozen=True)
class Said:
    """One answer: what is in it, or whose fault it is that there is nothing."""

    body: Mapping[str, Any]
    code: int
    words: str

    @classmethod
    def read(cls, reply: Reply) -> "Said":
        """Raises ProviderBusy, ProviderRefused or OutcomeUnknown when it is not worded as the API words its answers."""
        body = reply.answer()
        if body.get("status") == BANNED:
            raise ProviderBusy(str(BANNED), "too many calls from this address", retry_after=BAN)
        code = _number(body.get("errcode"))
        if code is None:
            raise _unworded(reply)
        if code == 88:  # the gateway's; what is wrong stands beneath it
            return cls(body, _number(body.get("sub_code")) or code, str(body.get("sub_msg") or body.get("errmsg", "")))
        return cls(body, code, str(body.get("errmsg", "")))

    @property
    def fate(self) -> Fate | None:
        """None: it worked."""
        return None if self.code == 0 else FATES.get(self.code, Fate.OPERATOR)

    def refusal(self) -> ProviderBusy | ProviderRefused:
        """For a call that nobody can do anything more about at this moment."""
        if self.fate is Fate.LATER:
            return ProviderBusy(str(self.code), self.words, retry_after=RETRY_AFTER.get(self.code))
        return ProviderRefused(str(self.code), self.words)


def receipts(task: str, result: Mapping[str, Any], now: int) -> Iterator[Receipt]:
    """Of a `send_result`: who is in one of its lists by now. It tells no times: `now` is when it was asked for."""
    reasons = {str(one.get("userid")): str(one.get("code")) for one in result.get("forbidden_list") or ()}
    for userid, code in reasons.items():
        reason, words = FORBIDDEN.get(code, (Reason.PROVIDER, ""))
        yield Receipt(task, userid, State.UNDELIVERED, now, reason, code, words)
    for name, (state, because) in LISTS.items():
        code = "" if because is None else name
        for userid in map(str, result.get(name) or ()):
            if userid not in reasons:
                yield Receipt(task, userid, state, now, because, code)


def _number(code: object) -> int | None:
    """Of a code as a number, or as text, as the gateway writes it."""
    try:
        return int(str(code))
    except ValueError:
        return None


def _unworded(reply: Reply) -> ProviderRefused | OutcomeUnknown:
    """Whoever answered was not the API. What it said is not shown when it said yes: it may be a token."""
    if 400 <= reply.status < 500:
        return ProviderRefused(str(reply.status), reply.excerpt)
    return OutcomeUnknown(f"HTTP {reply.status} without an errcode")
