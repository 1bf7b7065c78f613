"""What came of a recall."""

from datetime import datetime

import strawberry

from ums.messaging.after.recall import Recalled, RecallOutcome

strawberry.enum(RecallOutcome, description="What came of a recall.")


@strawberry.type(description="What came of a recall on one DeliveryChannel; the numbers are targets.")
class DeliveryChannelRecall:
    delivery_channel: str
    outcome: RecallOutcome = strawberry.field(description="The worst of what came of its parts.")
    stopped: int = strawberry.field(description="Never sent.")
    taken_back: int = strawberry.field(description="Sent, and taken back by the provider.")
    arrived: int = strawberry.field(
        description="Delivered, and counted so even where the provider then took it off the screens."
    )
    left: int = strawberry.field(description="Sent, or perhaps sent, and not taken back.")
    code: str = strawberry.field(description="The provider's own, where it took something not back.")
    words: str

    @classmethod
    def of(cls, part: Recalled) -> "DeliveryChannelRecall":
        return cls(
            delivery_channel=part.delivery_channel, outcome=part.outcome, stopped=part.stopped,
            taken_back=part.taken_back, arrived=part.arrived, left=part.left, code=part.code, words=part.words,
        )  # fmt: skip


@strawberry.type
class Recall:
    at: datetime
    delivery_channels: list[DeliveryChannelRecall]
