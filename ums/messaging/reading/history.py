"""Messages read back: the funnel and the losses from the counters, and what was sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tortoise.expressions import RawSQL
from tortoise.queryset import QuerySet

from ums.database import connection, fetch, is_sqlite, rows
from ums.messaging.counts import USERS
from ums.models import Delivery, Message
from ums.vocabulary import ChannelType, State

_LOSS_STAGES = {
    State.LOST: "planned to effective",
    State.INVALID: "planned to effective",
    State.REFUSED: "effective to sent",
    State.RECALLED: "effective to sent",
    State.TAKEN_BACK: "sent to delivered",
    State.UNDELIVERED: "sent to delivered",
}


@dataclass(frozen=True)
class Funnel:
    """How many came how far; each number contains those after it.

    Users are natural persons (a direct address counts as one), a DeliveryChannel's targets are addresses. The rates are
    delivered / sent and clicked / delivered, None where nothing was sent or delivered.
    """

    planned: int
    effective: int
    sent: int
    delivered: int
    clicked: int

    @property
    def delivery_rate(self) -> float | None:
        return self.delivered / self.sent if self.sent else None

    @property
    def click_rate(self) -> float | None:
        return self.clicked / self.delivered if self.delivered else None


@dataclass(frozen=True)
class Said:
    """What a provider gave as its reason, and how often."""

    code: str
    words: str
    """To one of them."""
    number: int


@dataclass(frozen=True)
class Loss:
    delivery_channel: str
    """Empty: users, lost before anything was sent."""
    stage: str
    reason: str
    number: int
    said: Sequence[Said] = field(default=(), compare=False)
    """Beside our reason the provider's own, the most frequent first."""


@dataclass(frozen=True)
class Numbers:
    """All counters of one message."""

    users: Funnel
    delivery_channels: dict[str, Funnel]
    losses: list[Loss]

    @property
    def targets(self) -> Funnel:
        """Of all DeliveryChannels together."""
        found = self.delivery_channels.values()
        return Funnel(
            sum(f.planned for f in found), sum(f.effective for f in found), sum(f.sent for f in found),
            sum(f.delivered for f in found), sum(f.clicked for f in found),
        )  # fmt: skip


async def numbers(message_ids: Sequence[int]) -> dict[int, Numbers]:
    """The counters of these messages, by message id; the cost does not depend on how many targets they have."""
    found: dict[int, list[dict[str, Any]]] = {message_id: [] for message_id in message_ids}
    for row in await fetch(connection(), _COUNTS, rows([n] for n in message_ids)):
        found[row["message_id"]].append(row)
    told = await fetch(connection(), _SAID, rows([n] for n in message_ids))
    return {message_id: _with_said(message_id, of_cells(of_message), told) for message_id, of_message in found.items()}


def _with_said(message_id: int, numbers: Numbers, told: Sequence[dict[str, Any]]) -> Numbers:
    said: defaultdict[tuple[str, str, str], list[Said]] = defaultdict(list)
    for row in told:
        if row["message_id"] == message_id:
            where = (row["delivery_channel"], _LOSS_STAGES[State(row["state"])], row["reason"])
            said[where].append(Said(row["code"], row["words"], row["number"]))
    losses = [replace(loss, said=said[loss.delivery_channel, loss.stage, loss.reason]) for loss in numbers.losses]
    return replace(numbers, losses=losses)


_SAID = """
SELECT l.message_id, l.delivery_channel, l.state, l.reason, l.code, l.words, l.number
FROM ROWS($1: id int) AS listed JOIN message_loss l ON l.message_id = listed.id
WHERE l.number > 0 ORDER BY l.number DESC, l.code"""


_COUNTS = """
SELECT c.message_id, c.delivery_channel, c.state, c.reason, c.number
FROM ROWS($1: id int) AS listed JOIN message_count c ON c.message_id = listed.id
WHERE c.number <> 0 ORDER BY c.delivery_channel, c.state, c.reason"""


def of_cells(cells: Sequence[dict[str, Any]]) -> Numbers:
    """Of rows with delivery_channel, state, reason and number, in this order."""
    codes = sorted({cell["delivery_channel"] for cell in cells} - {USERS})
    of = {code: [cell for cell in cells if cell["delivery_channel"] == code] for code in [USERS, *codes]}
    losses = [
        Loss(cell["delivery_channel"], _LOSS_STAGES[State(cell["state"])], cell["reason"], cell["number"])
        for cell in cells
        if cell["number"] > 0 and State(cell["state"]) in _LOSS_STAGES and not _is_users_failure(cell)
    ]
    return Numbers(_users(of[USERS]), {code: _targets(of[code]) for code in codes}, losses)


def _is_users_failure(cell: dict[str, Any]) -> bool:
    """A person whose deliveries failed is lost on the DeliveryChannel, not as a user."""
    return bool(cell["delivery_channel"] == USERS and cell["state"] != State.LOST)


def _users(cells: Sequence[dict[str, Any]]) -> Funnel:
    planned = sum(cell["number"] for cell in cells)
    lost = sum(cell["number"] for cell in cells if cell["state"] == State.LOST)
    return Funnel(planned, planned - lost, *_reached(cells))


def _targets(cells: Sequence[dict[str, Any]]) -> Funnel:
    planned = sum(cell["number"] for cell in cells)
    invalid = sum(cell["number"] for cell in cells if cell["state"] == State.INVALID)
    return Funnel(planned, planned - invalid, *_reached(cells))


def _reached(cells: Iterable[dict[str, Any]]) -> tuple[int, int, int]:
    found = list(cells)
    sent, delivered, clicked = (
        sum(cell["number"] for cell in found if cell["state"] >= state)
        for state in (State.SUBMITTED, State.DELIVERED, State.CLICKED)
    )
    return sent, delivered, clicked


Filters = dict[str, Any]
"""Tortoise lookups on Message."""


class AudienceKind(Enum):
    """How an audience was given."""

    BROADCAST = "broadcast"
    USERS = "users"
    ADDRESSES = "addresses"


@dataclass(frozen=True)
class Sought:
    """What a list of messages is narrowed to, beyond plain columns."""

    scheduled: bool | None = None
    """Whether it was accepted for later."""
    from_template: bool | None = None
    type: ChannelType | None = None
    """It has content of that type."""
    audience: AudienceKind | None = None
    delivery_channel: str = ""
    """One of its steps goes out there."""
    text: str = ""
    """It stands in what the message says, whatever the type; in small or capital letters."""

    def narrow(self, found: QuerySet[Message]) -> QuerySet[Message]:
        if self.scheduled is not None:
            ahead = {"ahead__gt": 0} if self.scheduled else {"ahead__lte": 0}
            found = found.annotate(ahead=RawSQL("send_at - coalesce(approved_at, created_at)")).filter(**ahead)
        if self.from_template is not None:
            found = found.exclude(template="") if self.from_template else found.filter(template="")
        if self.type:
            found = found.annotate(said=RawSQL(f"content -> '{self.type.value}'")).filter(said__isnull=False)
        if self.audience:
            found = found.annotate(meant=RawSQL(f"audience -> '{self.audience.value}'")).filter(meant__isnull=False)
        if self.delivery_channel:
            named = found.annotate(ways=RawSQL("CAST(steps AS text)"))
            found = named.filter(ways__contains=f'"{self.delivery_channel}"')
        if self.text:
            texts = _TEXTS_SQLITE if is_sqlite(connection()) else _TEXTS_POSTGRES
            found = found.annotate(texts=RawSQL(texts)).filter(texts__icontains=self.text)
        return found


# The values, not the names that a provider gave them.
_TEXTS_SQLITE = "(SELECT group_concat(value, char(10)) FROM json_tree(message.content) WHERE type = 'text')"
_TEXTS_POSTGRES = """(SELECT string_agg(said #>> '{}', chr(10))
FROM jsonb_path_query(message.content, 'strict $.** ? (@.type() == "string")') AS said)"""


async def page(
    channel: str, *, first: int, before_id: int | None, filters: Filters, sought: Sought | None = None
) -> list[Message]:
    """The newest messages of a Channel below `before_id`, one more than `first` if there are more."""
    found = (sought or Sought()).narrow(Message.filter(channel=channel, deleted_at__isnull=True, **filters))
    if before_id is not None:
        found = found.filter(id__lt=before_id)
    return await found.order_by("-id").limit(first + 1)


async def deliveries(message_id: int, *, first: int, after_id: int | None) -> list[Delivery]:
    """The deliveries of a message after `after_id`, one more than `first` if there are more."""
    low = after_id if after_id is not None else message_id << 32
    return await Delivery.filter(id__gt=low, id__lt=(message_id + 1) << 32).order_by("id").limit(first + 1)
