"""What a sending policy says about one recipient: pure, from what was seen and the time.

A step goes out when the ones before it did not do: `notDelivered: X, within: T` triggers once T has passed since the
recipient's own submit to X without a delivery. What can no longer be met (refused, undelivered, no address) triggers at
once, unless the policy waits failures out. docs/policies.md says all of it in words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ums.vocabulary import State

FAILED = (State.INVALID, State.REFUSED, State.UNDELIVERED)


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
    wait_out_failures: bool = False
    """A failure counts as silence, and not as a condition that has triggered at once."""
    stop_on: State | None = None
    """DELIVERED or CLICKED: the step is for nobody who got that far on any DeliveryChannel."""
    deadline: int | None = None
    """ms after the send; the step does not begin later."""
    cheapest: bool = False
    """To each recipient on one DeliveryChannel alone: of those with an address, the one that costs least."""

    @property
    def first_look(self) -> int:
        """ms after a submit before which no condition of this step can trigger by time."""
        return min((condition.within for condition in self.conditions), default=0)


class Seen(NamedTuple):  # one of a million: cheaper than a dataclass
    """One delivery, as far as a policy cares; times in ms."""

    delivery_channel: str
    state: State
    submitted_at: int | None = None
    delivered_at: int | None = None
    clicked_at: int | None = None
    failed_at: int | None = None

    def reached_at(self, wanted: State) -> int | None:
        return self.clicked_at if wanted is State.CLICKED else self.delivered_at


class Verdict(Enum):
    DUE = "due"
    WAIT = "wait"
    ENDED = "ended"


class Because(Enum):
    """Why a condition, or a step as a whole, stands as it does."""

    IN_TIME = "in time"
    FAILED = "failed"
    NO_ADDRESS = "no address"
    SILENT = "silent"
    LATE = "late"
    NOT_YET = "not yet"
    NOT_SUBMITTED = "not submitted"
    CONDITIONS = "conditions"
    """The conditions alone decided about the step."""
    STOPPED = "stopped"
    RECALLED = "recalled"
    TOO_LATE = "too late"


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    until: int | None = None
    """When to look again; None with WAIT: when something happens."""


class Look(NamedTuple):
    """One condition: DUE when it has triggered, ENDED when what it waits for happened in time, else WAIT."""

    condition: Condition
    because: Because
    decision: Decision


class Judged(NamedTuple):
    """A decision about a step, with what led to it."""

    decision: Decision
    because: Because
    looks: tuple[Look, ...] = ()


def steps(body: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The steps of a message, as `rules` made them."""
    return [_step(step) for step in body]


def rules(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a SendPolicy's canonical body, each with all that decides about it: a message keeps these."""
    common = {name: policy[name] for name in ("waitOutFailures", "stopOn", "deadline") if policy.get(name)}
    return [{**step, **(common if n else {})} for n, step in enumerate(policy["steps"])]


def decide(step: Step, seen: Iterable[Seen], now: int, sent_at: int) -> Decision:
    """Is `step` due for a recipient whose deliveries so far are `seen`, of a message sent at `sent_at`?"""
    return judge(step, seen, now, sent_at).decision


def judge(step: Step, seen: Iterable[Seen], now: int, sent_at: int) -> Judged:
    """As `decide`, and why."""
    found = list(seen)
    last = None if step.deadline is None else sent_at + step.deadline
    looks = tuple(_look(step, condition, found, now) for condition in step.conditions)
    if any(one.state is State.RECALLED for one in found):
        return Judged(_ENDED, Because.RECALLED, looks)
    if step.stop_on and any(one.reached_at(step.stop_on) is not None for one in found):
        return Judged(_ENDED, Because.STOPPED, looks)
    if last is not None and now > last:
        return Judged(_ENDED, Because.TOO_LATE, looks)
    joined = _any(looks) if step.join == "any" else _all(looks)
    if last is not None and joined.until is not None:
        joined = Decision(joined.verdict, min(joined.until, last + 1))
    return Judged(joined, Because.CONDITIONS, looks)


_DUE, _ENDED = Decision(Verdict.DUE), Decision(Verdict.ENDED)


def _all(looks: Sequence[Look]) -> Decision:
    if any(look.decision is _ENDED for look in looks):
        return _ENDED
    waiting = [look.decision.until for look in looks if look.decision is not _DUE]
    if not waiting:
        return _DUE
    return Decision(Verdict.WAIT, None if None in waiting else max(at for at in waiting if at is not None))


def _any(looks: Sequence[Look]) -> Decision:
    if any(look.decision is _DUE for look in looks):
        return _DUE
    waiting = [look.decision.until for look in looks if look.decision is not _ENDED]
    if not waiting:
        return _ENDED
    return Decision(Verdict.WAIT, min((at for at in waiting if at is not None), default=None))


def _look(step: Step, condition: Condition, found: Sequence[Seen], now: int) -> Look:
    """A person may have several addresses on one DeliveryChannel (devices): one that got it is enough."""
    seen = [one for one in found if one.delivery_channel == condition.delivery_channel]
    if any(_in_time(condition, one) for one in seen):
        return Look(condition, Because.IN_TIME, _ENDED)
    if not seen:
        return Look(condition, Because.NO_ADDRESS, _DUE)
    waited_for = seen if step.wait_out_failures else [one for one in seen if one.state not in FAILED]
    begun = [_begun(one) for one in waited_for]
    if None in begun:
        return Look(condition, Because.NOT_SUBMITTED, Decision(Verdict.WAIT))
    until = max((at + condition.within for at in begun if at is not None), default=None)
    if until is not None and until > now:
        return Look(condition, Because.NOT_YET, Decision(Verdict.WAIT, until))
    return Look(condition, _missed(condition, seen, failed=until is None), _DUE)


def _begun(one: Seen) -> int | None:
    """When its window began; a failure before any submit counts from then."""
    return one.submitted_at if one.submitted_at is not None else one.failed_at


def _missed(condition: Condition, seen: Sequence[Seen], *, failed: bool) -> Because:
    if failed:
        return Because.FAILED
    late = any(one.reached_at(condition.wanted) is not None for one in seen)
    return Because.LATE if late else Because.SILENT


def _in_time(condition: Condition, one: Seen) -> bool:
    reached, submitted = one.reached_at(condition.wanted), one.submitted_at
    return reached is not None and submitted is not None and reached <= submitted + condition.within


def _step(body: Mapping[str, Any]) -> Step:
    when: Mapping[str, Any] = body.get("when") or {}
    join = "any" if "any" in when else "all"
    deadline, stop = body.get("deadline"), body.get("stopOn")
    return Step(
        tuple(body["send"]), join, tuple(_condition(c) for c in when.get(join, ())),
        bool(body.get("waitOutFailures")), State[stop.upper()] if stop else None,
        deadline * 1000 if deadline else None, body.get("choose") == "cheapest",
    )  # fmt: skip


def _condition(body: Mapping[str, Any]) -> Condition:
    wanted = State.CLICKED if "notClicked" in body else State.DELIVERED
    code = body["notClicked"] if "notClicked" in body else body["notDelivered"]
    return Condition(wanted, code, body["within"] * 1000)
