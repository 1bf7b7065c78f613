"""What exchanges with providers came to, written down: the log, the ledger, and the batches given back.

Whatever landed since the last time goes into one transaction: on a busy worker that is several batches a commit.
"""

import random
from collections.abc import Iterable, Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, execute_many, fetch, transaction
from ums.messaging import receipts, statements
from ums.messaging.deliver import PLANNED, Exchange, Verdict
from ums.messaging.engine import Engine
from ums.messaging.ledger import Entry, record
from ums.models import Attempt
from ums.vocabulary import Priority, Reason, State

LADDERS = {
    Priority.HIGH: (1, 2, 5, 10, 20, 30, 60),
    Priority.MEDIUM: (2, 5, 15, 60, 180, 600),
    Priority.LOW: (5, 15, 60, 300, 900, 1800),
}
"""Seconds before each further attempt, the last for ever after; a fifth of jitter either way keeps them apart."""


async def conclude(engine: Engine, landed: Sequence[Exchange]) -> None:
    """Write down exchanges that have ended; each batch is done, or due again later."""
    async with transaction() as tx:
        now = engine.clock()
        entries = [entry for exchange in landed for entry in await _entries(tx, exchange, now)]
        await _log(tx, engine, landed, now)
        await record(tx, entries, now)
        for code in {exchange.lease.delivery_channel for exchange in landed}:
            await receipts.match_waiting(tx, code, _provider_ids(landed, code), now)
        for exchange in landed:
            await _release(tx, exchange, now)
        for message_id in {exchange.lease.message_id for exchange in landed}:
            await execute(tx, statements.SETTLE, message_id)


async def _entries(tx: BaseDBAsyncClient, exchange: Exchange, now: int) -> list[Entry]:
    """What is now known of each target."""
    if answer := exchange.answer:
        told = [Entry(o.id, o.state, now, o.reason, o.code, o.words, o.provider_id) for o in answer.outcomes]
        if not answer.others:
            return told
        others, apart = answer.others, {outcome.id for outcome in answer.outcomes}
        return told + [
            Entry(target.id, others.state, now, others.reason, others.code, others.words)
            for target in exchange.targets
            if target.id not in apart
        ]
    if exchange.verdict is Verdict.LATE:
        return await _late(tx, exchange, now)
    state = State.UNKNOWN if exchange.verdict is Verdict.UNKNOWN else State.PLANNED
    reason = Reason.UNKNOWN if state is State.UNKNOWN else None
    return [Entry(target.id, state, now, reason, exchange.code, exchange.words) for target in exchange.targets]


async def _late(tx: BaseDBAsyncClient, exchange: Exchange, now: int) -> list[Entry]:
    """No time is left; the last attempt says why."""
    last = await Attempt.filter(batch_id=exchange.lease.id).using_db(tx).order_by("-id").first()
    code, words = (last.code, last.words) if last else ("", "no attempt was made in time")
    return [Entry(target.id, State.REFUSED, now, Reason.TOO_LATE, code, words) for target in exchange.targets]


async def _log(tx: BaseDBAsyncClient, engine: Engine, landed: Iterable[Exchange], now: int) -> None:
    attempts = [
        (
            e.lease.id, e.lease.delivery_channel, e.lease.attempts, e.started_at, now - e.started_at, len(e.targets),
            e.verdict.value, e.code, e.words[:2000], e.answer.provider_id if e.answer else None, engine.worker,
        )
        for e in landed
        if e.verdict is not Verdict.LATE
    ]  # fmt: skip
    if attempts:
        await execute_many(tx, _ATTEMPT, attempts)


_ATTEMPT = """
INSERT INTO attempt (batch_id, delivery_channel, number, started_at, took_ms, targets, verdict, code, words,
                     provider_id, worker)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


def _provider_ids(landed: Iterable[Exchange], code: str) -> list[str]:
    answers = [exchange.answer for exchange in landed if exchange.answer and exchange.lease.delivery_channel == code]
    of_batches = [answer.provider_id for answer in answers if answer.provider_id]
    return of_batches + [o.provider_id for answer in answers for o in answer.outcomes if o.provider_id]


async def _release(tx: BaseDBAsyncClient, exchange: Exchange, now: int) -> None:
    """Give the batch back: done when nothing of it is planned any more, else due after the next rung of the ladder."""
    lease = exchange.lease
    left = await fetch(tx, PLANNED + " LIMIT 1", lease.first_id, lease.last_id)
    again = now + wait_ms(lease.priority, lease.attempts, exchange.retry_after)
    done, due = (None, min(again, lease.deadline_at)) if left else (now, now)
    await execute(tx, _RELEASE, lease.id, lease.token, done, due)


# A worker that lost its lease leaves the batch to its successor; what it learnt is in the ledger all the same.
_RELEASE = """
UPDATE batch SET done_at = $3, due_at = $4, lease_until = 0, lease_token = '' WHERE id = $1 AND lease_token = $2"""


def wait_ms(priority: int, attempts: int, retry_after: float | None) -> int:
    """ms until the next attempt, after `attempts` of them."""
    ladder = LADDERS[Priority(priority)]
    rung = ladder[min(attempts, len(ladder)) - 1]
    return int(1000 * max(rung * random.uniform(0.8, 1.2), retry_after or 0))  # noqa: S311  # not a secret
