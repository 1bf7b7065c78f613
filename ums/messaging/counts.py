"""The counters: moved in the transaction that moves the rows, read for every funnel, loss and statistics page."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, rows
from ums.messaging import count_statements as statements
from ums.vocabulary import Reason, State

USERS = ""
"""Stands where a DeliveryChannel's code stands, for the counters of recipients."""

REQUEST = -1
"""Stands where a state stands, for the number of messages whose audience was worked out; with USERS."""

BUCKET = 900_000
"""ms; what the counters of a Channel are kept by."""

LOSSES = (State.INVALID, State.REFUSED, State.UNDELIVERED)
"""Of a delivery; the provider may have said why."""


class Attribution(IntEnum):
    """Which time a counter of a Channel belongs to."""

    SENT = 0
    """When the message was sent, whenever the receipt came: keeps a funnel."""
    HEARD = 1
    """When we heard of it."""
    EVER = 2
    """None: altogether, which only grows."""
    SEGMENT = 3
    """As SENT, of the messages to a Segment; its number stands where the Channel's name does."""


Cell = tuple[int, str, int, str]
"""(message id, DeliveryChannel code or USERS, state, reason)."""

Answer = tuple[int, str, int, str, str]
"""A Cell and the provider's code."""


def cell(message_id: int, code: str, state: State = State.PLANNED, reason: Reason | None = None) -> Cell:
    return message_id, code, int(state), reason.value if reason else ""


def moved(moves: Iterable[Mapping[str, Any]]) -> Counter[Cell]:
    """Rows of statements.*_MOVES: from an old state and reason to a new one."""
    cells: Counter[Cell] = Counter()
    for move in moves:
        whose = move["message_id"], move["delivery_channel"]
        cells[*whose, move["old_state"], move["old_reason"]] -= move["number"]
        cells[*whose, move["new_state"], move["new_reason"]] += move["number"]
    return cells


@dataclass
class Tally:
    """What a transaction has moved, until it is counted."""

    cells: Counter[Cell] = field(default_factory=Counter)
    answers: Counter[Answer] = field(default_factory=Counter)
    words: dict[Answer, str] = field(default_factory=dict)
    """What the provider said to one of them."""

    def add(self, moves: Iterable[Mapping[str, Any]]) -> None:
        """Rows of ledger_statements.DELIVERY_MOVES."""
        for move in moves:
            self.cells.update(moved([move]))
            whose = move["message_id"], move["delivery_channel"]
            if move["old_state"] in LOSSES:
                self.answers[*whose, move["old_state"], move["old_reason"], move["old_code"]] -= move["number"]
            if move["new_state"] in LOSSES:
                answer = (*whose, move["new_state"], move["new_reason"], move["new_code"])
                self.answers[answer] += move["number"]
                self.words[answer] = self.words.get(answer) or move["words"]

    async def count(self, tx: BaseDBAsyncClient, now: int) -> None:
        """Move the counters; the last act of a transaction."""
        lost = sorted((*answer, self.words.get(answer, ""), n) for answer, n in self.answers.items() if n)
        if lost:
            await execute(tx, statements.MOVE_LOSSES, rows(lost))
        await count(tx, self.cells, now)


async def count(tx: BaseDBAsyncClient, cells: Counter[Cell], now: int) -> None:
    """Move counters; the last act of a transaction, in a fixed order, so that nobody waits long or in a circle."""
    given = sorted((*cell, number) for cell, number in cells.items() if number)
    if given:
        await execute(tx, statements.MOVE_COUNTS, rows(each for each in given if each[2] != REQUEST))
        await execute(tx, statements.MOVE_CHANNEL_COUNTS, rows(given), now)
