"""WeCom's answers: which code means what for whom, and which members an answer names.

https://developer.work.weixin.qq.com/document/path/90313
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Answer, Common, Outcome, Target
from ums.providers.exchange import Reply
from ums.vocabulary import Reason, State

OK = 0
TOKEN_REFUSED = (40001, 40014, 42001)
"""What a call answers whose token is invalid or has expired; it may do so before the time."""

# Whatever is in neither of these tables is a matter of the application, its secret, its permissions or the
# addresses it may be called from, which the operator must mend.
LATER: Mapping[int, float | None] = {
    -1: None,
    45009: 60.0,  # for a minute, an hour or the rest of the day: it does not say which
    45033: None,
}
"""Code -> seconds for which it wants to be left alone."""

NOBODY = (State.INVALID, Reason.INVALID_ADDRESS)
CONTENT = (State.REFUSED, Reason.CONTENT)
LOST: Mapping[int, tuple[State, Reason]] = {
    40003: NOBODY,
    40031: NOBODY,
    46004: NOBODY,
    50002: NOBODY,
    60011: NOBODY,
    60111: NOBODY,
    81013: NOBODY,
    82001: NOBODY,
    43004: (State.INVALID, Reason.UNSUBSCRIBED),
    40007: CONTENT,
    40008: CONTENT,
    40035: CONTENT,
    40058: CONTENT,
    40063: CONTENT,
    40074: CONTENT,
    41006: CONTENT,
    41011: CONTENT,
    41016: CONTENT,
    41033: CONTENT,
    44004: CONTENT,
    45002: CONTENT,
    45008: CONTENT,
    85002: CONTENT,
}
"""What a code means for everybody whom the same answer does not name."""

NAMED: Mapping[str, tuple[State, Reason, str]] = {
    "invaliduser": (*NOBODY, "unknown, or out of the application's sight"),
    "unlicenseduser": (State.REFUSED, Reason.ACCOUNT, "no licence, or an expired one"),
}
"""Where an answer lists members -> what that means for them, whatever becomes of the others."""


def said(reply: Reply) -> dict[str, Any]:
    """The answer, with its `errcode`: HTTP 200 proves nothing, and an answer without one is not WeCom's own."""
    answer = reply.answer()
    if isinstance(answer.get("errcode"), int):
        return answer
    if 400 <= reply.status < 500:
        raise ProviderRefused(str(reply.status), reply.excerpt)
    raise OutcomeUnknown(f"HTTP {reply.status} without an errcode: {reply.excerpt}")


def refusal(answer: Mapping[str, Any]) -> ProviderBusy | ProviderRefused:
    """Of an answer whose code says who must act: nobody, or the operator."""
    code, words = answer["errcode"], str(answer.get("errmsg", ""))
    if code in LATER:
        return ProviderBusy(str(code), words, retry_after=LATER[code])
    return ProviderRefused(str(code), words)


def outcome(answer: Mapping[str, Any], by_member: Mapping[str, Target]) -> Answer:
    """What became of members, by their userids in lower case; raises when the answer is about none of them."""
    code, words = answer["errcode"], str(answer.get("errmsg", ""))
    named = _named(answer, by_member)
    if code == OK:
        return Answer(named, Common(State.DELIVERED), provider_id=answer.get("msgid") or None, code=str(code))
    if code in LOST:
        return Answer(named, Common(*LOST[code], str(code), words), code=str(code), words=words)
    raise refusal(answer)


def _named(answer: Mapping[str, Any], by_member: Mapping[str, Target]) -> Sequence[Outcome]:
    """Of the members that the answer names, each once."""
    named: dict[str, Outcome] = {}
    for field, (state, reason, words) in NAMED.items():
        for member in _listed(answer.get(field)):
            if target := by_member.get(member.casefold()):
                named.setdefault(target.address, Outcome(target.id, state, reason, field, words))
    return list(named.values())


def _listed(members: object) -> list[str]:
    """One text with bars for one's own company, an array for linked ones; absent or empty when there are none."""
    if isinstance(members, str):
        return members.split("|")
    return [str(member) for member in members] if isinstance(members, list) else []
