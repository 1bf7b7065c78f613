"""A Segment analysed, as the API tells it."""

import strawberry
from graphql import GraphQLError

from ums.api.directory import view_of
from ums.api.messages import DeliveryChannelFunnel, Funnel
from ums.api.words import MOST, Info
from ums.messaging.reading import segments
from ums.snapshot import Body
from ums.vocabulary import ChannelType


@strawberry.type(description="The addresses of one type that serve the Channel.")
class SegmentContacts:
    type: ChannelType
    users: int = strawberry.field(description="How many have such an address.")
    addresses: int


@strawberry.type
class SegmentSize:
    day: str = strawberry.field(description="Of the Channel's time zone, as in 2027-01-15.")
    users: int


@strawberry.type(description="All messages whose audience named the Segment, alone or among others.")
class SegmentMessages:
    messages: int
    users: Funnel = strawberry.field(description="All of them added: who got two messages counts twice.")
    targets: Funnel = strawberry.field(description="Of all DeliveryChannels together.")
    delivery_channels: list[DeliveryChannelFunnel]


@strawberry.type(description="A Segment of the calling Channel.")
class SegmentStatistics:
    identity: strawberry.Private[str]
    body: strawberry.Private[Body]
    name: str

    @strawberry.field(description="How many are in it now; named members who were never uploaded count.")
    async def users(self, info: Info) -> int:
        return await segments.users(self.identity, self.body, await view_of(info))

    @strawberry.field(description="Of the people who are in it now.")
    async def contacts(self, info: Info) -> list[SegmentContacts]:
        found = await segments.contacts(self.identity, self.body, await view_of(info))
        return [SegmentContacts(type=each.type, users=each.users, addresses=each.addresses) for each in found]

    @strawberry.field(description="How many were in it as each day began, the oldest first; workers look every day.")
    async def sizes(self, days: int = 90) -> list[SegmentSize]:
        if not 1 <= days <= MOST:
            raise GraphQLError(f"days must be from 1 to {MOST}")
        return [SegmentSize(day=each.day, users=each.users) for each in await segments.sizes(self.identity, days)]

    @strawberry.field(description="What became of the messages to it, since it is there.")
    async def sent(self) -> SegmentMessages:
        found = await segments.sent(self.identity)
        return SegmentMessages(
            messages=found.messages, users=Funnel.of(found.numbers.users), targets=Funnel.of(found.numbers.targets),
            delivery_channels=DeliveryChannelFunnel.all(found.numbers),
        )  # fmt: skip
