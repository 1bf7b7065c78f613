"""Recurring messages whose time has come: each occurrence becomes one ordinary message, whoever looks, and once.

The occurrence, its message and the time of the next one are written in one transaction, by the one worker that still
finds the time that it read: whoever is killed before has done nothing, and whoever comes later has nothing to do.
"""

import asyncio
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit.rules import Review
from ums.database import connection, execute, fetch, transaction
from ums.errors import CallerRefused, Problem
from ums.messaging.engine import Engine, log_failure
from ums.messaging.occurrences import MINUTE, following, latest
from ums.messaging.sending.recurring import restored
from ums.messaging.sending.send import drafted, keep, trace
from ums.models import Message, Occurrence, RecurringMessage
from ums.snapshot import Body
from ums.vocabulary import Missed, OccurrenceOutcome, Priority, RecurringState

GRACE = MINUTE
"""ms after which an occurrence that did not come was missed."""
MOST = 100
"""Of those that are due, how many are taken up in one look."""


@dataclass(frozen=True)
class _Came:
    """What an occurrence came to, before it is written down."""

    at: int
    outcome: OccurrenceOutcome
    message: Message | None = None
    review: Review | None = None
    problems: tuple[Problem, ...] = ()


async def keep_recurring(engine: Engine, every: float = 1.0) -> None:
    """Send what recurs when its time has come, until `engine.stopping` is set; every worker may."""
    while not engine.stopping.is_set():
        rest = every
        try:
            await recur(engine)
            rest = await _rest(engine, every)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
            log_failure("recurring_stays", error, then="it is tried again")
        try:
            await asyncio.wait_for(engine.stopping.wait(), rest)
        except TimeoutError:
            continue


async def recur(engine: Engine) -> int:
    """Everything that is due now; how many occurrences this worker wrote down."""
    taken = 0
    while due := await RecurringMessage.filter(next_at__lte=engine.clock()).order_by("next_at", "id").limit(MOST):
        before = taken
        for each in due:
            try:
                taken += await _recur(engine, each)
            except Exception as error:  # noqa: BLE001  # one that cannot come keeps no other from it
                log_failure("recurring_stays", error, recurring=each.id, then="it is tried again")
        if taken == before:
            break
    return taken


async def _recur(engine: Engine, recurring: RecurringMessage) -> bool:
    """Whether it was this worker that wrote the occurrence down."""
    newest, now = await engine.snapshots.newest(), engine.clock()
    declared = newest.all("Channel").get(recurring.channel)
    zone = declared["timeZone"] if declared else "UTC"
    came = await _came(engine, recurring, {**declared, "name": recurring.channel} if declared else None, zone)
    coming = following(recurring.cron, zone, max(now, came.at))
    async with transaction() as tx:
        if not await _claimed(tx, recurring, came, coming):
            return False
        if came.message:
            await keep(tx, came.message, came.review, now)
        await Occurrence.create(
            recurring_id=recurring.id, at=came.at, outcome=came.outcome.value,
            message_id=came.message.id if came.message else None,
            problems=[{"code": p.code, "message": p.message, "path": p.path} for p in came.problems], using_db=tx,
        )  # fmt: skip
    if came.message:
        trace(engine, came.message, now)
        engine.wake_later(Priority(came.message.priority))
    return True


async def _came(engine: Engine, recurring: RecurringMessage, channel: Body | None, zone: str) -> _Came:
    """Of several that were missed, the latest stands for all."""
    now, due = engine.clock(), recurring.next_at or 0
    until = now if recurring.until_at is None else min(now, recurring.until_at)
    at = max(due, latest(recurring.cron, zone, until) or due)
    if now - at > GRACE and recurring.missed == Missed.SKIP.value:
        return _Came(at, OccurrenceOutcome.SKIPPED)
    if channel is None:
        words = f"Channel {recurring.channel} is not declared any more"
        return _Came(at, OccurrenceOutcome.REFUSED, problems=(Problem(code="unknown_channel", message=words),))
    try:
        message, review = await drafted(engine, channel, restored(recurring.request), recurring.sender)
    except CallerRefused as refused:
        return _Came(at, OccurrenceOutcome.REFUSED, problems=tuple(refused.problems))
    return _Came(at, OccurrenceOutcome.ACCEPTED, message, review)


async def _claimed(tx: BaseDBAsyncClient, recurring: RecurringMessage, came: _Came, coming: int | None) -> bool:
    """Whether nobody else took this occurrence; until the transaction ends nobody can."""
    occurred = recurring.occurred + (came.outcome is not OccurrenceOutcome.SKIPPED)
    over = coming is None or (recurring.until_at is not None and coming > recurring.until_at)
    over = over or (recurring.times is not None and occurred >= recurring.times)
    state = RecurringState.ENDED if over else RecurringState.ACTIVE
    values = (recurring.id, recurring.next_at, occurred, state.value, None if over else coming)
    return bool(await execute(tx, _CLAIM, *values))


_CLAIM = """
UPDATE recurring_message SET occurred = $3, state = $4, next_at = $5
WHERE id = $1 AND next_at = $2 AND state = 'active'"""


async def _rest(engine: Engine, every: float) -> float:
    """Seconds until the next one is due, at most `every`."""
    now = engine.clock()
    found = await fetch(connection(), "SELECT min(next_at) AS at FROM recurring_message WHERE next_at IS NOT NULL")
    coming = found[0]["at"]
    return every if coming is None else min(every, max((coming - now) / 1000, 0.01))
