"""Messages read back: `message`, `messages`, `lifecycle`."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from ums import models
from ums.api.life import Lifecycle
from ums.api.recalled import DeliveryChannelRecall, Recall
from ums.api.words import Connection, Info, connection, limited, maybe_moment, milliseconds, moment, number, position
from ums.messaging.after import recall
from ums.messaging.after.recall import RecallOutcome
from ums.messaging.reading import history, lifecycle
from ums.messaging.reading.history import AudienceKind
from ums.messaging.reading.statistics import means
from ums.vocabulary import AppPlatform, AppSender, ChannelType, MessageState, Priority, State


@strawberry.type(description="How many came how far; each number contains those after it.")
class Funnel:
    planned: int
    effective: int
    sent: int
    delivered: int
    clicked: int
    delivery_rate: float | None = strawberry.field(description="delivered / sent")
    click_rate: float | None = strawberry.field(description="clicked / delivered")

    @classmethod
    def of(cls, funnel: history.Funnel) -> "Funnel":
        return cls(
            planned=funnel.planned, effective=funnel.effective, sent=funnel.sent, delivered=funnel.delivered,
            clicked=funnel.clicked, delivery_rate=funnel.delivery_rate, click_rate=funnel.click_rate,
        )  # fmt: skip


@strawberry.type
class DeliveryChannelFunnel:
    delivery_channel: str
    funnel: Funnel

    @classmethod
    def all(cls, numbers: history.Numbers) -> list["DeliveryChannelFunnel"]:
        found = numbers.delivery_channels.items()
        return [cls(delivery_channel=code, funnel=Funnel.of(funnel)) for code, funnel in found]


@strawberry.type(description="The provider's own reason, and how often it gave it.")
class Said:
    code: str
    words: str = strawberry.field(description="As it said them of one target.")
    number: int


@strawberry.type(description="A message's rates on a DeliveryChannel, against those of the thirty days before it.")
class Comparison:
    delivery_channel: str
    delivery_rate: float | None
    mean_delivery_rate: float | None = strawberry.field(
        description="All delivered / all sent of the same DeliveryChannel in the same Channel."
    )
    click_rate: float | None
    mean_click_rate: float | None = strawberry.field(description="All clicked / all delivered.")


@strawberry.type(description="Targets that came no further; without a DeliveryChannel: users, lost before sending.")
class Loss:
    delivery_channel: str | None
    stage: str
    reason: str
    number: int
    said: list[Said] = strawberry.field(description="What the provider gave as its reason, the most frequent first.")

    @classmethod
    def of(cls, loss: history.Loss) -> "Loss":
        said = [Said(code=each.code, words=each.words, number=each.number) for each in loss.said]
        code = loss.delivery_channel or None
        return cls(delivery_channel=code, stage=loss.stage, reason=loss.reason, number=loss.number, said=said)


@strawberry.type
class Delivery:
    id: strawberry.ID
    delivery_channel: str
    address: str
    state: State
    reason: str
    code: str = strawberry.field(description="The provider's own.")
    words: str = strawberry.field(description="The provider's own.")
    step: int
    submitted_at: datetime | None
    delivered_at: datetime | None
    clicked_at: datetime | None
    opened_at: datetime | None = strawberry.field(
        description="When an e-mail was first shown, where its DeliveryChannel says `openDot`: a hint, not a count."
    )
    failed_at: datetime | None
    app_platform: AppPlatform | None = strawberry.field(description="Of the device, once a receipt told it.")
    app_sender: AppSender | None = strawberry.field(description="Who brought it there, once a receipt told it.")
    recall: RecallOutcome | None = strawberry.field(description="Null where there was no recall, or nothing to recall.")

    @classmethod
    def of(cls, row: models.Delivery, recall: RecallOutcome | None) -> "Delivery":
        return cls(
            id=strawberry.ID(str(row.id)), delivery_channel=row.delivery_channel, address=row.address,
            state=State(row.state), reason=row.reason, code=row.code, words=row.words, step=row.step,
            submitted_at=maybe_moment(row.submitted_at), delivered_at=maybe_moment(row.delivered_at),
            clicked_at=maybe_moment(row.clicked_at), opened_at=maybe_moment(row.opened_at),
            failed_at=maybe_moment(row.failed_at), recall=recall,
            app_platform=AppPlatform(row.app_platform) if row.app_platform else None,
            app_sender=AppSender(row.app_sender) if row.app_sender else None,
        )  # fmt: skip


@strawberry.type
class Message:
    row: strawberry.Private[models.Message]
    id: strawberry.ID
    channel: str
    state: MessageState
    failure: str = strawberry.field(description="Why a FAILED message was never sent; else empty.")
    priority: Priority
    revision: int = strawberry.field(description="The configuration that it was accepted under and is pinned to.")
    template: str
    policy: str
    owner: str
    send_no: str
    created_at: datetime
    send_at: datetime
    deferred_from: datetime | None = strawberry.field(
        description="When it was to go out, where do-not-disturb moved sendAt to the end of a period."
    )
    content: JSON = strawberry.field(description="Rendered, by channel type.")

    @classmethod
    def of(cls, row: models.Message) -> "Message":
        return cls(
            row=row, id=strawberry.ID(str(row.id)), channel=row.channel, state=MessageState(row.state),
            failure=row.failure, priority=Priority(row.priority), revision=row.revision, template=row.template,
            policy=row.policy, owner=row.owner, send_no=row.send_no, created_at=moment(row.created_at),
            send_at=moment(row.send_at), deferred_from=maybe_moment(row.deferred_from), content=JSON(row.content),
        )  # fmt: skip

    @strawberry.field(description="The funnel of natural persons; a direct address counts as one.")
    async def users(self, info: Info) -> Funnel:
        return Funnel.of((await info.context.numbers.load(self.row.id)).users)

    @strawberry.field(description="The funnel of addresses, per DeliveryChannel.")
    async def delivery_channels(self, info: Info) -> list[DeliveryChannelFunnel]:
        return DeliveryChannelFunnel.all(await info.context.numbers.load(self.row.id))

    @strawberry.field(description="Its rates against the usual ones.")
    async def comparison(self, info: Info) -> list[Comparison]:
        numbers = await info.context.numbers.load(self.row.id)
        return [
            Comparison(
                delivery_channel=each.delivery_channel, delivery_rate=each.message.delivery_rate,
                mean_delivery_rate=each.mean.delivery_rate, click_rate=each.message.click_rate,
                mean_click_rate=each.mean.click_rate,
            )
            for each in await means(self.row, numbers)
        ]  # fmt: skip

    @strawberry.field
    async def losses(self, info: Info) -> list[Loss]:
        numbers = await info.context.numbers.load(self.row.id)
        return [Loss.of(loss) for loss in numbers.losses]

    @strawberry.field
    async def deliveries(self, first: int = 100, after: str | None = None) -> Connection[Delivery]:
        rows = await history.deliveries(self.row.id, first=limited(first), after_id=position(after))
        recalled = await recall.outcomes(self.row, rows)
        return connection([(row.id, Delivery.of(row, recalled.get(row.id))) for row in rows], first)

    @strawberry.field(description="What came of its recall, per DeliveryChannel; null where it was not recalled.")
    async def recall(self) -> Recall | None:
        if self.row.recalled_at is None:
            return None
        found = [DeliveryChannelRecall.of(part) for part in await recall.recalled(self.row.id)]
        return Recall(at=moment(self.row.recalled_at), delivery_channels=found)


strawberry.enum(AudienceKind, description="How an audience was given.")


@strawberry.input(description="What is left out does not narrow.")
class MessageFilter:
    state: MessageState | None = None
    priority: Priority | None = None
    template: str | None = None
    policy: str | None = None
    send_no: str | None = None
    owner: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    send_from: datetime | None = None
    send_before: datetime | None = None
    scheduled: bool | None = strawberry.field(default=None, description="Accepted for later, or to be sent at once.")
    from_template: bool | None = None
    type: ChannelType | None = strawberry.field(default=None, description="It has content of this type.")
    audience: AudienceKind | None = None
    delivery_channel: str | None = strawberry.field(default=None, description="One of its steps goes out there.")
    text: str | None = strawberry.field(default=None, description="It stands in the content, in whatever case.")


@strawberry.type
class MessagesQuery:
    @strawberry.field
    async def message(self, info: Info, id: strawberry.ID) -> Message | None:  # noqa: A002  # GraphQL's own word
        row = await own_message(info, id)
        return Message.of(row) if row else None

    @strawberry.field(description="The newest first.")
    async def messages(
        self,
        info: Info,
        narrow: Annotated[MessageFilter | None, strawberry.argument(name="filter")] = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[Message]:
        name = info.context.channel["name"]
        given = narrow or MessageFilter()
        rows = await history.page(
            name, first=limited(first), before_id=position(after), filters=_narrowed(given), sought=_sought(given)
        )
        return connection([(row.id, Message.of(row)) for row in rows], first)

    @strawberry.field(description="`target` is a userId or a direct address.")
    async def lifecycle(self, info: Info, message_id: strawberry.ID, target: str) -> list[Lifecycle]:
        row = await own_message(info, message_id)
        return (
            [Lifecycle.of(story) for story in await lifecycle.lifecycle(row, target, info.context.engine.clock())]
            if row
            else []
        )


async def own_message(info: Info, message_id: str) -> models.Message | None:
    """The message, if it is the calling Channel's; another's is as if it were not there."""
    own = {"channel": info.context.channel["name"], "deleted_at": None}
    return await models.Message.get_or_none(id=number(message_id), **own)


def _narrowed(given: MessageFilter) -> history.Filters:
    same = {
        "state": given.state.value if given.state else None,
        "priority": int(given.priority) if given.priority else None,
        "template": given.template,
        "policy": given.policy,
        "send_no": given.send_no,
        "owner": given.owner,
        "created_at__gte": milliseconds(given.created_from) if given.created_from else None,
        "created_at__lt": milliseconds(given.created_before) if given.created_before else None,
        "send_at__gte": milliseconds(given.send_from) if given.send_from else None,
        "send_at__lt": milliseconds(given.send_before) if given.send_before else None,
    }
    return {name: value for name, value in same.items() if value is not None}


def _sought(given: MessageFilter) -> history.Sought:
    return history.Sought(
        scheduled=given.scheduled,
        from_template=given.from_template,
        type=given.type,
        audience=given.audience,
        delivery_channel=given.delivery_channel or "",
        text=given.text or "",
    )
