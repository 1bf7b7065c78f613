"""The only place where a delivery changes state: with its recipient, its counters and the policy's next look.

A state gives way only to a higher one (`vocabulary.State`), so a repeated or late report changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import count, moved
from ums.messaging.expand import lock
from ums.messaging.policy import steps
from ums.models import Message
from ums.vocabulary import Reason, State


@dataclass(frozen=True)
class Entry:
    """What is now known of one delivery. PLANNED only notes the provider's words: it is tried again."""

    id: int
    state: State
    at: int
    reason: Reason | None = None
    code: str = ""
    words: str = ""
    provider_id: str | None = None


async def record(tx: BaseDBAsyncClient, entries: Iterable[Entry], now: int) -> None:
    """Write down what happened to any deliveries of any messages."""
    by_message = sorted(entries, key=lambda entry: (entry.id >> 32, entry.state, entry.id, entry.at))
    for message_id, of_message in groupby(by_message, key=lambda entry: entry.id >> 32):
        message = await lock(tx, message_id)
        # One state after the other: a set-based update may see each delivery only once.
        for state, of_state in groupby(of_message, key=lambda entry: entry.state):
            first = list({entry.id: entry for entry in reversed(list(of_state))}.values())
            await _move(tx, message, state, first, now)
        await execute(tx, statements.NEXT_DUE, message_id)


async def _move(tx: BaseDBAsyncClient, message: Message, state: State, entries: Sequence[Entry], now: int) -> None:
    given = rows(
        (e.id, int(e.state), e.reason.value if e.reason else "", e.code, e.words, e.provider_id, e.at) for e in entries
    )
    if state is State.PLANNED:
        await execute(tx, statements.NOTE_REFUSALS, given)
        return
    # First everything that must still see the old states, the deliveries themselves last.
    cells = moved(await fetch(tx, statements.DELIVERY_MOVES, given))
    cells.update(moved(await fetch(tx, statements.RECIPIENT_MOVES, given)))
    await execute(tx, statements.MOVE_RECIPIENTS, given)
    if len(message.steps) > 1:
        lengths = rows((n, step.first_look) for n, step in enumerate(steps(message.steps)[1:]))
        await execute(tx, statements.SET_FIRST_LOOKS, given, now, lengths)
    await execute(tx, statements.MOVE_DELIVERIES, given)
    await count(tx, message.id, cells)
