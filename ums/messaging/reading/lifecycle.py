"""The life story of one target: progress for operators, the log for engineers, and why the policy did what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ums.database import connection, fetch, rows
from ums.declared_places import place
from ums.messaging.policy import steps
from ums.messaging.reading.left_out import left_out
from ums.messaging.reading.reasons import Reasoned, lost, reasoned
from ums.models import Message
from ums.places import Place
from ums.vocabulary import AppPlatform, AppSender, Reason, State

AttemptRow = dict[str, Any]
"""A row of `Attempt` with its batch's `request_key`."""


@dataclass(frozen=True)
class Event:
    """One thing that happened to a target."""

    at: int
    what: str
    delivery_channel: str = ""
    address: str = ""
    step: int = 0
    detail: str = ""
    app_platform: AppPlatform | None = None
    app_sender: AppSender | None = None
    """Both as a receipt told them, of what happened on the device."""


@dataclass(frozen=True)
class Story:
    """All that is known of one target of a message: progress for operators, the log for engineers."""

    target: str
    state: State
    reason: str
    step: int
    next_check_at: int | None
    progress: list[Event]
    log: list[AttemptRow]
    why: list[Reasoned]
    """Every decision of the policy about this target, in words; of one that was lost, why nothing was sent."""
    declared: Place | None
    """Where that was declared which decided, mostly the SendPolicy, as of the revision of the message."""


async def lifecycle(message: Message, target: str, now: int) -> list[Story]:
    """The stories of `target` (a userId or a direct address) under a message; empty when it was no target of it."""
    low, high = message.id << 32, (message.id + 1) << 32
    found = await fetch(connection(), _RECIPIENTS, target, low, high)
    return [await _story(message, row, now) for row in found]


# By way of the person or of the address, so that one target among a million is found by an index.
_RECIPIENTS = """
SELECT * FROM recipient WHERE id > $2 AND id < $3 AND id IN (
    SELECT r.id FROM user_account u JOIN recipient r ON r.user_id = u.id WHERE u.user_id = $1
    UNION SELECT d.recipient_id FROM delivery d WHERE d.address = $1 AND d.id > $2 AND d.id < $3)
UNION SELECT * FROM recipient WHERE id > $2 AND id < $3 AND target = $1 AND user_id IS NULL
ORDER BY id"""


async def _story(message: Message, row: dict[str, Any], now: int) -> Story:
    deliveries = await fetch(connection(), _DELIVERIES, row["id"])
    attempts = await fetch(connection(), _ATTEMPTS, message.id, rows([d["id"]] for d in deliveries))
    progress = [Event(message.created_at, "accepted"), *(e for d in deliveries for e in _events(d))]
    if row["state"] == State.LOST:
        progress.append(Event(message.created_at, "lost", detail=row["reason"]))
    if message.recalled_at is not None:
        progress += await _recall(message.id, message.recalled_at, deliveries)
    progress.sort(key=lambda event: event.at)
    state, looks = State(row["state"]), row["next_check_at"] if message.recalled_at is None else None
    if state is State.LOST:
        out = left_out(message, Reason(row["reason"]))
        why, key = [lost(message.send_at, out.words, out.path)], (out.kind, out.name)
    else:
        why = reasoned(steps(message.steps), row["step"], deliveries, message.send_at, now)
        key = "SendPolicy", f"{message.channel}/{message.policy}"
    declared = await place(*key, message.revision) if why and key[0] else None
    return Story(row["target"], state, row["reason"], row["step"], looks, progress, attempts, why, declared)


async def _recall(message_id: int, at: int, deliveries: Sequence[dict[str, Any]]) -> list[Event]:
    """That the message was recalled, and what came of it on each address that still had it."""
    said = await fetch(connection(), _RECALLS, message_id, rows([d["id"]] for d in deliveries))
    of = {d["id"]: d for d in deliveries}
    events = [
        Event(row["recalled_at"], _recall_words(row["recall_verdict"]), *_where(of[row["id"]]), _said(row, "recall_"))
        for row in said
        if State(of[row["id"]]["state"]) in _STILL_THERE
    ]
    return [Event(at, "message recalled"), *events]


def _recall_words(verdict: str) -> str:
    return f"recall {verdict.replace('_', ' ')}" if verdict != "recalled" else "recalled"


def _where(delivery: dict[str, Any]) -> tuple[str, str, int]:
    return delivery["delivery_channel"], delivery["address"], delivery["step"]


def _said(row: dict[str, Any], prefix: str = "") -> str:
    """The provider's code and words."""
    return " ".join(part for part in (row[f"{prefix}code"], row[f"{prefix}words"]) if part)


_STILL_THERE = {State.UNKNOWN, State.SUBMITTED, State.DELIVERED, State.CLICKED}

_RECALLS = """
SELECT listed.id, b.recalled_at, b.recall_verdict, b.recall_code, b.recall_words FROM ROWS($2: id bigint) AS listed
JOIN batch b ON b.message_id = $1 AND listed.id BETWEEN b.first_id AND b.last_id
WHERE b.recalled_at IS NOT NULL AND b.recall_verdict <> ''"""


_DELIVERIES = "SELECT * FROM delivery WHERE recipient_id = $1 ORDER BY id"

_ATTEMPTS = """
SELECT DISTINCT a.id, a.batch_id, a.delivery_channel, a.number, a.started_at, a.took_ms, a.targets, a.verdict, a.code,
       a.words, a.provider_id, a.worker,
       a.revision, a.requests, b.request_key
FROM ROWS($2: id bigint) AS listed
JOIN batch b ON b.message_id = $1 AND listed.id BETWEEN b.first_id AND b.last_id
JOIN attempt a ON a.batch_id = b.id ORDER BY a.id"""


def _events(delivery: dict[str, Any]) -> list[Event]:
    state = State(delivery["state"])
    # What was reported undelivered first, and delivered after all, has both times; its words are of the last.
    failed = "undelivered" if state >= State.DELIVERED else state.name.lower().replace("_", " ")
    said = " ".join(part for part in (delivery["reason"], _said(delivery)) if part)
    times = [
        (delivery["planned_at"], "planned", ""),
        (
            delivery["submitted_at"],
            "outcome unknown" if failed == "unknown" else "submitted",
            delivery["provider_id"] or "",
        ),
        (delivery["delivered_at"], "delivered", ""),
        (delivery["opened_at"], "opened", ""),
        (delivery["clicked_at"], "clicked", ""),
        (delivery["failed_at"], failed, "" if state >= State.DELIVERED else said),
    ]
    way = _way(delivery)
    return [
        Event(at, what, *_where(delivery), detail, *(way if what in _TOLD_BY_RECEIPTS else ()))
        for at, what, detail in times
        if at is not None
    ]


_TOLD_BY_RECEIPTS = {"delivered", "undelivered", "clicked"}


def _way(delivery: dict[str, Any]) -> tuple[AppPlatform | None, AppSender | None]:
    platform, sender = delivery["app_platform"], delivery["app_sender"]
    return AppPlatform(platform) if platform else None, AppSender(sender) if sender else None
