"""The rules of a SendPolicy said a second time, as short as they can be, for tests to hold the engine against."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ums.messaging.policy import Condition, Step
from ums.vocabulary import State

NEVER = 1 << 60


class Fate(NamedTuple):
    """What becomes of one address; times in ms after its submit, which itself is after the send."""

    submitted: int = 0
    delivered: int = NEVER
    clicked: int = NEVER
    failed: int = NEVER
    """Undelivered by a receipt; or, with `refused`, never accepted."""
    refused: bool = False

    def reached(self, wanted: State) -> int:
        """Who clicked has got it."""
        return self.submitted + (self.clicked if wanted is State.CLICKED else min(self.delivered, self.clicked))

    def counts_as_failed(self, now: int) -> bool:
        """A failure holds until a delivery disproves it."""
        return self.submitted + self.failed <= now < self.reached(State.DELIVERED)


def triggered(condition: Condition, fates: Sequence[Fate], now: int, *, wait_out: bool = False) -> bool:
    """Whether the condition counts as met then; `now` in ms after the send."""
    if any(f.reached(condition.wanted) <= min(now, f.submitted + condition.within) for f in fates):
        return False
    over = [now >= f.submitted + condition.within or (not wait_out and f.counts_as_failed(now)) for f in fates]
    return all(over)


def due(step: Step, fates: Mapping[str, Sequence[Fate]], now: int) -> bool:
    """Whether the step goes out then, to one person; `now` in ms after the send."""
    if step.deadline is not None and now > step.deadline:
        return False
    if step.stop_on and any(f.reached(step.stop_on) <= now for several in fates.values() for f in several):
        return False
    joined = all if step.join == "all" else any
    wait = step.wait_out_failures
    return joined(triggered(c, fates.get(c.delivery_channel, ()), now, wait_out=wait) for c in step.conditions)
