"""How often each member was written to, where a platform drops what is too much and reports it as sent."""

import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple


class Bound(NamedTuple):
    """At most so many messages to one member in any stretch of so many seconds."""

    seconds: int
    most: int


class Pace(ABC):
    """What applications have sent to their members, counted by all workers together."""

    @abstractmethod
    async def admit(self, application: str, members: Collection[str], bounds: Sequence[Bound]) -> set[str]:
        """Those members whom no bound keeps waiting; they are counted as written to, now."""


class OwnPace(Pace):
    """What one process has sent, alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds; it only goes forward."""
        self._clock = clock
        self._stretches: dict[tuple[str, Bound], Stretch] = {}

    async def admit(self, application: str, members: Collection[str], bounds: Sequence[Bound]) -> set[str]:
        now = self._clock()
        stretches = [self._stretches.setdefault((application, bound), Stretch(bound)) for bound in bounds]
        for stretch in stretches:
            stretch.forget(now)
        admitted = {member for member in members if not any(stretch.is_full(member) for stretch in stretches)}
        for stretch in stretches:
            stretch.add(admitted, now)
        return admitted


class Stretch:
    """The last so many seconds of one application."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._calls: deque[tuple[float, Collection[str]]] = deque()
        self._sent: Counter[str] = Counter()

    def is_full(self, member: str) -> bool:
        return self._sent[member] >= self._bound.most

    def add(self, members: Collection[str], now: float) -> None:
        self._calls.append((now, members))
        self._sent.update(members)

    def forget(self, now: float) -> None:
        """What is older than that."""
        while self._calls and self._calls[0][0] <= now - self._bound.seconds:
            for member in self._calls.popleft()[1]:
                self._sent[member] -= 1
                if not self._sent[member]:
                    del self._sent[member]
