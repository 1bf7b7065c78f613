"""Sends that come again and again: made, stopped for a while, called off. `recur` sends them at their times."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
from tortoise.exceptions import IntegrityError

from ums.database import connection, execute, fetch, rows
from ums.errors import CallerRefused, Problem
from ums.messaging.engine import Engine
from ums.messaging.occurrences import NotCron, check, following
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import drafted
from ums.models import RecurringMessage
from ums.snapshot import Body
from ums.vocabulary import Missed, Priority, RecurringState

MOST_CRON = 120


@dataclass(frozen=True)
class Wish:
    """What a caller asks for."""

    request: SendRequest
    """Of each occurrence; without a time and without an idempotency key."""
    cron: str
    missed: Missed = Missed.LATEST
    until: int | None = None
    times: int | None = None
    idempotency_key: str | None = None


async def create(engine: Engine, channel: Body, wish: Wish, by: str = "") -> RecurringMessage:
    """The recurring message; raises CallerRefused with every problem, of the first occurrence too.

    `by` is the Member who makes it; empty: the Channel's own system.
    """
    fingerprint = hashlib.sha256(orjson.dumps(wish, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()
    if known := await _known(channel, wish, fingerprint):
        return known
    first = await _first(engine, channel, wish, by)
    made = RecurringMessage(
        channel=channel["name"], sender=by, created_at=engine.clock(), request=kept(wish.request), cron=wish.cron,
        missed=wish.missed.value, until_at=wish.until, times=wish.times, occurred=0, state=RecurringState.ACTIVE.value,
        next_at=first, idempotency_key=wish.idempotency_key, input_hash=fingerprint,
    )  # fmt: skip
    try:
        await made.save()
    except IntegrityError:  # somebody was faster with the same idempotency key
        if known := await _known(channel, wish, fingerprint):
            return known
        raise
    return made


def kept(request: SendRequest) -> dict[str, Any]:
    """As the database has it; `restored` is the way back."""
    return {**asdict(request), "priority": int(request.priority) if request.priority else None}


def restored(stored: Mapping[str, Any]) -> SendRequest:
    priority = stored["priority"]
    return SendRequest(**{**stored, "priority": Priority(priority) if priority else None})


async def pause(channel: str, recurring_id: int) -> RecurringMessage:
    """No occurrence comes until it is resumed; raises CallerRefused."""
    return await _moved(channel, recurring_id, (RecurringState.ACTIVE,), RecurringState.PAUSED)


async def cancel(channel: str, recurring_id: int) -> RecurringMessage:
    """No occurrence comes any more; what was accepted before goes out. Raises CallerRefused."""
    return await _moved(channel, recurring_id, (RecurringState.ACTIVE, RecurringState.PAUSED), RecurringState.CANCELLED)


async def resume(engine: Engine, channel: Body, recurring_id: int) -> RecurringMessage:
    """It comes from its next occurrence on, and none is made up for; raises CallerRefused."""
    paused = await found(channel["name"], recurring_id)
    coming = following(paused.cron, channel["timeZone"], engine.clock())
    if coming is None or (paused.until_at is not None and coming > paused.until_at):
        return await _moved(channel["name"], recurring_id, (RecurringState.PAUSED,), RecurringState.ENDED)
    return await _moved(channel["name"], recurring_id, (RecurringState.PAUSED,), RecurringState.ACTIVE, coming)


async def expire(before: int, most: int) -> int:
    """Remove at most so many occurrences that became no message, and recurring messages that are over; how many."""
    removed = await execute(connection(), _EXPIRE_OCCURRENCES, before, most)
    return removed or await execute(connection(), _EXPIRE, before, most)


_EXPIRE_OCCURRENCES = """
DELETE FROM recurring_occurrence WHERE id IN (
    SELECT id FROM recurring_occurrence WHERE message_id IS NULL AND at < $1 LIMIT $2)"""

_EXPIRE = """
DELETE FROM recurring_message WHERE id IN (
    SELECT r.id FROM recurring_message r WHERE r.state IN ('ended', 'cancelled') AND r.created_at < $1
    AND NOT EXISTS (SELECT 1 FROM recurring_occurrence o WHERE o.recurring_id = r.id) LIMIT $2)"""


async def found(channel: str, recurring_id: int) -> RecurringMessage:
    """Of this Channel; raises CallerRefused."""
    row = await RecurringMessage.get_or_none(id=recurring_id, channel=channel)
    if row is None:
        raise _refused(
            "recurringMessage",
            "unknown_recurring_message",
            f"Channel {channel} has no recurring message {recurring_id}",
        )
    return row


async def _moved(
    channel: str,
    recurring_id: int,
    before: tuple[RecurringState, ...],
    after: RecurringState,
    next_at: int | None = None,
) -> RecurringMessage:
    states = [state.value for state in before]
    moved = await fetch(connection(), _MOVE, recurring_id, channel, after.value, next_at, rows([one] for one in states))
    row = await found(channel, recurring_id)
    if not moved:
        expected = " or ".join(states)
        raise _refused(
            "recurringMessage", "wrong_state", f"recurring message {recurring_id} is {row.state}, expected {expected}"
        )
    return row


_MOVE = """
UPDATE recurring_message SET state = $3, next_at = $4
WHERE id = $1 AND channel = $2 AND state IN (SELECT state FROM ROWS($5: state text) AS before)
RETURNING id"""


async def _known(channel: Body, wish: Wish, fingerprint: str) -> RecurringMessage | None:
    key = wish.idempotency_key
    known = await RecurringMessage.get_or_none(channel=channel["name"], idempotency_key=key) if key else None
    if known and known.input_hash != fingerprint:
        message = f"{key!r} already stands for recurring message {known.id}, whose input was different; use a new key"
        raise _refused("input.idempotencyKey", "idempotency_mismatch", message)
    return known


async def _first(engine: Engine, channel: Body, wish: Wish, by: str) -> int:
    """When it comes first, all being well with what it says then."""
    problems = list(_own_problems(wish, channel["timeZone"]))
    coming = None if problems else following(wish.cron, channel["timeZone"], engine.clock())
    if coming is not None and wish.until is not None and coming > wish.until:
        problems.append(Problem(path="input.until", code="never", message="it would never come: the first is later"))
    try:
        await drafted(engine, channel, replace(wish.request, send_at=coming), by)
    except CallerRefused as refused:
        problems += [replace(p, path=p.path.replace("input", "input.message", 1)) for p in refused.problems]
    if problems or coming is None:
        raise CallerRefused(problems)
    return coming


def _own_problems(wish: Wish, zone: str) -> list[Problem]:
    problems = []
    try:
        check(wish.cron[:MOST_CRON], zone)
    except NotCron as error:
        problems.append(Problem(path="input.cron", code="invalid_cron", message=str(error)))
    if wish.times is not None and wish.times < 1:
        problems.append(Problem(path="input.times", code="invalid", message=f"found {wish.times}, expected 1 or more"))
    for name, given in (("sendAt", wish.request.send_at), ("idempotencyKey", wish.request.idempotency_key)):
        if given is not None:
            message = "is of one message, and this makes many; leave it out"
            problems.append(Problem(path=f"input.message.{name}", code="not_here", message=message))
    return problems


def _refused(path: str, code: str, words: str) -> CallerRefused:
    return CallerRefused([Problem(path=path, code=code, message=words)])
