"""The only place where a delivery changes state: with its recipient, its counters and the policy's next look.

A state gives way only to a higher one (`vocabulary.State`), so a repeated or late report changes nothing. The one
exception: where `delivered` only means that a server took it, what comes back from there is undelivered after all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, rows
from ums.messaging import ledger_statements, outbox, statements
from ums.messaging.counts import Tally, moved
from ums.messaging.policy import Step, steps
from ums.providers.contract import Via
from ums.vocabulary import Reason, State

Policies = Mapping[int, Sequence[Step]]
"""The steps of each message that has a policy, by message id."""


class Entry(NamedTuple):
    """What is now known of one delivery, or of all from `id` to `last_id`.

    PLANNED only notes the provider's words: it is tried again.
    """

    id: int
    state: State
    at: int
    reason: Reason | None = None
    code: str = ""
    words: str = ""
    provider_id: str | None = None
    last_id: int = 0
    """0: it speaks of one delivery only."""
    overrules: bool = False
    """UNDELIVERED, and that it was delivered was no more than a server's word: it counts even then."""
    via: Via | None = None
    """The way it took, of one delivery."""

    @property
    def fate(self) -> tuple[Any, ...]:
        """All but whose it is, as ledger_statements.RUNS takes it."""
        reason = self.reason.value if self.reason else ""
        said = code(self.code), words(self.words), provider_id(self.provider_id)
        return int(self.state), reason, *said, self.at


def code(said: str) -> str:
    """As long as its column, like the two below: what a provider says must never keep it from being written down."""
    return said[:40]


def words(said: str) -> str:
    return said[:2000]


def provider_id(said: str | None) -> str | None:
    return said[:120] if said is not None else None


def way(via: Via | None) -> tuple[str | None, str | None]:
    """As its columns have it."""
    platform, sender = via or (None, None)
    return platform.value if platform else None, sender.value if sender else None


async def record(tx: BaseDBAsyncClient, entries: Iterable[Entry], now: int, tally: Tally | None = None) -> None:
    """Write down what happened to any deliveries of any messages.

    Who has more to do in the transaction brings a `tally`, and counts it at the end.
    """
    ordered = sorted(entries, key=lambda entry: (entry.state, entry.id, entry.at))
    if not ordered:
        return
    message_ids = rows([n] for n in sorted({entry.id >> 32 for entry in ordered}))
    policies = {
        row["id"]: steps(orjson.loads(row["steps"]))
        for row in await fetch(tx, ledger_statements.LOCK_POLICIES, message_ids)
    }
    told = bool(await fetch(tx, outbox.WANTING, message_ids))
    moving = tally or Tally()
    # One state after the other: a set-based update may see each delivery only once.
    for state, of_state in groupby(ordered, key=lambda entry: entry.state):
        runs = rows(_runs(of_state))
        if state is State.PLANNED:
            await execute(tx, ledger_statements.NOTE_REFUSALS, runs)
        else:
            if told:
                await outbox.add_moves(tx, runs, now)
            await _move(tx, runs, policies, now, moving)
    if overruling := [entry for entry in ordered if entry.overrules]:
        if told:
            await outbox.add_returns(tx, rows(_runs(overruling)), now)
        await _take_back(tx, rows(_runs(overruling)), policies, now, moving)
    if ways := [(entry.id, *way(entry.via)) for entry in ordered if entry.via]:
        await execute(tx, ledger_statements.NOTE_WAYS, rows(ways))
    if policies:
        await execute(tx, statements.NEXT_DUE, rows([n] for n in policies))
    if tally is None:
        await moving.count(tx, now)


async def note_opens(tx: BaseDBAsyncClient, delivery_ids: Sequence[int], now: int) -> None:
    """That these were looked at, which is no state of its own."""
    await execute(tx, ledger_statements.NOTE_OPENS, rows([n] for n in delivery_ids), now)


def _runs(entries: Iterable[Entry]) -> Iterator[tuple[Any, ...]]:
    """Entries in the order of their ids, those side by side with the same fate made one: see ledger_statements.RUNS.

    Of two that speak of the same delivery, the first counts.
    """
    first = last = 0
    fate: tuple[Any, ...] = ()
    for entry in entries:
        low, high = max(entry.id, last + 1), entry.last_id or entry.id
        if low > high:
            continue
        if low != last + 1 or entry.fate != fate:
            if first:
                yield (first, last, *fate)
            first, fate = low, entry.fate
        last = high
    yield (first, last, *fate)


async def _move(tx: BaseDBAsyncClient, runs: str, policies: Policies, now: int, tally: Tally) -> None:
    # First everything that must still see the old states, the deliveries themselves last.
    tally.add(await fetch(tx, ledger_statements.DELIVERY_MOVES, runs))
    tally.cells.update(moved(await fetch(tx, ledger_statements.RECIPIENT_MOVES, runs)))
    await execute(tx, ledger_statements.MOVE_RECIPIENTS, runs)
    if policies:
        await execute(tx, ledger_statements.SET_FIRST_LOOKS, runs, now, _first_looks(policies))
    await execute(tx, ledger_statements.MOVE_DELIVERIES, runs)


async def _take_back(tx: BaseDBAsyncClient, runs: str, policies: Policies, now: int, tally: Tally) -> None:
    """What had been delivered comes back. Of somebody who got it elsewhere too, that stays the best."""
    tally.add(await fetch(tx, ledger_statements.DELIVERY_RETURNS, runs))
    if policies:
        await execute(tx, ledger_statements.LOOK_AT_RETURNS, runs, now, _first_looks(policies))
    await execute(tx, ledger_statements.RETURN_DELIVERIES, runs)
    tally.cells.update(moved(await fetch(tx, ledger_statements.RECIPIENT_RETURNS, runs)))
    await execute(tx, ledger_statements.RETURN_RECIPIENTS, runs)
    if policies:
        await execute(tx, ledger_statements.REOPEN, rows([n] for n in policies))


def _first_looks(policies: Policies) -> str:
    """How long after an outcome the step behind each one is looked at first."""
    return rows(
        (message_id, n, step.first_look) for message_id, policy in policies.items() for n, step in enumerate(policy[1:])
    )
