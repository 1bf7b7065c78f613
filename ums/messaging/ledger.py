"""The only place where a delivery changes state: with its recipient, its counters and the policy's next look.

A state gives way only to a higher one (`vocabulary.State`), so a repeated or late report changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import count, moved
from ums.messaging.expand import lock
from ums.messaging.policy import steps
from ums.models import Message
from ums.vocabulary import Reason, State


class Entry(NamedTuple):
    """What is now known of one delivery. PLANNED only notes the provider's words: it is tried again."""

    id: int
    state: State
    at: int
    reason: Reason | None = None
    code: str = ""
    words: str = ""
    provider_id: str | None = None

    @property
    def fate(self) -> tuple[Any, ...]:
        """All but whose it is, as statements.RUNS takes it."""
        reason = self.reason.value if self.reason else ""
        return int(self.state), reason, self.code, self.words, self.provider_id, self.at


async def record(tx: BaseDBAsyncClient, entries: Iterable[Entry], now: int) -> None:
    """Write down what happened to any deliveries of any messages."""
    by_message = sorted(entries, key=lambda entry: (entry.id >> 32, entry.state, entry.id, entry.at))
    for message_id, of_message in groupby(by_message, key=lambda entry: entry.id >> 32):
        message = await lock(tx, message_id)
        # One state after the other: a set-based update may see each delivery only once.
        for state, of_state in groupby(of_message, key=lambda entry: entry.state):
            first = {entry.id: entry for entry in reversed(list(of_state))}
            await _move(tx, message, state, rows(_runs(list(first.values())[::-1])), now)
        await execute(tx, statements.NEXT_DUE, message_id)


def _runs(entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    """Entries in the order of their ids, those side by side with the same fate made one: see statements.RUNS."""
    first = last = entries[0]
    for entry in entries[1:]:
        if entry.id != last.id + 1 or entry[1:] != first[1:]:
            yield (first.id, last.id, *first.fate)
            first = entry
        last = entry
    yield (first.id, last.id, *first.fate)


async def _move(tx: BaseDBAsyncClient, message: Message, state: State, runs: str, now: int) -> None:
    if state is State.PLANNED:
        await execute(tx, statements.NOTE_REFUSALS, runs)
        return
    # First everything that must still see the old states, the deliveries themselves last.
    cells = moved(await fetch(tx, statements.DELIVERY_MOVES, runs))
    cells.update(moved(await fetch(tx, statements.RECIPIENT_MOVES, runs)))
    await execute(tx, statements.MOVE_RECIPIENTS, runs)
    if len(message.steps) > 1:
        lengths = rows((n, step.first_look) for n, step in enumerate(steps(message.steps)[1:]))
        await execute(tx, statements.SET_FIRST_LOOKS, runs, now, lengths)
    await execute(tx, statements.MOVE_DELIVERIES, runs)
    await count(tx, message.id, cells)
