"""How often each member was written to: WeCom drops what is too much, and reports it as sent.

https://developer.work.weixin.qq.com/document/path/90312
"""

from collections import Counter, deque
from collections.abc import Collection


class Window:
    """At most `limit` messages to one member in any stretch of so many seconds."""

    def __init__(self, seconds: float, limit: int) -> None:
        self._seconds, self._limit = seconds, limit
        self._calls: deque[tuple[float, Collection[str]]] = deque()
        self._sent: Counter[str] = Counter()

    def is_full(self, member: str) -> bool:
        return self._sent[member] >= self._limit

    def add(self, members: Collection[str], now: float) -> None:
        self._calls.append((now, members))
        self._sent.update(members)

    def forget(self, now: float) -> None:
        """What is older than the window."""
        while self._calls and self._calls[0][0] <= now - self._seconds:
            for member in self._calls.popleft()[1]:
                self._sent[member] -= 1
                if not self._sent[member]:
                    del self._sent[member]


class Pace:
    """What one application has sent to its members. Each process counts its own calls alone."""

    def __init__(self) -> None:
        self._windows = (Window(60, 30), Window(3600, 1000))

    def admit(self, members: Collection[str], now: float) -> set[str]:
        """Those that may be written to at `now` (seconds of any clock that only goes forward); they are counted."""
        for window in self._windows:
            window.forget(now)
        admitted = {member for member in members if not any(window.is_full(member) for window in self._windows)}
        for window in self._windows:
            window.add(admitted, now)
        return admitted
