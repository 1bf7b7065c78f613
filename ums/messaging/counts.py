"""The counters of a message: moved in the transaction that moves the rows, read for every funnel."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, rows
from ums.messaging import statements
from ums.vocabulary import Reason, State

USERS = ""
"""Stands where a DeliveryChannel's code stands, for the counters of recipients."""

Cell = tuple[str, int, str]
"""(DeliveryChannel code or USERS, state, reason)."""


def added(code: str, number: int, state: State = State.PLANNED, reason: Reason | None = None) -> Counter[Cell]:
    """Rows that were not there before."""
    return Counter({(code, int(state), reason.value if reason else ""): number})


def moved(moves: Iterable[Mapping[str, Any]]) -> Counter[Cell]:
    """Rows of statements.*_MOVES: from an old state and reason to a new one."""
    cells: Counter[Cell] = Counter()
    for move in moves:
        cells[move["delivery_channel"], move["old_state"], move["old_reason"]] -= move["number"]
        cells[move["delivery_channel"], move["new_state"], move["new_reason"]] += move["number"]
    return cells


async def count(tx: BaseDBAsyncClient, message_id: int, cells: Counter[Cell]) -> None:
    """Move the counters of a message; in a fixed order, so that two transactions cannot wait for each other."""
    given = sorted((*cell, number) for cell, number in cells.items() if number)
    if given:
        await execute(tx, statements.MOVE_COUNTS, rows(given), message_id)
