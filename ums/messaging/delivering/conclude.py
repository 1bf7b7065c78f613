"""What exchanges with providers came to, written down: the log, the ledger, and the batches given back.

Whatever has landed since the last time goes into one transaction: on a busy worker that is several batches a commit.
"""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import connection, execute, execute_many, is_away, is_crowded, rows, transaction
from ums.messaging import ledger, statements
from ums.messaging.counts import Tally
from ums.messaging.delivering import limits, receipts
from ums.messaging.delivering.deliver import Exchange, Verdict
from ums.messaging.delivering.inquire import first_question
from ums.messaging.delivering.told import tell
from ums.messaging.engine import Engine
from ums.messaging.expanding.look import settle
from ums.messaging.ledger import Entry, record
from ums.models import Attempt
from ums.provider_objects import rows as provider_objects
from ums.providers.contract import Answer, Common, Target
from ums.providers.keeper import ObjectId
from ums.vocabulary import Priority, Reason, State

log = structlog.get_logger()

LADDERS = {
    Priority.HIGH: (1, 2, 5, 10, 20, 30, 60),
    Priority.MEDIUM: (2, 5, 15, 60, 180, 600),
    Priority.LOW: (5, 15, 60, 300, 900, 1800),
}
"""Seconds before each further attempt, the last for ever after; a fifth of jitter either way keeps them apart."""

PATIENCE = 60
"""Seconds for which an outcome is kept in memory when the database is away; after that the batch is sent again."""


async def conclude(engine: Engine, landed: Sequence[Exchange]) -> Sequence[None]:
    """Write down exchanges that have ended; each batch is done, or due again later."""
    # While others wait for the writer's lock: batch by batch, so that they come in between.
    for part in [[exchange] for exchange in landed] if is_crowded(connection()) else [landed]:
        await _conclude(engine, part)
    return [None] * len(landed)


async def _conclude(engine: Engine, landed: Sequence[Exchange]) -> None:
    for _ in range(PATIENCE):
        try:
            await _write(engine, landed)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("database_away", error=str(error), then="tried again in a second", batches=len(landed))
            await asyncio.sleep(1)
        else:
            return
    await _write(engine, landed)


async def _write(engine: Engine, landed: Sequence[Exchange]) -> None:
    newest = await engine.snapshots.newest()
    async with transaction() as tx:
        now = engine.clock()
        entries = [entry for exchange in landed for entry in await _entries(tx, exchange, now)]
        await _log(tx, engine, landed, now)
        await limits.learn(tx, landed, now)
        gone = dict.fromkeys(_gone(landed))
        for code, template, words in gone:
            await provider_objects.refused(tx, code, template, words, now)
        tally = Tally()
        await record(tx, entries, now, tally)
        for code in {exchange.lease.delivery_channel for exchange in landed}:
            await receipts.match_waiting(tx, receipts.Source.of(newest, code), _provider_ids(landed, code), now, tally)
        released = [(*_released(exchange, now), first_question(newest, exchange, now)) for exchange in landed]
        await execute(tx, statements.RELEASE, rows(released), now)
        await execute(tx, _RECALL_TOO, rows([exchange.lease.id] for exchange in landed), now)
        await tally.count(tx, now)
    for exchange in landed:
        tell(engine, exchange, now)
    if gone:
        engine.snapshots.look_again()
    await settle(list({exchange.lease.message_id for exchange in landed}))


def _gone(landed: Iterable[Exchange]) -> Iterator[tuple[str, ObjectId, str]]:
    """The DeliveryChannel and the template that its provider says is not there, and its words."""
    for exchange in landed:
        if exchange.answer and exchange.answer.gone:
            said = next((f"{o.code} {o.words}" for o in exchange.answer.outcomes if o.reason is Reason.CONTENT), "")
            yield exchange.lease.delivery_channel, exchange.answer.gone, f"a send was refused: {said}"


async def _entries(tx: BaseDBAsyncClient, exchange: Exchange, now: int) -> list[Entry]:
    """What is now known of each target."""
    if answer := exchange.answer:
        told = [Entry(o.id, o.state, now, o.reason, o.code, o.words, o.provider_id) for o in answer.outcomes]
        return [*told, *_alike(answer.others, _others(exchange.targets, answer), now)] if answer.others else told
    if exchange.verdict is Verdict.LATE:
        return await _late(tx, exchange, now)
    state = State.UNKNOWN if exchange.verdict is Verdict.UNKNOWN else State.PLANNED
    reason = Reason.UNKNOWN if state is State.UNKNOWN else None
    return list(_alike(Common(state, reason, exchange.code, exchange.words), exchange.targets, now))


def _others(targets: Sequence[Target], answer: Answer) -> Sequence[Target]:
    apart = {outcome.id for outcome in answer.outcomes}
    return [target for target in targets if target.id not in apart] if apart else targets


def _alike(common: Common, targets: Sequence[Target], now: int) -> Iterator[Entry]:
    """One entry for each stretch of ids without a gap: a thousand targets are one."""
    said = (common.state, now, common.reason, common.code, common.words, None)
    if targets and targets[-1].id - targets[0].id == len(targets) - 1:
        yield Entry(targets[0].id, *said, targets[-1].id)
        return
    for _, stretch in groupby(enumerate(targets), key=lambda numbered: numbered[1].id - numbered[0]):
        ids = [target.id for _, target in stretch]
        yield Entry(ids[0], *said, ids[-1])


async def _late(tx: BaseDBAsyncClient, exchange: Exchange, now: int) -> list[Entry]:
    """No time is left; the last attempt says why."""
    last = await Attempt.filter(batch_id=exchange.lease.id).using_db(tx).order_by("-id").first()
    code, words = (last.code, last.words) if last else ("", "no attempt was made in time")
    return list(_alike(Common(State.REFUSED, Reason.TOO_LATE, code, words), exchange.targets, now))


async def _log(tx: BaseDBAsyncClient, engine: Engine, landed: Iterable[Exchange], now: int) -> None:
    attempts = [
        (
            e.lease.id, e.lease.delivery_channel, e.lease.attempts, e.started_at, now - e.started_at, len(e.targets),
            e.verdict.value, ledger.code(e.code), ledger.words(e.words),
            ledger.provider_id(e.answer.provider_id) if e.answer else None,
            engine.worker, e.revision, shown(e.requests),
        )
        for e in landed
        if e.verdict is not Verdict.LATE
    ]  # fmt: skip
    if attempts:
        await execute_many(tx, _ATTEMPT, attempts)


_ATTEMPT = """
INSERT INTO attempt (batch_id, delivery_channel, number, started_at, took_ms, targets, verdict, code, words,
                     provider_id, worker, revision, requests)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""


def shown(requests: Sequence[str]) -> str:
    """The first of them: where each target takes a request of its own there may be thousands."""
    more = [f"and {len(requests) - _SHOWN} more"] if len(requests) > _SHOWN else []
    return "\n".join([*requests[:_SHOWN], *more])


_SHOWN = 10


# An outcome that comes after its message was recalled, and after its batch was given up, is recalled all the same.
_RECALL_TOO = """
UPDATE batch SET recall_at = $2, recall_tries = 0
WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed) AND recall_at IS NULL
AND EXISTS (SELECT 1 FROM message m WHERE m.id = batch.message_id AND m.recalled_at IS NOT NULL)"""


def _provider_ids(landed: Iterable[Exchange], code: str) -> list[str]:
    answers = [exchange.answer for exchange in landed if exchange.answer and exchange.lease.delivery_channel == code]
    of_batches = [answer.provider_id for answer in answers if answer.provider_id]
    return of_batches + [o.provider_id for answer in answers for o in answer.outcomes if o.provider_id]


def _released(exchange: Exchange, now: int) -> tuple[Any, ...]:
    """Its id, its token, and when it is due again: after the next rung of the ladder, if anything of it is left."""
    lease = exchange.lease
    again = now + wait_ms(lease.priority, lease.attempts, exchange.retry_after)
    return lease.id, lease.token, min(again, lease.deadline_at)


def wait_ms(priority: int, attempts: int, retry_after: float | None) -> int:
    """ms until the next attempt, after `attempts` of them."""
    ladder = LADDERS[Priority(priority)]
    rung = ladder[min(attempts, len(ladder)) - 1]
    return int(1000 * max(rung * random.uniform(0.8, 1.2), retry_after or 0))  # noqa: S311  # not a secret
