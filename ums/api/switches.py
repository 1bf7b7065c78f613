"""`setDeliveryChannelEnabled`: what is switched at run time, against the files."""

import strawberry

from ums.api.words import Info, Problem
from ums.errors import CallerRefused
from ums.reconcile.overrides import switch


@strawberry.type
class SetDeliveryChannelEnabledPayload:
    enabled: bool | None = strawberry.field(description="As it is now; null when there are problems.")
    problems: list[Problem]


@strawberry.type
class SwitchesMutation:
    @strawberry.mutation(
        description="Let the calling Channel send through a DeliveryChannel granted to it, or stop it, at once. "
        "That shows as drift, and holds until an apply says otherwise."
    )
    async def set_delivery_channel_enabled(
        self, info: Info, delivery_channel: str, enabled: bool
    ) -> SetDeliveryChannelEnabledPayload:
        engine, channel = info.context.engine, info.context.channel
        try:
            await switch(
                channel["name"], delivery_channel, enabled, author=info.context.caller.name, now=engine.clock()
            )
        except CallerRefused as refused:
            return SetDeliveryChannelEnabledPayload(enabled=None, problems=[Problem.of(p) for p in refused.problems])
        engine.snapshots.look_again()
        return SetDeliveryChannelEnabledPayload(enabled=enabled, problems=[])
