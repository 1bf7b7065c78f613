"""Calling a message back: from that moment on nothing of it is sent; workers do the rest (`take_back`, `stop`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.audit import tickets
from ums.database import connection, execute, fetch, rows, transaction
from ums.errors import CallerRefused, Problem
from ums.messaging.engine import Engine
from ums.models import Delivery, Message
from ums.providers import providers
from ums.snapshot import Snapshot
from ums.vocabulary import MessageState, Priority, State

RECALLABLE = 24 * 3_600_000
"""ms after its time to be sent."""


class RecallOutcome(Enum):
    """What came of a recall; of several the worst, which is the first here."""

    PENDING = "pending"
    """Workers are at it, or wait for a provider."""
    REFUSED = "refused"
    """The provider said no, and why."""
    UNANSWERED = "unanswered"
    """The provider never answered, or never said what became of the send itself."""
    NOT_POSSIBLE = "not_possible"
    """This provider takes nothing back: what it had been given stays."""
    TOO_LATE = "too_late"
    """It had been clicked before."""
    RECALLED = "recalled"
    """It was never sent, or the provider took it back: from what had been delivered too, as far as it can."""


async def recall(engine: Engine, channel: str, message_id: int) -> Message:
    """The message, recalled; raises CallerRefused when it cannot be.

    In flight is what a worker was handing to a provider at this very moment: that is recalled after its answer.
    """
    problem = await engine.together(_recall, (channel, message_id))
    if problem:
        raise CallerRefused([problem])
    message = await Message.get(id=message_id)
    engine.wake_later(Priority(message.priority))
    return message


async def _recall(engine: Engine, asked: Sequence[tuple[str, int]]) -> Sequence[Problem | None]:
    now = engine.clock()
    async with transaction() as tx:
        await fetch(tx, _LOCK, rows([message_id] for _, message_id in asked))
        return [await _mark(tx, channel, message_id, now) for channel, message_id in asked]


async def _mark(tx: BaseDBAsyncClient, channel: str, message_id: int, now: int) -> Problem | None:
    message = await Message.filter(id=message_id, channel=channel).using_db(tx).first()
    if problem := _unrecallable(message, message_id, now):
        return problem
    await tickets.withdraw(tx, message_id, now)
    await execute(tx, _MARK, message_id, MessageState.RECALLED.value, now)
    await execute(tx, _MARK_BATCHES, message_id, now)
    return None


def _unrecallable(message: Message | None, message_id: int, now: int) -> Problem | None:
    if message is None:
        return unknown(message_id)
    if message.recalled_at is not None:
        return Problem(path="id", code="already_recalled", message=f"message {message_id} has been recalled before")
    if message.state in _NEVER_SENT:
        words = f"message {message_id} is {message.state}: nothing of it was ever sent"
        return Problem(path="id", code="never_sent", message=words)
    if now > message.send_at + RECALLABLE and message.state != MessageState.AUDITING.value:
        words = f"message {message_id} was sent more than 24 hours ago; it can be recalled no more"
        return Problem(path="id", code="too_old", message=words)
    return None


_NEVER_SENT = {MessageState.FAILED.value, MessageState.CANCELLED.value, MessageState.REJECTED.value}


def unknown(message_id: int | str) -> Problem:
    return Problem(path="id", code="unknown_message", message=f"this Channel has no message {message_id}")


# Two that are asked at the same time wait for each other, not in a circle.
_LOCK = "SELECT id FROM message WHERE id IN (SELECT id FROM ROWS($1: id int) AS listed) ORDER BY id FOR UPDATE"

# Due, so that a worker sees to those whom no policy step has reached yet.
_MARK = "UPDATE message SET state = $2, recalled_at = $3, due_at = CAST($3 AS bigint) WHERE id = $1"

# Those in flight as well: they are not given out again, and seen to when they are back.
_MARK_BATCHES = "UPDATE batch SET recall_at = $2 WHERE message_id = $1"


@dataclass(frozen=True)
class Recalled:
    """What came of the recall of one message on one DeliveryChannel; numbers of targets."""

    delivery_channel: str
    outcome: RecallOutcome
    stopped: int
    """Never sent."""
    taken_back: int
    arrived: int
    """Delivered, and counted as delivered even where the provider then took it off the screens."""
    left: int
    """Sent, perhaps sent, and not taken back; nobody knows whether they arrived."""
    code: str
    """The provider's own, of a refusal."""
    words: str


async def recalled(message_id: int) -> list[Recalled]:
    """By DeliveryChannel, in the order of their codes; from counters and batches, whatever the number of targets."""
    counts: dict[str, dict[int, int]] = {}
    for row in await fetch(connection(), _COUNTS, message_id):
        counts.setdefault(row["delivery_channel"], {})[row["state"]] = row["number"]
    parts: dict[str, dict[str, tuple[str, str]]] = {}
    for row in await fetch(connection(), _PARTS, message_id):
        parts.setdefault(row["delivery_channel"], {})[row["verdict"]] = row["code"], row["words"]
    return [_recalled(code, counts[code], parts.get(code, {})) for code in sorted(counts)]


def _recalled(code: str, count: dict[int, int], parts: dict[str, tuple[str, str]]) -> Recalled:
    outcome = next((each for each in RecallOutcome if each.value in parts), RecallOutcome.RECALLED)
    words = parts.get(outcome.value, ("", ""))
    arrived = count.get(State.DELIVERED, 0) + count.get(State.CLICKED, 0)
    left = count.get(State.SUBMITTED, 0) + count.get(State.UNKNOWN, 0)
    stopped, taken_back = count.get(State.RECALLED, 0), count.get(State.TAKEN_BACK, 0)
    return Recalled(code, outcome, stopped, taken_back, arrived, left, *words)


async def outcomes(message: Message, deliveries: Sequence[Delivery]) -> dict[int, RecallOutcome]:
    """What came of the recall of each of these deliveries of one message, by id; none where nothing was to recall."""
    if message.recalled_at is None or not deliveries:
        return {}
    found = await fetch(connection(), _OF_DELIVERIES, message.id, rows([each.id] for each in deliveries))
    by_id = {row["id"]: row["verdict"] for row in found}
    judged = {each.id: _outcome(State(each.state), by_id.get(each.id, "")) for each in deliveries}
    return {n: outcome for n, outcome in judged.items() if outcome}


def _outcome(state: State, of_batch: str) -> RecallOutcome | None:
    if state in {State.INVALID, State.REFUSED, State.UNDELIVERED}:
        return None
    if state in {State.RECALLED, State.TAKEN_BACK}:
        return RecallOutcome.RECALLED
    outcome = RecallOutcome(of_batch) if of_batch else RecallOutcome.PENDING
    return RecallOutcome.TOO_LATE if (state, outcome) == (State.CLICKED, RecallOutcome.RECALLED) else outcome


def takes_nothing_back(newest: Snapshot, code: str) -> str:
    """Why nothing can be recalled on a DeliveryChannel; empty when something can."""
    declared = newest.delivery_channel(code)
    if declared is None:
        return f"DeliveryChannel {code} is not declared any more"
    provider = providers().get(declared["platform"])
    if provider is None or not provider.recalls:
        return f"{declared['platform']} takes nothing back"
    return ""


_OF_DELIVERIES = """
SELECT listed.id, CASE WHEN b.recall_at IS NULL THEN b.recall_verdict ELSE 'pending' END AS verdict
FROM ROWS($2: id bigint) AS listed JOIN batch b ON b.message_id = $1 AND listed.id BETWEEN b.first_id AND b.last_id"""

_COUNTS = """
SELECT delivery_channel, state, CAST(sum(number) AS bigint) AS number FROM message_count
WHERE message_id = $1 AND delivery_channel <> '' GROUP BY delivery_channel, state"""

_PARTS = """
SELECT delivery_channel, CASE WHEN recall_at IS NULL THEN recall_verdict ELSE 'pending' END AS verdict,
       max(recall_code) AS code, max(recall_words) AS words
FROM batch WHERE message_id = $1
GROUP BY delivery_channel, CASE WHEN recall_at IS NULL THEN recall_verdict ELSE 'pending' END"""
