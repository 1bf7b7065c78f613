"""Why a policy did what it did to one recipient: worked out again from the rows, by the function that decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ums.durations import spelled
from ums.messaging.policy import FAILED, Because, Decision, Judged, Look, Seen, Step, Verdict, judge
from ums.vocabulary import State

Row = Mapping[str, Any]
"""Of the delivery table."""


@dataclass(frozen=True)
class Reasoned:
    """What was decided about one step for one recipient."""

    step: int
    """From 1, as people count; the first one only of somebody whom nothing reached."""
    taken: bool
    at: int
    """When it went out; or when it was certain that it does not; or, while it waits, now."""
    judged: Judged
    words: str
    path: str
    """Where in what was declared stands what decided, as a JSON path: the condition, if it was one; else the step."""


def reasoned(policy: Sequence[Step], reached: int, rows: Sequence[Row], sent_at: int, now: int) -> list[Reasoned]:
    """Each decision so far about a recipient whose step is `reached` (from 0), the first first."""
    found = []
    for number, step in enumerate(policy[1 : reached + 2], 1):
        earlier = [row for row in rows if row["step"] < number]
        taken = number <= reached
        at = _when(step, number, rows, sent_at, now) if taken else _settled(step, earlier, sent_at, now)
        judged = judge(step, seen_at(earlier, at), at, sent_at)
        said = words(step, number + 1, judged, taken=taken)
        found.append(Reasoned(number + 1, taken, at, judged, said, _path(step, number, judged)))
    return found


def lost(at: int, words: str, path: str) -> Reasoned:
    """That somebody was left out of the message as a whole."""
    return Reasoned(1, False, at, Judged(Decision(Verdict.ENDED), Because.CONDITIONS), words, path)


def seen_at(rows: Sequence[Row], at: int) -> list[Seen]:
    """The deliveries as they stood then, by the times at which things happened."""
    return [_seen_at(row, at) for row in rows if row["planned_at"] <= at]


def _seen_at(row: Row, at: int) -> Seen:
    times = {name: row[name] if row[name] is not None and row[name] <= at else None for name in _TIMES}
    last = State(row["state"])
    failure = last if last in (*FAILED, State.RECALLED) else State.UNDELIVERED
    states = zip((State.SUBMITTED, failure, State.DELIVERED, State.CLICKED), _IN_ORDER, strict=True)
    state = next((state for state, name in reversed([*states]) if times[name] is not None), State.PLANNED)
    return Seen(row["delivery_channel"], state, *(times[name] for name in _TIMES))


_TIMES = ("submitted_at", "delivered_at", "clicked_at", "failed_at")
_IN_ORDER = ("submitted_at", "failed_at", "delivered_at", "clicked_at")


def _when(step: Step, number: int, rows: Sequence[Row], sent_at: int, now: int) -> int:
    """When a step was taken; who had no address for it left no trace, and took it as soon as it was due."""
    planned = [row["planned_at"] for row in rows if row["step"] == number]
    return min(planned) if planned else _settled(step, [r for r in rows if r["step"] < number], sent_at, now)


def _settled(step: Step, earlier: Sequence[Row], sent_at: int, now: int) -> int:
    """The first moment at which nothing had to be waited for any more, else now."""
    for at in sorted(set(_moments(step, earlier, sent_at))):
        if at < now and judge(step, seen_at(earlier, at), at, sent_at).decision.verdict is not Verdict.WAIT:
            return at
    return now


def _moments(step: Step, rows: Sequence[Row], sent_at: int) -> Iterator[int]:
    """When a decision could turn; not before the last of the earlier steps was planned."""
    begun = max((row["planned_at"] for row in rows), default=sent_at)
    times = [row[name] for row in rows for name in _TIMES if row[name] is not None]
    times += [at + condition.within for at in times for condition in step.conditions]
    times += [sent_at + step.deadline + 1] if step.deadline is not None else []
    yield begun
    yield from (at for at in times if at > begun)


def words(step: Step, number: int, judged: Judged, *, taken: bool) -> str:
    """One sentence: what became of the step, and because of what."""
    name, because = f"step {number} ({', '.join(step.send)})", judged.because
    decided = judged.decision.verdict
    if taken and decided is not Verdict.DUE:
        return f"{name} had gone out before this was known: {_joined(step, judged, Verdict.ENDED)}"
    if taken:
        return f"{name} goes out: {_joined(step, judged, Verdict.DUE)}"
    if because is not Because.CONDITIONS:
        return f"{name} does not go out: {_STOPS[because].format(**_stops(step))}"
    if decided is Verdict.ENDED:
        return f"{name} does not go out: {_joined(step, judged, Verdict.ENDED)}"
    return f"{name} waits: {_joined(step, judged, Verdict.WAIT)}"


_STOPS = {
    Because.STOPPED: "the message was {wanted}, and the policy stops on that",
    Because.RECALLED: "the message was recalled",
    Because.TOO_LATE: "the deadline, {deadline} after the send, is over",
}


def _stops(step: Step) -> dict[str, str]:
    wanted = step.stop_on.name.lower() if step.stop_on else ""
    return {"wanted": wanted, "deadline": spelled(step.deadline or 0)}


def _joined(step: Step, judged: Judged, verdict: Verdict) -> str:
    """What decided: with `all` every condition that triggered, or one that did not; with `any` the other way round."""
    telling = [judged.looks[n] for n in _telling(judged, verdict)] or judged.looks
    return f" {'and' if step.join == 'all' else 'or'} ".join(map(phrase, telling))


def _telling(judged: Judged, verdict: Verdict) -> list[int]:
    """Which of the conditions say that."""
    return [n for n, look in enumerate(judged.looks) if look.decision.verdict is verdict]


def _path(step: Step, number: int, judged: Judged) -> str:
    if judged.because in _DECIDED_BY:
        return _DECIDED_BY[judged.because]
    telling = _telling(judged, judged.decision.verdict) if judged.because is Because.CONDITIONS else []
    condition = f".when.{step.join}[{telling[0]}]" if len(telling) == 1 else ""
    return f"$.steps[{number}]{condition}"


_DECIDED_BY = {Because.STOPPED: "$.stopOn", Because.TOO_LATE: "$.deadline"}


def phrase(look: Look) -> str:
    code, within = look.condition.delivery_channel, spelled(look.condition.within)
    return _PHRASES[look.because].format(code=code, within=within, wanted=look.condition.wanted.name.lower())


_PHRASES = {
    Because.IN_TIME: "{code} was {wanted} within {within}",
    Because.FAILED: "{code} failed, so it cannot be {wanted}",
    Because.NO_ADDRESS: "nothing went to {code}, so it cannot be {wanted}",
    Because.SILENT: "{code} was not {wanted} within {within}",
    Because.LATE: "{code} was {wanted}, but not within {within}",
    Because.NOT_YET: "{code} may still be {wanted} within {within}",
    Because.NOT_SUBMITTED: "{code} is not submitted yet",
}
