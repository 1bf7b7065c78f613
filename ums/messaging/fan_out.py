"""From recipients to deliveries and batches: what one policy step sends to whom, and to which of their addresses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, execute_many, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import USERS, Cell, added, count
from ums.messaging.policy import steps
from ums.models import Message
from ums.people.targets import binds
from ums.providers import providers
from ums.snapshot import Snapshot, channel_type
from ums.vocabulary import Priority, Reason, State

DEADLINES = {Priority.HIGH: 10 * 60_000, Priority.MEDIUM: 2 * 3_600_000, Priority.LOW: 12 * 3_600_000}
"""ms after which a delivery that still could not be submitted has failed: a late code helps nobody, late news does."""


@dataclass(frozen=True)
class Chosen:
    """Recipients of one message, as a subquery over its two parameters $1 and $2."""

    query: str
    first: Any
    second: Any

    @classmethod
    def between(cls, first_id: int, last_id: int) -> "Chosen":
        return cls(statements.RECIPIENT_RANGE, first_id, last_id)

    @classmethod
    def listed(cls, ids: Sequence[int], message_id: int) -> "Chosen":
        return cls(statements.RECIPIENT_LIST, rows([n] for n in ids), message_id)


@dataclass(frozen=True)
class FanOut:
    """Adds to one message, locked by this transaction; what it adds is counted on the row, which the caller saves."""

    tx: BaseDBAsyncClient
    message: Message
    snapshot: Snapshot
    """Of the revision that the message is pinned to."""
    now: int
    cells: Counter[Cell] = field(default_factory=Counter)
    """What was added, until `counted`."""

    async def counted(self) -> None:
        """Move the message's counters by all that was added; the last thing to do with a FanOut."""
        await count(self.tx, self.message.id, self.cells)

    async def take(self, number: int, chosen: Chosen) -> None:
        """Step `number` goes out to the chosen; whom it cannot reach takes the next one at once, or is lost."""
        for code in steps(self.message.steps)[number].send:
            await self._add_deliveries(code, number, chosen)
        query = statements.NOT_REACHED.format(recipients=chosen.query)
        left = await fetch(self.tx, query, chosen.first, chosen.second, number)
        if left:
            await self._leave([row["id"] for row in left], number)

    async def give(self, code: str, addresses: Sequence[str]) -> None:
        """Direct addresses: each is a recipient of its own; a second mention of the same is a duplicate."""
        unique = list(dict.fromkeys(addresses))
        again = Counter(addresses) - Counter(unique)
        first = await self.add_recipients([(address, State.PLANNED, "") for address in unique])
        base = self._id(self.message.deliveries + 1)
        given = [(base + n, first + n, code, address) for n, address in enumerate(unique)]
        await execute(self.tx, statements.ADD_GIVEN_DELIVERIES, rows(given), self.now)
        await self._add_batches(code, len(given))
        await self.add_recipients([(a, State.LOST, Reason.DUPLICATE.value) for a in again.elements()])

    async def add_recipients(self, targets: Sequence[tuple[str, State, str]]) -> int:
        """Recipients that are no users, as (target, state, reason); the id of the first."""
        first = self._id(self.message.recipients + 1)
        given = [(first + n, target, int(state), reason) for n, (target, state, reason) in enumerate(targets)]
        await execute(self.tx, statements.ADD_GIVEN_RECIPIENTS, rows(given), self.message.id)
        self.message.recipients += len(given)
        self.cells.update((USERS, state, reason) for _, _, state, reason in given)
        return first

    async def _add_deliveries(self, code: str, number: int, chosen: Chosen) -> None:
        """Those of the chosen that have an address on this DeliveryChannel."""
        base, last = self._id(self.message.deliveries), self._id((1 << 32) - 1)
        kind = channel_type(self._declared(code))
        values = (base, code, number, self.now, kind.value, *binds(kind, code, self.channel_key))
        statement = statements.ADD_DELIVERIES.format(recipients=chosen.query)
        await execute(self.tx, statement, chosen.first, chosen.second, *values)
        found = await fetch(self.tx, statements.DELIVERIES_ADDED, base, last)
        await self._add_batches(code, found[0]["number"])

    async def _add_batches(self, code: str, new: int) -> None:
        """Cut the `new` deliveries just written into ranges that the provider takes in one call."""
        if not new:
            return
        limit = providers()[self._declared(code)["platform"]].batch_limit
        first, last = self._id(self.message.deliveries + 1), self._id(self.message.deliveries + new)
        deadline = self.now + DEADLINES[Priority(self.message.priority)]
        fixed = (self.message.id, code, self.message.priority)
        ranges = [(*fixed, n, min(n + limit - 1, last), self.now, deadline) for n in range(first, last + 1, limit)]
        await execute_many(self.tx, statements.ADD_BATCH, ranges)
        self.cells.update(added(code, new))
        self.message.deliveries += new

    async def _leave(self, ids: Sequence[int], number: int) -> None:
        if number + 1 < len(self.message.steps):
            await execute(self.tx, statements.SET_CHECKS, rows((n, number, self.now) for n in ids))
            return
        lost = await fetch(self.tx, statements.LOSE, rows([n] for n in ids), Reason.NO_ADDRESS.value)
        self.cells.update(added(USERS, len(lost), State.LOST, Reason.NO_ADDRESS))
        self.cells.update(added(USERS, -len(lost)))

    @property
    def channel_key(self) -> str:
        key: str = self.snapshot.all("Channel")[self.message.channel]["key"]
        return key

    def _declared(self, code: str) -> Any:
        return self.snapshot.all("DeliveryChannel")[code]

    def _id(self, n: int) -> int:
        return (self.message.id << 32) + n
