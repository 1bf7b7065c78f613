"""What an SMTP server's words mean for one message: RFC 5321 section 4.2, enhanced codes of RFC 3463 and 5248."""

import re
from dataclasses import dataclass
from enum import Enum

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Outcome
from ums.vocabulary import Reason, State

NO_ANSWER = 0
"""Stands where a code would, when the connection was lost or the answer was not SMTP."""
CLOSING = 421
ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\s*(.*)", re.DOTALL)
QUEUED_AS = re.compile(r"queued as ([\w.-]*\w)", re.IGNORECASE)


class Step(Enum):
    """How far the conversation came."""

    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    DOT = "the final dot"


@dataclass(frozen=True)
class Said:
    """The server's last word on one message."""

    step: Step
    code: int
    text: str

    @property
    def is_farewell(self) -> bool:
        """The connection ended while it is certain that the message was not taken."""
        return self.step is not Step.DOT and self.code in (NO_ANSWER, CLOSING)

    @property
    def enhanced(self) -> str:
        """The enhanced code; empty when there is none or it contradicts the basic one, which then rules."""
        found = ENHANCED.match(self.text)
        return found[1] if found and found[1][0] == str(self.code)[0] else ""

    @property
    def words(self) -> str:
        found = ENHANCED.match(self.text)
        return found[2] if found else self.text

    @property
    def label(self) -> str:
        return f"{self.code} {self.enhanced}".rstrip() if self.code else "no_answer"


ADDRESS = (State.INVALID, Reason.INVALID_ADDRESS)
CONTENT = (State.REFUSED, Reason.CONTENT)
POLICY = (State.REFUSED, Reason.PROVIDER)
UNREACHABLE = (State.REFUSED, Reason.UNREACHABLE)

OPERATOR = {530, 534, 535, 538}
OPERATOR_ENHANCED = {"5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.11", "5.7.12", "5.7.13", "5.7.14"}

BY_ENHANCED = {
    "5.1.1": ADDRESS,
    "5.1.2": ADDRESS,
    "5.1.3": ADDRESS,
    "5.1.6": ADDRESS,
    "5.1.10": ADDRESS,
    "5.2.0": ADDRESS,
    "5.2.1": ADDRESS,
    "5.2.2": UNREACHABLE,
    "5.2.3": CONTENT,
    "5.3.4": CONTENT,
}
BY_SUBJECT = {"5.1": ADDRESS, "5.4": UNREACHABLE, "5.6": CONTENT, "5.7": POLICY}
BY_CODE = {
    (Step.RCPT, 521): ADDRESS,
    (Step.RCPT, 550): ADDRESS,
    (Step.RCPT, 551): ADDRESS,
    (Step.RCPT, 553): ADDRESS,
    (Step.RCPT, 556): ADDRESS,
    (Step.MAIL, 552): CONTENT,
    (Step.DOT, 552): CONTENT,
    (Step.DOT, 554): CONTENT,
}
OLD_TOO_MANY = (Step.RCPT, 552)
"""Old servers mean 452, too many recipients: RFC 5321 section 4.5.3.1.10"""


def outcome(delivery: int, said: Said) -> Outcome:
    """What became of the message; raises when the word concerns the account or the server, not this message."""
    if said.step is Step.DOT and said.code in (NO_ANSWER, 250):
        return _after_the_dot(delivery, said)
    if said.code in OPERATOR or said.enhanced in OPERATOR_ENHANCED:
        raise ProviderRefused(said.label, said.text)
    if said.step is Step.MAIL and said.code not in (NO_ANSWER, 552):
        raise (ProviderBusy if said.code < 500 else ProviderRefused)(said.label, said.text)
    if said.code < 500 or (said.step, said.code) == OLD_TOO_MANY:
        return Outcome(delivery, State.PLANNED, code=said.label, words=said.words)
    state, reason = _permanent(said)
    return Outcome(delivery, state, reason, said.label, said.words)


def _after_the_dot(delivery: int, said: Said) -> Outcome:
    if said.code == NO_ANSWER:
        return Outcome(delivery, State.UNKNOWN, Reason.UNKNOWN, said.label, said.words)
    queued = QUEUED_AS.search(said.text)
    provider_id = queued[1] if queued else None
    return Outcome(delivery, State.DELIVERED, None, said.label, said.words, provider_id)


def _permanent(said: Said) -> tuple[State, Reason]:
    subject = said.enhanced.rpartition(".")[0]
    return BY_ENHANCED.get(said.enhanced) or BY_SUBJECT.get(subject) or BY_CODE.get((said.step, said.code)) or POLICY


def blamed(status: str) -> Reason:
    """For an enhanced code of a report that comes later: https://www.rfc-editor.org/rfc/rfc3463"""
    known = BY_ENHANCED.get(status) or BY_SUBJECT.get(status.rpartition(".")[0])
    return known[1] if known else Reason.UNREACHABLE if status.startswith("4") else Reason.PROVIDER
