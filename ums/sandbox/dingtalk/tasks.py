"""What DingTalk's stand-in keeps: tokens, tasks with what becomes of each receiver, and what everybody got today.

`now` is in seconds since the epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from ums.sandbox.stage import Credentials

TOKEN_SECONDS = 7200
TASK_SECONDS = 24 * 3600
"""For so long a task can be asked for, and taken back."""
A_DAY = 500
"""Messages of one application that reach one person in a day."""
CHINA = 8 * 3600
"""Seconds that its clocks are ahead: its midnight ends the day."""

Fate = Sequence[tuple[float, str]]
"""Epoch seconds, and what happens then."""


class Purse:
    """Tokens: while one is good the same application gets it again, and it lives on from there."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[Credentials, float]] = {}

    def give(self, owner: Credentials, now: float) -> str:
        self._owners = {token: kept for token, kept in self._owners.items() if kept[1] > now}
        mine = next((token for token, kept in self._owners.items() if kept[0] == owner), uuid4().hex)
        self._owners[mine] = owner, now + TOKEN_SECONDS
        return mine

    def owner(self, token: str, now: float) -> Credentials:
        """Two empty texts for a token that is not good."""
        owner, until = self._owners.get(token, (("", ""), 0.0))
        return owner if until > now else ("", "")


class Today:
    """Drops what somebody has got already, or too much of: the call that sent it was a success all the same."""

    def __init__(self) -> None:
        self._day = 0
        self._got: dict[tuple[str, str], set[bytes]] = {}

    def takes(self, account: str, userid: str, content: bytes, now: float) -> str:
        """The code of what drops it; empty when it reaches the person."""
        day = int(now + CHINA) // 86_400
        if day != self._day:
            self._day, self._got = day, {}
        got = self._got.setdefault((account, userid), set())
        if content in got:
            return "143106"
        if len(got) >= A_DAY:
            return "143105"
        got.add(content)
        return ""


LIMITS = {"143105": A_DAY, "143106": 1}


@dataclass
class Task:
    """One accepted call."""

    account: str
    sent_at: float
    fates: Mapping[str, Fate]
    """Of those whom it reaches, by userid."""
    dropped: Mapping[str, str]
    """userid -> code."""
    recalled_at: float = float("inf")

    def open(self, now: float) -> bool:
        return now < self.sent_at + TASK_SECONDS

    def result(self, now: float) -> dict[str, object]:
        """The `send_result` at this moment. Who is in no list is still waiting."""
        ends = {userid: self._reached(fate, now) for userid, fate in self.fates.items()}
        return {
            "invalid_user_id_list": [],
            "forbidden_user_id_list": list(self.dropped),
            "failed_user_id_list": [userid for userid, end in ends.items() if end == "undelivered"],
            "read_user_id_list": [userid for userid, end in ends.items() if end == "clicked"],
            "unread_user_id_list": [userid for userid, end in ends.items() if end == "delivered"],
            "invalid_dept_id_list": [],
            "forbidden_list": [
                {"code": code, "count": LIMITS[code], "userid": userid} for userid, code in self.dropped.items()
            ],
        }

    def _reached(self, fate: Fate, now: float) -> str:
        return next((kind for at, kind in reversed(fate) if at <= min(now, self.recalled_at)), "")
