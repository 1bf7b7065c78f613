"""What providers know and do not tell by themselves: asked for batch by batch, or fetched from where they keep it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from ums.database import connection, execute, fetch
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging.delivering.deliver import Exchange
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine, log_failure
from ums.providers import providers
from ums.providers.contract import Provider
from ums.snapshot import Snapshot

log = structlog.get_logger()

AT_ONCE = 16
"""Questions that one worker has under way."""

TURN = 60_000
"""ms that a worker has to ask one; after that another worker does."""


def first_question(newest: Snapshot, exchange: Exchange, now: int) -> int | None:
    """When the provider is first asked what became of a batch that it has just accepted; None when it need not be."""
    declared = newest.delivery_channel(exchange.lease.delivery_channel)
    if declared is None or exchange.answer is None or exchange.answer.provider_id is None:
        return None
    after = providers()[declared["platform"]].asked_after
    return now + 1000 * after[0] if after else None


async def inquire(engine: Engine, every: float = 1.0) -> None:
    """Ask and fetch what is due, for as long as the process lives."""
    collecting: dict[str, asyncio.Task[None]] = {}
    while not engine.stopping.is_set():
        try:
            await ask(engine)
            for code in await _kept_elsewhere(engine):
                if code not in collecting or collecting[code].done():
                    collecting[code] = asyncio.create_task(_keep_collecting(engine, code))
        except Exception as error:  # noqa: BLE001  # whatever it is, the next round tries again
            log_failure("inquiry_failed", error, then="tried again in a second")
        await _wait(engine, every)
    for task in collecting.values():
        task.cancel()
    await asyncio.gather(*collecting.values(), return_exceptions=True)


async def ask(engine: Engine) -> None:
    """Ask about every batch whose time has come."""
    while not engine.stopping.is_set():
        now = engine.clock()
        due = await fetch(connection(), _CLAIM_QUESTIONS, now, now + TURN, AT_ONCE)
        await asyncio.gather(*(_ask(engine, batch) for batch in due))
        if len(due) < AT_ONCE:
            return


async def _ask(engine: Engine, batch: Mapping[str, int | str]) -> None:
    code = str(batch["delivery_channel"])
    provider = await _connected(engine, code)
    if provider is None:
        return
    for row in await fetch(connection(), ANSWERED_AS, batch["id"]):
        try:
            await apply(engine, code, await provider.ask(row["provider_id"]))
        except (ProviderBusy, ProviderRefused, OutcomeUnknown) as error:
            log.warning("question_not_answered", delivery_channel=code, batch=batch["id"], error=str(error))
    after, asked = provider.asked_after, int(batch["asked"])
    again = engine.clock() + 1000 * (after[asked] - after[asked - 1]) if asked < len(after) else None
    await execute(connection(), _KEEP_QUESTION, batch["id"], again)


async def _kept_elsewhere(engine: Engine) -> list[str]:
    """The DeliveryChannels whose provider keeps receipts for us to fetch."""
    declared = (await engine.snapshots.newest()).all("DeliveryChannel")
    kinds = ((code, body, providers().get(body["platform"])) for code, body in declared.items())
    return [code for code, body, kind in kinds if kind and kind.keeps_receipts(body["credentials"])]


async def _keep_collecting(engine: Engine, code: str) -> None:
    """Fetch from one provider as often as it wants it; each waits for nobody but its own."""
    while not engine.stopping.is_set():
        provider = await _connected(engine, code)
        if provider is None or not provider.collected_every:
            return
        await collect(engine, provider)
        await _wait(engine, provider.collected_every)


async def collect(engine: Engine, provider: Provider) -> None:
    """Fetch until nothing is left there; what was fetched is written down before the next is asked for."""
    code = provider.account.code
    try:
        while told := await provider.collect():
            await apply(engine, code, told)
    except (ProviderBusy, ProviderRefused, OutcomeUnknown) as error:
        log.warning("receipts_not_collected", delivery_channel=code, error=str(error))
    except Exception as error:  # noqa: BLE001  # whatever it is,
        # the provider must not take these for written down: a new connection gets them again.
        log_failure("receipts_not_written", error, delivery_channel=code)
        await engine.connections.drop(code)


async def _wait(engine: Engine, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(engine.stopping.wait(), seconds)


async def _connected(engine: Engine, code: str) -> Provider | None:
    try:
        return await engine.connections.get(await engine.snapshots.newest(), code)
    except ProviderRefused as refused:
        log.warning("provider_not_asked", delivery_channel=code, code=refused.code, words=refused.message)
        return None


# Whoever asks has it for himself until $2; a killed asker's turn comes again then.
_CLAIM_QUESTIONS = """
WITH due AS MATERIALIZED (
    SELECT id FROM batch WHERE ask_at IS NOT NULL AND ask_at <= $1 ORDER BY ask_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE batch SET ask_at = $2, asked = asked + 1 WHERE id IN (SELECT id FROM due)
RETURNING id, delivery_channel, first_id, last_id, asked"""

ANSWERED_AS = """
SELECT DISTINCT provider_id FROM attempt WHERE batch_id = $1 AND provider_id IS NOT NULL AND verdict = 'answered'"""

# Only what is still open is worth another question.
_KEEP_QUESTION = """
UPDATE batch SET ask_at = CASE WHEN EXISTS (SELECT 1 FROM delivery d
    WHERE d.id BETWEEN batch.first_id AND batch.last_id AND d.state = 40) THEN CAST($2 AS bigint) END
WHERE id = $1"""
