"""How a stand-in behaves: a value, read from JSON, that can be changed while it runs.

{"latency": 0.02, "errorRate": 0.1, "loseAnswer": 0.05, "busy": 3, "garbage": 1, "half": 1,
 "perMinute": 600, "refuse": ["^bad-"], "accounts": {"<app key>": "<secret>"},
 "receipts": [{"match": "^never-", "delivered": false},
              {"match": "", "delivered": 0.9, "clicked": 0.2, "after": 1.5, "clickedAfter": 3}]}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ums.errors import CallerRefused, Problem


@dataclass(frozen=True)
class Rule:
    """What becomes of the addresses that `match`. The same address always meets the same fate."""

    match: re.Pattern[str]
    delivered: float | None = None
    """The share that a receipt calls delivered; a receipt calls the rest undelivered. None: no receipt at all."""
    clicked: float = 0.0
    """The share of those delivered that click."""
    after: float = 0.0
    """Seconds from the submission to the receipt."""
    clicked_after: float = 0.0
    """Seconds from the delivery to the click."""
    reply: str = ""
    """What they write back, unless a receipt calls them undelivered. Empty: nothing."""
    reply_after: float = 0.0
    """Seconds from the submission to the reply."""


@dataclass(frozen=True)
class Script:
    """An empty one is a provider that works, takes any credentials and never sends a receipt."""

    latency: float = 0.0
    """Seconds before any answer."""
    error_rate: float = 0.0
    """The share of submissions that fail inside the provider; nothing was accepted."""
    lose_answer: float = 0.0
    """The share of submissions whose answer is lost after they were accepted."""
    busy: int = 0
    """So many of the next submissions are turned away: the provider is busy."""
    garbage: int = 0
    """So many of the next submissions are accepted, and answered with garbage."""
    half: int = 0
    """So many of the next submissions are accepted, and their answer breaks off in the middle."""
    per_minute: int = 0
    """Submissions that one account may make in a minute; 0 sets no limit."""
    refuse: tuple[re.Pattern[str], ...] = ()
    """Addresses that the provider calls invalid."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Account -> secret; when empty, any that are not empty will do."""
    receipts: tuple[Rule, ...] = ()
    """The first rule that matches an address decides; without one there is no receipt."""

    @classmethod
    def parse(cls, written: object) -> "Script":
        """Raises CallerRefused."""
        values = _members(written, SCRIPT, "a script")
        values["refuse"] = tuple(_pattern(pattern) for pattern in values.get("refuse", ()))
        values["receipts"] = tuple(_rule(rule) for rule in values.get("receipts", ()))
        return cls(**values)

    def accepts(self, account: str, secret: str) -> bool:
        return self.accounts.get(account) == secret if self.accounts else bool(account and secret)

    def refuses(self, address: str) -> bool:
        return any(pattern.search(address) for pattern in self.refuse)

    def receipts_for(self, address: str) -> list[tuple[float, str]]:
        """What is reported of this address, as (seconds after the submission, kind), in the order of time."""
        rule = self._rule(address)
        if rule is None or rule.delivered is None:
            return []
        if not happens(rule.delivered, address, "delivered"):
            return [(rule.after, "undelivered")]
        if not happens(rule.clicked, address, "clicked"):
            return [(rule.after, "delivered")]
        return [(rule.after, "delivered"), (rule.after + rule.clicked_after, "clicked")]

    def reply_of(self, address: str) -> tuple[float, str] | None:
        """What is written back from this address, as (seconds after the submission, words)."""
        rule = self._rule(address)
        if rule is None or not rule.reply or any(kind == "undelivered" for _, kind in self.receipts_for(address)):
            return None
        return rule.reply_after, rule.reply

    def _rule(self, address: str) -> Rule | None:
        return next((rule for rule in self.receipts if rule.match.search(address)), None)


SCRIPT: Mapping[str, tuple[str, Any]] = {
    "latency": ("latency", (int, float)),
    "errorRate": ("error_rate", (int, float)),
    "loseAnswer": ("lose_answer", (int, float)),
    "busy": ("busy", int),
    "garbage": ("garbage", int),
    "half": ("half", int),
    "perMinute": ("per_minute", int),
    "refuse": ("refuse", list),
    "accounts": ("accounts", dict),
    "receipts": ("receipts", list),
}
RULE: Mapping[str, tuple[str, Any]] = {
    "match": ("match", str),
    "delivered": ("delivered", (int, float)),
    "clicked": ("clicked", (int, float)),
    "after": ("after", (int, float)),
    "clickedAfter": ("clicked_after", (int, float)),
    "reply": ("reply", str),
    "replyAfter": ("reply_after", (int, float)),
}


def happens(share: float, address: str, what: str) -> bool:
    """Whether it happens to this address: decided by its hash, so neither by luck nor by the order of calls."""
    if share <= 0 or share >= 1:
        return share >= 1
    drawn = int.from_bytes(blake2b(f"{what} {address}".encode(), digest_size=4).digest(), "big")
    return drawn < share * 2**32


def _rule(written: object) -> Rule:
    values = _members(written, RULE, "a rule")
    return Rule(**values | {"match": _pattern(values.get("match", ""))})


def _pattern(written: object) -> re.Pattern[str]:
    try:
        return re.compile(written)  # type: ignore[call-overload, no-any-return]  # a TypeError when it is no text
    except (re.error, TypeError) as error:
        raise _wrong(f"{written!r} is not a regular expression: {error}") from error


def _members(written: object, known: Mapping[str, tuple[str, Any]], what: str) -> dict[str, Any]:
    if not isinstance(written, dict):
        raise _wrong(f"{what} is an object, not {written!r}")
    for name, value in written.items():
        if name not in known:
            raise _wrong(f"{what} has no {name!r}; it has {', '.join(known)}")
        if not isinstance(value, known[name][1]):
            raise _wrong(f"{name} of {what} cannot be {value!r}")
    return {known[name][0]: value for name, value in written.items()}


def _wrong(message: str) -> CallerRefused:
    return CallerRefused([Problem(code="script_invalid", message=message)])
