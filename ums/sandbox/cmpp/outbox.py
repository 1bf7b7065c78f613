"""Reports on their way to those who submitted: kept until a connection of the account answers for them."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Protocol

from ums.sandbox.record import Record


@dataclass(frozen=True)
class Report:
    """Of one number of one SUBMIT."""

    msg_id: int
    number: str
    stat: str
    source: str
    """The number that the phone was shown."""
    service: str
    submitted: str
    """YYMMDDHHMM, as is the next."""
    done: str = ""


class Session(Protocol):
    """A connection that takes reports."""

    account: str

    @property
    def has_room(self) -> bool:
        """Whether its window takes another one."""

    def deliver(self, report: Report) -> None: ...


class Outbox:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._waiting: dict[str, deque[Report]] = defaultdict(deque)
        self._sessions: dict[str, list[Session]] = defaultdict(list)
        self._timers: set[asyncio.TimerHandle] = set()

    def later(self, seconds: float, account: str, report: Report) -> None:
        timer: asyncio.TimerHandle

        def due() -> None:
            self._timers.discard(timer)
            self._waiting[account].append(report)
            self.pump(account)

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def joined(self, session: Session) -> None:
        self._sessions[session.account].append(session)
        self.pump(session.account)

    def left(self, session: Session, unanswered: list[Report]) -> None:
        """What it did not answer goes to another one."""
        if session in self._sessions[session.account]:
            self._sessions[session.account].remove(session)
        for report in reversed(unanswered):
            self._waiting[session.account].appendleft(report)
        self.pump(session.account)

    def again(self, account: str, report: Report) -> None:
        """It was not answered in time, or not taken."""
        self._waiting[account].append(report)
        self.pump(account)

    def taken(self, account: str, report: Report) -> None:
        self._record.posted([{"msg_id": report.msg_id, "number": report.number, "stat": report.stat}])
        self.pump(account)

    def pump(self, account: str) -> None:
        """To the connections of the account in turn, as far as their windows go."""
        waiting, sessions = self._waiting[account], self._sessions[account]
        while waiting and (session := next((each for each in sessions if each.has_room), None)):
            sessions.remove(session)
            sessions.append(session)
            session.deliver(waiting.popleft())

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._waiting.clear()
        self._sessions.clear()
