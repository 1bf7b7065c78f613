"""`createRecurringMessage` and what is done with one; `recurringMessages`, and what became of each time."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from ums import models
from ums.api.sending import SendMessageInput, read_request
from ums.api.words import (
    Connection,
    Info,
    Problem,
    connection,
    limited,
    maybe_moment,
    milliseconds,
    moment,
    number,
    position,
)
from ums.errors import CallerRefused
from ums.messaging.sending import recurring
from ums.vocabulary import Missed, OccurrenceOutcome, RecurringState

strawberry.enum(RecurringState, description="Where a recurring message stands.")
strawberry.enum(
    Missed,
    name="MissedOccurrences",
    description="What becomes of occurrences that no worker was there to send: LATEST sends the latest of them, late; "
    "SKIP sends none. One has been missed when it is more than a minute late.",
)
strawberry.enum(OccurrenceOutcome, description="What came of one time of a recurring message.")

_MESSAGE = "What each occurrence sends, without `sendAt` and `idempotencyKey`; checked now, and anew each time."


@strawberry.input(description="A message that is sent again and again.")
class RecurringMessageInput:
    message: SendMessageInput = strawberry.field(description=_MESSAGE)
    cron: str = strawberry.field(
        description="Minute, hour, day, month, weekday, on the clock of the Channel's time zone: `30 9 * * MON-FRI`."
    )
    missed: Missed = Missed.LATEST
    until: datetime | None = strawberry.field(default=None, description="No occurrence comes later.")
    times: int | None = strawberry.field(default=None, description="So many occurrences come; absent: without end.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Same key and same input: the same one; same key and other input: a problem.",
    )

    def read(self) -> recurring.Wish:
        until = milliseconds(self.until) if self.until else None
        request = read_request(self.message)
        return recurring.Wish(request, self.cron, self.missed, until, self.times, self.idempotency_key)


@strawberry.type(description="One time of a recurring message.")
class Occurrence:
    at: datetime = strawberry.field(description="When it was due.")
    outcome: OccurrenceOutcome
    message_id: strawberry.ID | None = strawberry.field(description="The message that it became.")
    problems: list[Problem] = strawberry.field(description="Why it was refused.")

    @classmethod
    def of(cls, row: models.Occurrence) -> "Occurrence":
        made = None if row.message_id is None else strawberry.ID(str(row.message_id))
        problems = [Problem(**problem) for problem in row.problems]
        return cls(at=moment(row.at), outcome=OccurrenceOutcome(row.outcome), message_id=made, problems=problems)


@strawberry.type(description="A message that is sent again and again.")
class RecurringMessage:
    id: strawberry.ID
    cron: str
    missed: Missed
    until: datetime | None
    times: int | None
    state: RecurringState
    created_at: datetime
    next_at: datetime | None = strawberry.field(description="When it comes next; null: not, unless it is resumed.")
    occurred: int = strawberry.field(description="So many occurrences came, accepted or refused.")
    template: str = strawberry.field(description="Empty: content of its own.")
    policy: str = strawberry.field(description="Empty: the Channel's default at its time, or everything at once.")
    audience: JSON
    owner: str

    @classmethod
    def of(cls, row: models.RecurringMessage) -> "RecurringMessage":
        said = row.request
        return cls(
            id=strawberry.ID(str(row.id)), cron=row.cron, missed=Missed(row.missed), until=maybe_moment(row.until_at),
            times=row.times, state=RecurringState(row.state), created_at=moment(row.created_at),
            next_at=maybe_moment(row.next_at), occurred=row.occurred, template=said["template"],
            policy=said["policy"] or "", audience=JSON(said["audience"]), owner=said["owner"],
        )  # fmt: skip

    @strawberry.field(description="What became of it so far, the newest first; kept as long as the history.")
    async def occurrences(self, first: int = 20, after: str | None = None) -> Connection[Occurrence]:
        rows = models.Occurrence.filter(recurring_id=int(self.id)).order_by("-id").limit(limited(first) + 1)
        before = position(after)
        rows = rows if before is None else rows.filter(id__lt=before)
        return connection([(row.id, Occurrence.of(row)) for row in await rows], first)


@strawberry.type
class RecurringMessagePayload:
    recurring_message: RecurringMessage | None
    problems: list[Problem]


@strawberry.type
class RecurringQuery:
    @strawberry.field
    async def recurring_message(self, info: Info, id: strawberry.ID) -> RecurringMessage | None:  # noqa: A002  # GraphQL's own word
        channel = info.context.channel["name"]
        row = await models.RecurringMessage.get_or_none(id=number(id), channel=channel)
        return RecurringMessage.of(row) if row else None

    @strawberry.field(description="Of the calling Channel, the newest first.")
    async def recurring_messages(
        self, info: Info, state: RecurringState | None = None, first: int = 20, after: str | None = None
    ) -> Connection[RecurringMessage]:
        rows = models.RecurringMessage.filter(channel=info.context.channel["name"]).order_by("-id")
        rows = rows.filter(state=state.value) if state else rows
        before = position(after)
        rows = rows if before is None else rows.filter(id__lt=before)
        return connection([(row.id, RecurringMessage.of(row)) for row in await rows.limit(limited(first) + 1)], first)


@strawberry.type
class RecurringMutation:
    @strawberry.mutation(description="Send a message at every occurrence of a cron expression.")
    async def create_recurring_message(
        self, info: Info, given: Annotated[RecurringMessageInput, strawberry.argument(name="input")]
    ) -> RecurringMessagePayload:
        context = info.context
        return await _payload(recurring.create(context.engine, context.channel, given.read(), context.caller.login))

    @strawberry.mutation(description="No occurrence comes until it is resumed.")
    async def pause_recurring_message(self, info: Info, recurring_message: strawberry.ID) -> RecurringMessagePayload:
        return await _payload(recurring.pause(info.context.channel["name"], number(recurring_message)))

    @strawberry.mutation(description="It comes from its next occurrence on; none of the pause is made up for.")
    async def resume_recurring_message(self, info: Info, recurring_message: strawberry.ID) -> RecurringMessagePayload:
        return await _payload(recurring.resume(info.context.engine, info.context.channel, number(recurring_message)))

    @strawberry.mutation(description="No occurrence comes any more; messages that were accepted before go out.")
    async def cancel_recurring_message(self, info: Info, recurring_message: strawberry.ID) -> RecurringMessagePayload:
        return await _payload(recurring.cancel(info.context.channel["name"], number(recurring_message)))


async def _payload(doing: Awaitable[models.RecurringMessage]) -> RecurringMessagePayload:
    try:
        return RecurringMessagePayload(recurring_message=RecurringMessage.of(await doing), problems=[])
    except CallerRefused as refused:
        return RecurringMessagePayload(recurring_message=None, problems=[Problem.of(p) for p in refused.problems])
