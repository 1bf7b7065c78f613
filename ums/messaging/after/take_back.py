"""What a recall leaves to workers: batch by batch, what was not sent is stopped, and providers take back what was.

All of it is due in columns of the batch. A worker that is killed leaves its batches to the next one, which asks the
provider once more: that changes nothing there.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import connection, execute, fetch, rows, transaction
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging import ledger, outbox
from ums.messaging.after.recall import RecallOutcome, takes_nothing_back
from ums.messaging.delivering.inquire import ANSWERED_AS
from ums.messaging.engine import Engine, log_failure
from ums.messaging.ledger import Entry, record
from ums.providers.contract import Provider
from ums.vocabulary import Reason, State

log = structlog.get_logger()

MOST = 64
"""Batches that one worker sees to at a time."""

TURN = 60_000
"""ms that a worker has for them; after that another worker does."""

AGAIN = (5, 15, 60, 300, 900)
"""Seconds before each further question to a provider that was busy; after the last of them it has not answered."""


@dataclass(frozen=True)
class Part:
    """A claimed batch of a recalled message."""

    id: int
    delivery_channel: str
    first_id: int
    last_id: int
    recall_tries: int
    lease_token: str
    attempts: int

    @property
    def abandoned(self) -> bool:
        """Whether a worker was killed over it: nobody knows whether the provider got it."""
        return bool(self.lease_token and self.attempts)


@dataclass(frozen=True)
class Taken:
    """What came of asking; `again` are seconds until it is asked once more."""

    part: Part
    verdict: RecallOutcome | None
    code: str = ""
    words: str = ""
    again: float | None = None


async def keep_taking_back(engine: Engine, every: float = 1.0) -> None:
    """See to recalled messages for as long as the process lives."""
    while not engine.stopping.is_set():
        try:
            while not engine.stopping.is_set() and await take_back(engine):
                pass
        except Exception as error:  # noqa: BLE001  # whatever it is, the next round tries again
            log_failure("recall_failed", error, then="tried again in a second")
        try:
            await asyncio.wait_for(engine.stopping.wait(), every)
        except TimeoutError:
            continue


async def take_back(engine: Engine) -> bool:
    """See to the next batches that are due; whether there were any."""
    now = engine.clock()
    async with transaction() as tx:
        claimed = [Part(**row) for row in await fetch(tx, _CLAIM, now, now + TURN, MOST)]
        if claimed:
            await _stop(tx, claimed, now)
    await asyncio.gather(*(_see_to(engine, part) for part in claimed))
    return bool(claimed)


async def _see_to(engine: Engine, part: Part) -> None:
    await engine.together(_conclude, await _ask(engine, part))


async def _stop(tx: BaseDBAsyncClient, parts: Sequence[Part], now: int) -> None:
    """What of them is still planned never goes out; what was perhaps sent by a killed worker is unknown."""
    entries: list[Entry] = []
    for part in parts:
        stopped = Entry(0, State.RECALLED, now, Reason.RECALLED)
        unsure = Entry(0, State.UNKNOWN, now, Reason.UNKNOWN, "", "recalled while nobody knew whether it was sent")
        planned = await fetch(tx, _IN_STATE, part.first_id, part.last_id, int(State.PLANNED))
        entries += alike(unsure if part.abandoned else stopped, (row["id"] for row in planned))
    await record(tx, entries, now)
    await execute(tx, _DONE, rows([part.id] for part in parts), now)


def alike(said: Entry, ids: Iterable[int]) -> Iterator[Entry]:
    """`said` of each of these deliveries: one entry for each stretch of ids without a gap."""
    for _, stretch in groupby(enumerate(ids), key=lambda numbered: numbered[1] - numbered[0]):
        found = [n for _, n in stretch]
        yield said._replace(id=found[0], last_id=found[-1])


async def _ask(engine: Engine, part: Part) -> Taken:
    """Whether the provider takes back what it was given of this batch."""
    sent = await fetch(connection(), _SENT, part.first_id, part.last_id)
    if not sent:
        return Taken(part, None)
    states = {row["state"] for row in sent}
    newest = await engine.snapshots.newest()
    if words := takes_nothing_back(newest, part.delivery_channel):
        return Taken(part, RecallOutcome.NOT_POSSIBLE, words=words)
    if not states & {State.SUBMITTED, State.DELIVERED}:
        late = RecallOutcome.UNANSWERED if State.UNKNOWN in states else RecallOutcome.TOO_LATE
        return Taken(part, late)
    of_batch = [row["provider_id"] for row in await fetch(connection(), ANSWERED_AS, part.id)]
    of_targets = [row["provider_id"] for row in await fetch(connection(), _OWN_IDS, part.first_id, part.last_id)]
    return await _recall(engine, part, [*of_batch, *of_targets])


async def _recall(engine: Engine, part: Part, provider_ids: Sequence[str]) -> Taken:
    try:
        provider = await engine.connections.get(await engine.snapshots.newest(), part.delivery_channel)
    except ProviderRefused as refused:  # nobody was asked: the operator can mend it
        return _later(part, refused.code, refused.message)
    taken = [await _recall_one(provider, part, provider_id) for provider_id in provider_ids]
    worst = list(RecallOutcome)
    nothing = Taken(part, RecallOutcome.UNANSWERED)
    return min(taken, key=lambda each: worst.index(each.verdict or RecallOutcome.PENDING), default=nothing)


async def _recall_one(provider: Provider, part: Part, provider_id: str) -> Taken:
    """A batch that was sent in several calls has several ids; a refusal of one keeps none from being recalled."""
    try:
        await provider.recall(provider_id)
    except ProviderRefused as refused:
        return Taken(part, RecallOutcome.REFUSED, refused.code, refused.message)
    except ProviderBusy as busy:
        return _later(part, busy.code, busy.message, busy.retry_after or 0)
    except OutcomeUnknown as unknown:
        return _later(part, unknown.code, unknown.message)
    return Taken(part, RecallOutcome.RECALLED)


def _later(part: Part, code: str, words: str, at_least: float = 0) -> Taken:
    if part.recall_tries > len(AGAIN):
        return Taken(part, RecallOutcome.UNANSWERED, code, words)
    return Taken(part, None, code, words, max(AGAIN[part.recall_tries - 1], at_least))


async def _conclude(engine: Engine, taken: Sequence[Taken]) -> Sequence[None]:
    """Write down what providers said, for each target that it concerns."""
    now = engine.clock()
    async with transaction() as tx:
        entries: list[Entry] = []
        for each in taken:
            if each.verdict is RecallOutcome.RECALLED:
                part = each.part
                sent = await fetch(tx, _IN_STATE, part.first_id, part.last_id, int(State.SUBMITTED))
                entries += alike(Entry(0, State.TAKEN_BACK, now, Reason.RECALLED), (row["id"] for row in sent))
        await record(tx, entries, now)
        await outbox.add_recalls(tx, [_said(each) for each in taken if each.verdict], now)
        await execute(tx, _KEEP, rows(_kept(each, now) for each in taken))
    return [None] * len(taken)


def _said(taken: Taken) -> tuple[Any, ...]:
    """As outbox.add_recalls takes it."""
    part, refused = taken.part, taken.verdict is not RecallOutcome.RECALLED
    verdict = taken.verdict.value if taken.verdict else ""
    return part.first_id, part.last_id, refused, verdict, ledger.code(taken.code), ledger.words(taken.words)


def _kept(taken: Taken, now: int) -> tuple[Any, ...]:
    """As `_KEEP` takes it."""
    again = None if taken.again is None else now + int(1000 * taken.again)
    verdict = taken.verdict.value if taken.verdict else ""
    if again is None and not verdict:
        return taken.part.id, None, None, "", "", ""
    return taken.part.id, again, None if again else now, verdict, ledger.code(taken.code), ledger.words(taken.words)


# Not what a worker is handing to a provider just now.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM batch WHERE recall_at IS NOT NULL AND recall_at <= $1 AND lease_until <= $1
    ORDER BY recall_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE batch SET recall_at = $2, recall_tries = recall_tries + 1 WHERE id IN (SELECT id FROM due)
RETURNING id, delivery_channel, first_id, last_id, recall_tries, lease_token, attempts"""

_IN_STATE = "SELECT id FROM delivery WHERE id BETWEEN $1 AND $2 AND state = $3 ORDER BY id FOR UPDATE"

# Without its token whoever stood still over it cannot go on.
_DONE = """
UPDATE batch SET done_at = coalesce(done_at, CAST($2 AS bigint)), lease_until = 0, lease_token = ''
WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""

_SENT = "SELECT DISTINCT state FROM delivery WHERE id BETWEEN $1 AND $2 AND state IN (10, 40, 60, 70)"

_OWN_IDS = """
SELECT DISTINCT provider_id FROM delivery
WHERE id BETWEEN $1 AND $2 AND state IN (40, 60) AND provider_id IS NOT NULL"""

_KEEP = """
UPDATE batch SET recall_at = given.recall_at, recalled_at = given.recalled_at, recall_verdict = given.verdict,
    recall_code = given.code, recall_words = given.words
FROM ROWS($1: id bigint, recall_at bigint, recalled_at bigint, verdict text, code text, words text) AS given
WHERE batch.id = given.id"""
