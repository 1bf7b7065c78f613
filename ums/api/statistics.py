"""`statistics`: the pages of a Channel, from counters."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from graphql import GraphQLError

from ums.api.directory import own_segment
from ums.api.messages import DeliveryChannelFunnel, Funnel, Loss
from ums.api.segments import SegmentStatistics
from ums.api.words import MOST, Info, milliseconds, moment
from ums.messaging import calendar
from ums.messaging.reading import statistics

_LONGEST = 100 * 86_400_000
"""ms; what is older is only kept as a sum."""


@strawberry.enum(description="In the Channel's time zone; a day on which clocks are changed has 23 or 25 hours.")
class By(Enum):
    DAY = calendar.DAY
    HOUR = calendar.HOUR


@strawberry.input(description="Every day or hour that has a part of it counts as a whole; at most 100 days.")
class RangeInput:
    begin: datetime = strawberry.field(name="from")
    before: datetime

    def milliseconds(self) -> tuple[int, int]:
        begin, before = milliseconds(self.begin), milliseconds(self.before)
        if not 0 < before - begin <= _LONGEST:
            raise GraphQLError("range must end after it begins, and span at most 100 days")
        return begin, before


Span = Annotated[RangeInput, strawberry.argument(name="range")]


@strawberry.type
class LossShare:
    loss: Loss
    share: float = strawberry.field(description="Of all losses of users, or of targets.")


@strawberry.type
class Period:
    begin: datetime = strawberry.field(name="from")
    before: datetime
    requests: int = strawberry.field(description="Messages.")
    users: Funnel
    targets: Funnel = strawberry.field(description="Of all DeliveryChannels together.")
    delivery_channels: list[DeliveryChannelFunnel]
    losses: list[LossShare]

    @classmethod
    def of(cls, found: statistics.PeriodNumbers) -> "Period":
        numbers = found.numbers
        shares = [share for *_, share in statistics.losses_shared(numbers)]
        return cls(
            begin=moment(found.begin), before=moment(found.end), requests=found.requests,
            users=Funnel.of(numbers.users), targets=Funnel.of(found.targets),
            delivery_channels=DeliveryChannelFunnel.all(numbers),
            losses=[
                LossShare(loss=Loss.of(loss), share=share)
                for loss, share in zip(numbers.losses, shares, strict=True)
            ],
        )  # fmt: skip


@strawberry.type(description="What we heard of today, whenever it was sent.")
class Today:
    so_far: Period
    hours: list[Period]


@strawberry.type(description="Whether the counters of what was sent on a day were what the rows say.")
class LastCheck:
    day: str
    at: datetime
    wrong: int = strawberry.field(description="How many counters were not; the operator can set them right.")


@strawberry.type(description="Of the calling Channel; what is counted is never counted anew for a page.")
class Statistics:
    @strawberry.field
    async def today(self, info: Info) -> Today:
        day, hours = await statistics.today(info.context.channel, info.context.engine.clock())
        return Today(so_far=Period.of(day), hours=[Period.of(hour) for hour in hours])

    @strawberry.field(description="By the time of the send: what was delivered or clicked later counts there too.")
    async def messages(self, info: Info, span: Span, by: By = By.DAY) -> list[Period]:
        begin, before = span.milliseconds()
        if by is By.HOUR and (before - begin) // 3_600_000 >= MOST:
            raise GraphQLError(f"range has more than {MOST} hours; ask by DAY, or for a shorter one")
        return [Period.of(found) for found in await statistics.messages(info.context.channel, begin, before, by.value)]

    @strawberry.field(description="How many messages were sent.")
    async def requests(self, info: Info, span: Span) -> int:
        found = await statistics.messages(info.context.channel, *span.milliseconds(), By.DAY.value)
        return sum(period.requests for period in found)

    @strawberry.field(description="24 sums, from 0 to 23 o'clock, of the clicks that came in that hour of the day.")
    async def clicks_by_hour(self, info: Info, span: Span) -> list[int]:
        return await statistics.clicks_by_hour(info.context.channel, *span.milliseconds())

    @strawberry.field(description="Null before the first night.")
    async def last_check(self, info: Info) -> LastCheck | None:
        found = await statistics.last_check(info.context.channel)
        return LastCheck(day=found.day, at=moment(found.at), wrong=found.wrong) if found else None

    @strawberry.field
    async def segment(self, info: Info, name: str) -> SegmentStatistics:
        identity, body = await own_segment(info, name)
        return SegmentStatistics(identity=identity, body=body, name=name)


@strawberry.type
class StatisticsQuery:
    @strawberry.field
    def statistics(self, info: Info) -> Statistics:
        _ = info.context.channel  # the people key is refused here
        return Statistics()
