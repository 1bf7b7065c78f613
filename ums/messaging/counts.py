"""The counters of messages: moved in the transaction that moves the rows, read for every funnel."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, rows
from ums.messaging import statements
from ums.vocabulary import Reason, State

USERS = ""
"""Stands where a DeliveryChannel's code stands, for the counters of recipients."""

Cell = tuple[int, str, int, str]
"""(message id, DeliveryChannel code or USERS, state, reason)."""


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


async def count(tx: BaseDBAsyncClient, cells: Counter[Cell]) -> None:
    """Move counters; the last act of a transaction, in a fixed order, so that nobody waits long or in a circle."""
    given = sorted((*cell, number) for cell, number in cells.items() if number)
    if given:
        await execute(tx, statements.MOVE_COUNTS, rows(given))
