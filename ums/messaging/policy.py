"""What a sending policy says about one recipient: pure, from what was seen and the time.

A step goes out when the one before it did not do: `notDelivered: X, within: T` triggers once T has passed since the
submit to X without a delivery. What can no longer be met (refused, undelivered, no address) triggers at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ums.vocabulary import State

FAILED = (State.INVALID, State.REFUSED, State.RECALLED, State.UNDELIVERED)


@dataclass(frozen=True)
class Condition:
    wanted: State
    """DELIVERED or CLICKED."""
    delivery_channel: str
    within: int
    """ms, from the recipient's own submit on that DeliveryChannel."""


@dataclass(frozen=True)
class Step:
    send: tuple[str, ...]
    """Codes of the DeliveryChannels that go out together."""
    join: str = "all"
    conditions: tuple[Condition, ...] = ()

    @property
    def first_look(self) -> int:
        """ms after a submit before which no condition of this step can trigger by time."""
        return min((condition.within for condition in self.conditions), default=0)


@dataclass(frozen=True)
class Seen:
    """One delivery, as far as a policy cares; times in ms."""

    delivery_channel: str
    state: State
    submitted_at: int | None = None
    delivered_at: int | None = None
    clicked_at: int | None = None

    def reached_at(self, wanted: State) -> int | None:
        return self.clicked_at if wanted is State.CLICKED else self.delivered_at


class Verdict(Enum):
    DUE = "due"
    WAIT = "wait"
    ENDED = "ended"


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    until: int | None = None
    """When to look again; None with WAIT: when something happens."""


def steps(body: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The steps of a SendPolicy's canonical body."""
    return [_step(step) for step in body]


def decide(step: Step, seen: Iterable[Seen], now: int) -> Decision:
    """Is `step` due for a recipient whose deliveries so far are `seen`?"""
    found = list(seen)
    looks = [_look(condition, [s for s in found if s.delivery_channel == condition.delivery_channel], now)
             for condition in step.conditions]  # fmt: skip
    if step.join == "any":
        return _any(looks)
    return _all(looks)


def _all(looks: Sequence[Decision]) -> Decision:
    if any(look.verdict is Verdict.ENDED for look in looks):
        return Decision(Verdict.ENDED)
    waiting = [look.until for look in looks if look.verdict is Verdict.WAIT]
    if not waiting:
        return Decision(Verdict.DUE)
    return Decision(Verdict.WAIT, None if None in waiting else max(at for at in waiting if at is not None))


def _any(looks: Sequence[Decision]) -> Decision:
    if any(look.verdict is Verdict.DUE for look in looks):
        return Decision(Verdict.DUE)
    waiting = [look.until for look in looks if look.verdict is Verdict.WAIT]
    if not waiting:
        return Decision(Verdict.ENDED)
    return Decision(Verdict.WAIT, min((at for at in waiting if at is not None), default=None))


def _look(condition: Condition, seen: Sequence[Seen], now: int) -> Decision:
    """One condition: DUE when it has triggered, ENDED when what it waits for happened in time, else WAIT.

    A person may have several addresses on one DeliveryChannel (devices): one that got it is enough.
    """
    if any(_in_time(condition, one) for one in seen):
        return Decision(Verdict.ENDED)
    hopeful = [one for one in seen if one.state not in FAILED]
    if not hopeful:
        return Decision(Verdict.DUE)
    deadlines = [one.submitted_at + condition.within for one in hopeful if one.submitted_at is not None]
    if len(deadlines) < len(hopeful):
        return Decision(Verdict.WAIT)
    return Decision(Verdict.DUE) if max(deadlines) <= now else Decision(Verdict.WAIT, max(deadlines))


def _in_time(condition: Condition, one: Seen) -> bool:
    reached, submitted = one.reached_at(condition.wanted), one.submitted_at
    return reached is not None and submitted is not None and reached <= submitted + condition.within


def _step(body: Mapping[str, Any]) -> Step:
    when: Mapping[str, Any] = body.get("when") or {}
    join = "any" if "any" in when else "all"
    return Step(tuple(body["send"]), join, tuple(_condition(c) for c in when.get(join, ())))


def _condition(body: Mapping[str, Any]) -> Condition:
    wanted = State.CLICKED if "notClicked" in body else State.DELIVERED
    code = body["notClicked"] if "notClicked" in body else body["notDelivered"]
    return Condition(wanted, code, body["within"] * 1000)
