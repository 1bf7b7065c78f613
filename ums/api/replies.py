"""`replies`: what people wrote back."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from ums.api.words import Connection, Info, connection, limited, milliseconds, moment, position
from ums.messaging.reading import replies
from ums.messaging.reading.replies import EVER, Wanted
from ums.people.users import read_address
from ums.vocabulary import ChannelType


@strawberry.type(description="A text message that somebody wrote back.")
class Reply:
    id: strawberry.ID
    delivery_channel: str
    address: str = strawberry.field(description="The phone number that it came from.")
    content: str
    at: datetime = strawberry.field(description="When it was written, as the provider has it.")
    received_at: datetime
    message_id: strawberry.ID | None = strawberry.field(
        description="The newest message that went to this address through this DeliveryChannel in the seven days "
        "before; null where there was none, it is gone, or it is another Channel's."
    )

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Reply":
        message = row["message_id"]
        return cls(
            id=strawberry.ID(str(row["id"])), delivery_channel=row["delivery_channel"], address=row["address"],
            content=row["content"], at=moment(row["at"]), received_at=moment(row["received_at"]),
            message_id=None if message is None else strawberry.ID(str(message)),
        )  # fmt: skip


@strawberry.input(description="What is left out does not narrow.")
class ReplyFilter:
    delivery_channel: str | None = None
    address: str | None = strawberry.field(default=None, description="A phone number, with or without +86.")
    since: datetime | None = strawberry.field(default=None, name="from", description="When it was written.")
    before: datetime | None = None


@strawberry.type
class RepliesQuery:
    @strawberry.field(
        description="What people wrote back through the DeliveryChannels granted to the calling Channel, the one "
        "that came last first."
    )
    async def replies(
        self,
        info: Info,
        narrow: Annotated[ReplyFilter | None, strawberry.argument(name="filter")] = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[Reply]:
        channel, wanted = info.context.channel, _wanted(narrow or ReplyFilter())
        granted = [grant["name"] for grant in channel["deliveryChannels"]]
        page = await replies.page(channel["name"], granted, wanted, first=limited(first), before_id=position(after))
        return connection([(row["id"], Reply.of(row)) for row in page], first)


def _wanted(given: ReplyFilter) -> Wanted:
    return Wanted(
        delivery_channel=given.delivery_channel or "",
        address=read_address(ChannelType.SMS, given.address, "")[0] if given.address else "",
        since=milliseconds(given.since) if given.since else 0,
        before=milliseconds(given.before) if given.before else EVER,
    )
