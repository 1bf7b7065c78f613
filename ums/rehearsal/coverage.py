"""Which ways through its steps no test of a policy took, and which steps can hardly be reached at all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ums.durations import spelled
from ums.messaging.policy import Condition, Step, rules, steps
from ums.rehearsal.case import Branch, Played
from ums.snapshot import Snapshot
from ums.vocabulary import State

_WAYS = {"triggered": "never triggered", "met": "never held the step back"}


@dataclass(frozen=True)
class Covered:
    """One policy: how many of its ways were taken."""

    policy: str
    taken: int
    ways: int
    missing: tuple[str, ...]
    unreachable: tuple[str, ...]


def coverage(played: Iterable[Played], declared: Snapshot) -> list[Covered]:
    """Of every policy that is declared, whether or not it has a test."""
    taken = {branch for one in played for branch in one.branches}
    return [_covered(name, steps(rules(body)), taken) for name, body in declared.all("SendPolicy").items()]


def _covered(name: str, policy: Sequence[Step], taken: set[Branch]) -> Covered:
    wanted = [branch for number, step in enumerate(policy[1:], 2) for branch in _ways(name, number, step)]
    missing = tuple(_words(branch, policy) for branch in wanted if branch not in taken)
    return Covered(name, len(wanted) - len(missing), len(wanted), missing, tuple(_unreachable(policy)))


def _ways(name: str, number: int, step: Step) -> Iterator[Branch]:
    yield Branch(name, number, -1, "ran")
    yield Branch(name, number, -1, "ended")
    for n in range(len(step.conditions)):
        yield from (Branch(name, number, n, way) for way in _WAYS)


def _words(branch: Branch, policy: Sequence[Step]) -> str:
    step = policy[branch.step - 1]
    where = f"step {branch.step} ({', '.join(step.send)})"
    if branch.condition < 0:
        return f"{where}: {'never went out' if branch.way == 'ran' else 'was never left out'}"
    join = " AND " if step.join == "all" else " OR "
    of = f" of {len(step.conditions)} joined by{join.rstrip()}" if len(step.conditions) > 1 else ""
    return f"{where}: {condition(step.conditions[branch.condition])}{of} {_WAYS[branch.way]}"


def condition(one: Condition) -> str:
    """As its author wrote it."""
    word = "notClicked" if one.wanted is State.CLICKED else "notDelivered"
    return f"{word} {one.delivery_channel} within {spelled(one.within)}"


def _unreachable(policy: Sequence[Step]) -> Iterator[str]:
    """Steps that no silence can bring before the deadline; only a failure or a missing address can."""
    earliest: dict[str, int] = dict.fromkeys(policy[0].send, 0)
    for number, step in enumerate(policy[1:], 2):
        ends = [earliest.get(one.delivery_channel, 0) + one.within for one in step.conditions]
        begins = (max if step.join == "all" else min)(ends, default=0)
        earliest |= dict.fromkeys(step.send, begins)
        if step.deadline is not None and begins > step.deadline:
            yield (
                f"step {number} ({', '.join(step.send)}): can never go out after silence: that takes "
                f"{spelled(begins)}, the deadline is {spelled(step.deadline)}"
            )
