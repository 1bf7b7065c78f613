"""`messageProgress`: a message followed while it goes out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry
from graphql import GraphQLError

from ums.api.messages import DeliveryChannelFunnel, Funnel, Loss, own_message
from ums.api.words import Info
from ums.messaging.reading.progress import Progress
from ums.vocabulary import MessageState


@strawberry.type(description="Where a message stands: its state and all its counters, as they were read together.")
class MessageProgress:
    state: MessageState
    users: Funnel
    delivery_channels: list[DeliveryChannelFunnel]
    losses: list[Loss]

    @classmethod
    def of(cls, progress: Progress) -> "MessageProgress":
        numbers = progress.numbers
        return cls(
            state=progress.state, users=Funnel.of(numbers.users), delivery_channels=DeliveryChannelFunnel.all(numbers),
            losses=[Loss.of(loss) for loss in numbers.losses],
        )  # fmt: skip


@strawberry.type
class ProgressSubscription:
    @strawberry.subscription(
        description="Where the message stands now, and again when its counters move, a few times a second at most. "
        "Completes a minute after the last change of a message that is done; receipts may come later."
    )
    async def message_progress(self, info: Info, id: strawberry.ID) -> AsyncGenerator[MessageProgress, None]:  # noqa: A002  # GraphQL's own word
        row = await own_message(info, id)
        if row is None:
            raise GraphQLError(f"there is no message {id}", extensions={"code": "UNKNOWN_MESSAGE"})
        async with aclosing(info.context.following.follow(row.id)) as found:
            async for progress in found:
                yield MessageProgress.of(progress)
