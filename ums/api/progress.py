"""`messageProgress`: a message followed while it goes out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import strawberry
from graphql import GraphQLError

from ums.api.guard import require
from ums.api.messages import DeliveryChannelFunnel, Funnel, Loss, own_message
from ums.api.words import Context, Info
from ums.members.rights import Right
from ums.messaging.reading.progress import Progress
from ums.vocabulary import MessageState

AGAIN = 2.0
"""Seconds between two looks at whether the caller may still follow."""


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
        "Completes a minute after the last change of a message that is done; receipts may come later. "
        "Ends with an error within seconds when the caller's credentials are good no more."
    )
    async def message_progress(self, info: Info, id: strawberry.ID) -> AsyncGenerator[MessageProgress, None]:  # noqa: A002  # GraphQL's own word
        row = await own_message(info, id)
        if row is None:
            raise GraphQLError(f"there is no message {id}", extensions={"code": "UNKNOWN_MESSAGE"})
        async with aclosing(info.context.following.follow(row.id)) as found:
            async for progress in _while_admitted(info.context, found):
                yield MessageProgress.of(progress)


async def _while_admitted(context: Context, found: AsyncGenerator[Progress, None]) -> AsyncGenerator[Progress, None]:
    """What is found, for as long as the caller may read it; whether anything is found or not, the caller is looked at.

    Raises GraphQLError once the token, the session, the secret or the role is good no more.
    """
    now = asyncio.get_running_loop().time
    look_at, coming = now() + AGAIN, asyncio.ensure_future(anext(found, None))
    try:
        while True:
            await asyncio.wait([coming], timeout=max(0.0, look_at - now()))
            if now() >= look_at:
                await context.admit_again()
                require(context.caller, Right.READ)
                look_at = now() + AGAIN
            if coming.done():
                if (progress := coming.result()) is None:
                    return
                yield progress
                coming = asyncio.ensure_future(anext(found, None))
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming
