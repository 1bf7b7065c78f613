"""From recipients to deliveries and batches: what one policy step sends to whom, and to which of their addresses."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, execute_many, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import USERS, Cell, cell, count
from ums.messaging.policy import Step, steps
from ums.models import Message
from ums.people.targets import binds
from ums.providers import providers
from ums.snapshot import Body, Snapshot, channel_type
from ums.vocabulary import Priority, Reason, State

DEADLINES = {Priority.HIGH: 10 * 60_000, Priority.MEDIUM: 2 * 3_600_000, Priority.LOW: 12 * 3_600_000}
"""ms after which a delivery that still could not be submitted has failed: a late code helps nobody, late news does."""

TURN = 1_000
"""ms between the turns of a message's batches: see Batch.turn_at."""


@dataclass(frozen=True)
class Pinned:
    """A message, and the configuration of the revision that it is pinned to."""

    message: Message
    snapshot: Snapshot

    @cached_property
    def steps(self) -> list[Step]:
        return steps(self.message.steps)

    @property
    def channel_key(self) -> str:
        key: str = self.snapshot.all("Channel")[self.message.channel]["key"]
        return key

    def delivery_channel(self, code: str) -> Body:
        return self.snapshot.all("DeliveryChannel")[code]

    def id(self, n: int) -> int:
        """Of its n-th recipient or delivery, from 1."""
        return (self.message.id << 32) + n


class Takers(NamedTuple):
    """A range of recipients of one message that take a step together."""

    first_id: int
    last_id: int
    step: int

    @property
    def message_id(self) -> int:
        return self.first_id >> 32


@dataclass
class FanOut:
    """Adds to messages that this transaction holds; what it adds is counted on their rows, which the caller saves."""

    tx: BaseDBAsyncClient
    pinned: Mapping[int, Pinned]
    """By message id."""
    newest: Snapshot
    """For what was switched off since."""
    now: int
    cells: Counter[Cell] = field(default_factory=Counter)
    """What was added, until `counted`."""
    lost: list[int] = field(default_factory=list)
    """Recipients of earlier transactions whom no step reached: see outbox.add_lost."""

    async def counted(self) -> None:
        """Move the counters by all that was added; the last thing to do with a FanOut."""
        await count(self.tx, self.cells, self.now)

    async def take(self, takers: Sequence[Takers]) -> None:
        """Each step goes out to its takers; whom it cannot reach takes the next one at once, or is lost."""
        if not takers:
            return
        ranges = rows(takers)
        chosen = any(self.pinned[each.message_id].steps[each.step].cheapest for each in takers)
        statement = statements.ADD_CHOSEN_DELIVERIES if chosen else statements.ADD_DELIVERIES
        await execute(self.tx, statement, ranges, rows(self._ways(takers)), self.now)
        await self._add_batches({each.message_id for each in takers})
        if awaited := list(self._awaited(takers)):
            await execute(self.tx, statements.LOOK_NOW, ranges, rows(awaited), self.now)
        left = await fetch(self.tx, statements.NOT_REACHED, ranges)
        if left:
            await self._leave([(row["id"], row["step"]) for row in left])

    async def give(self, audiences: Mapping[int, Mapping[str, Sequence[str]]]) -> None:
        """Direct addresses, by message id and code: each is a recipient of its own, a second mention is a duplicate."""
        people: list[tuple[int, str, State, str]] = []
        given: list[tuple[int, int, str, str]] = []
        for message_id, by_code in audiences.items():
            pinned = self.pinned[message_id]
            recipient, delivery = pinned.message.recipients, pinned.message.deliveries
            for code, addresses in by_code.items():
                seen = set[str]()
                for recipient, address in enumerate(addresses, recipient + 1):  # noqa: B020  # it goes on
                    if address in seen:
                        people.append((pinned.id(recipient), address, State.LOST, Reason.DUPLICATE.value))
                        continue
                    seen.add(address)
                    delivery += 1
                    people.append((pinned.id(recipient), address, State.PLANNED, ""))
                    given.append((pinned.id(delivery), pinned.id(recipient), code, address))
        if people:
            await self.add_recipients(people)
            await execute(self.tx, statements.ADD_GIVEN_DELIVERIES, rows(given), self.now)
            await self._add_batches(audiences)

    async def add_recipients(self, people: Sequence[tuple[int, str, State, str]]) -> None:
        """Recipients that are no users, as (id, target, state, reason)."""
        await execute(self.tx, statements.ADD_GIVEN_RECIPIENTS, rows(people))
        for recipient, _, state, reason in people:
            message_id = recipient >> 32
            self.pinned[message_id].message.recipients += 1
            self.cells[message_id, USERS, state, reason] += 1

    async def lose(self, recipients: Sequence[int], reason: Reason) -> None:
        """Nothing is left to try for those of them to whom nothing ever went out."""
        listed = rows([n] for n in recipients)
        for lost in await fetch(self.tx, statements.LOSE, listed, reason.value) if recipients else []:
            self.cells[cell(lost["message_id"], USERS, State.LOST, reason)] += 1
            self.cells[cell(lost["message_id"], USERS)] -= 1
            self.lost.append(lost["id"])

    def _ways(self, takers: Sequence[Takers]) -> Iterator[tuple[Any, ...]]:
        """What goes out to whom, as statements.WAYS takes it: a row for each DeliveryChannel of each step."""
        for position, (message_id, step) in enumerate(dict.fromkeys((each.message_id, each.step) for each in takers)):
            pinned = self.pinned[message_id]
            base = pinned.id(pinned.message.deliveries)
            for n, code in enumerate(self._sent(pinned, step)):
                declared = pinned.delivery_channel(code)
                bound = binds(declared, pinned.channel_key)
                way = (message_id, step, position * 100 + n, base, code, channel_type(declared).value)
                yield (*way, *bound, int(pinned.steps[step].cheapest))

    def _sent(self, pinned: Pinned, step: int) -> Iterator[str]:
        """A later step leaves out what was switched off since; the first one is what was accepted."""
        for code in _ordered(pinned, pinned.steps[step]):
            if step == 0 or not self.newest.unusable(pinned.message.channel, [code]):
                yield code

    def _awaited(self, takers: Sequence[Takers]) -> Iterator[tuple[int, int, str]]:
        """(message id, step, code): what the step behind waits for, where one look at an outcome is not enough.

        Who got nothing there with this step (no address, or it belongs to an earlier one) must be looked at now. With
        one DeliveryChannel in the step that is whoever the step did not reach at all.
        """
        for message_id, step in dict.fromkeys((each.message_id, each.step) for each in takers):
            this, *following = self.pinned[message_id].steps[step:]
            codes = {one.delivery_channel for one in following[0].conditions} if following else set[str]()
            if codes - {this.send[0]} or len(this.send) > 1:
                yield from ((message_id, step, code) for code in sorted(codes))

    async def _add_batches(self, message_ids: Iterable[int]) -> None:
        """Cut the deliveries just written into ranges that the provider takes in one call."""
        new = [(n, self.pinned[n].id(self.pinned[n].message.deliveries + 1), self.pinned[n].id(2**32 - 1))
               for n in message_ids]  # fmt: skip
        batches: list[tuple[Any, ...]] = []
        for row in await fetch(self.tx, statements.DELIVERIES_ADDED, rows(new)):
            pinned, code = self.pinned[row["message_id"]], row["delivery_channel"]
            first, last = row["first_id"], row["last_id"]
            batches += self._cut(pinned, code, first, last)
            pinned.message.deliveries = last & (2**32 - 1)
            self.cells[cell(pinned.message.id, code)] += last - first + 1
        if batches:
            await execute_many(self.tx, statements.ADD_BATCH, batches)

    def _cut(self, pinned: Pinned, code: str, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Batches as statements.ADD_BATCH takes them."""
        message, declared = pinned.message, pinned.delivery_channel(code)
        provider = providers()[declared["platform"]]
        most = provider.batch_limit
        if declared.get("clickLinks") and not provider.personal:
            most = 1  # who says the same to all in a call gives nobody a link of his own
        if per_second := (declared.get("limits") or {}).get("perSecond"):
            most = min(most, per_second)  # a call cannot be spread over seconds
        deadline = self.now + DEADLINES[Priority(message.priority)]
        turn = message.send_at + (first & (2**32 - 1)) // most * TURN
        for n, begin in enumerate(range(first, last + 1, most)):
            end = min(begin + most - 1, last)
            yield (message.id, code, message.priority, begin, end, turn + n * TURN, self.now, deadline)

    async def _leave(self, left: Sequence[tuple[int, int]]) -> None:
        """Recipients, as (id, step), whom that step did not reach."""
        further = [(n, step, self.now) for n, step in left if step + 1 < len(self.pinned[n >> 32].steps)]
        if further:
            await execute(self.tx, statements.SET_CHECKS, rows(further))
        ended = [n for n, step in left if step + 1 >= len(self.pinned[n >> 32].steps)]
        await self.lose(ended, Reason.NO_ADDRESS)


def _ordered(pinned: Pinned, step: Step) -> Sequence[str]:
    """The DeliveryChannels of a step: where it chooses the cheapest first, those that cost the same as declared."""
    return (
        sorted(step.send, key=lambda code: pinned.delivery_channel(code).get("cost", 0)) if step.cheapest else step.send
    )
