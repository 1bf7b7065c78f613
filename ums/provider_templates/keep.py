"""What a worker does beside delivering: effects that are due, and reviews that nobody has told of."""

import asyncio
from collections import defaultdict
from contextlib import suppress

import structlog

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.messaging.engine import Engine, log_failure
from ums.models import ProviderObject
from ums.provider_templates.accounts import reached
from ums.provider_templates.sync import write
from ums.providers.keeper import ObjectId
from ums.reconcile.effects import perform
from ums.vocabulary import ObjectState, Review

log = structlog.get_logger()

EVERY = 5.0
"""Seconds between two looks for effects; each failed one has a due time of its own."""
REVIEWS_EVERY = 10 * 60_000
"""ms after which a review is asked for that is still going on: callbacks may not be set up, or be lost."""


async def keep_templates(engine: Engine, every: float = EVERY) -> None:
    """Do what is due, for as long as the process lives."""
    while not engine.stopping.is_set():
        try:
            await perform(engine.settings, engine.clock)
            await look_at_reviews(engine)
        except Exception as error:  # noqa: BLE001  # whatever it is, the next round tries again
            log_failure("templates_not_kept", error, then="tried again in some seconds")
        with suppress(TimeoutError):
            await asyncio.wait_for(engine.stopping.wait(), every)


async def look_at_reviews(engine: Engine) -> None:
    """Ask about what is in review for long, and about what a provider has told of and nobody here knows."""
    before = engine.clock() - REVIEWS_EVERY
    waiting = ProviderObject.filter(review=Review.IN_REVIEW.value, state=ObjectState.NORMAL.value)
    rows = [*await waiting.filter(checked_at__lt=before), *await ProviderObject.filter(checked_at=0)]
    by_code: defaultdict[str, set[ObjectId]] = defaultdict(set)
    for row in rows:
        by_code[row.delivery_channel].add(ObjectId(row.kind, row.provider_id))
    for code, asked in by_code.items():
        try:
            provider = await reached(engine.connections, await engine.snapshots.newest(), code, engine.clock())
            if provider.keeps:
                told = [one for one in await provider.kept(sorted(asked)) if one.object in asked]
                await write(provider, told, sorted(asked - {one.object for one in told}), engine.clock)
        except (ProviderBusy, ProviderRefused, OutcomeUnknown) as error:
            log.warning("reviews_not_asked_for", delivery_channel=code, error=str(error))
