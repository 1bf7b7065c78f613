"""`setDeliveryChannelEnabled` and `authorizeDeliveryChannel`: what operators do about a DeliveryChannel at run time."""

from datetime import datetime

import strawberry

from ums.api.words import Info, Problem, moment
from ums.errors import CallerRefused
from ums.messaging.invitation import invite
from ums.reconcile.overrides import switch


@strawberry.type
class SetDeliveryChannelEnabledPayload:
    enabled: bool | None = strawberry.field(description="As it is now; null when there are problems.")
    problems: list[Problem]


@strawberry.type
class AuthorizeDeliveryChannelPayload:
    url: str | None = strawberry.field(description="For the account's administrator; null when there are problems.")
    until: datetime | None = strawberry.field(description="When the URL stops working.")
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

    @strawberry.mutation(
        description="A URL at which the administrator of a DeliveryChannel's WeChat account authorizes UMS."
    )
    async def authorize_delivery_channel(self, info: Info, delivery_channel: str) -> AuthorizeDeliveryChannelPayload:
        engine, channel = info.context.engine, info.context.channel
        declared = (await engine.snapshots.newest()).all("DeliveryChannel")
        granted = {grant["name"]: declared[grant["name"]] for grant in channel["deliveryChannels"]}
        try:
            made = invite(engine.settings, granted, delivery_channel, engine.clock())
        except CallerRefused as refused:
            problems = [Problem.of(p) for p in refused.problems]
            return AuthorizeDeliveryChannelPayload(url=None, until=None, problems=problems)
        return AuthorizeDeliveryChannelPayload(url=made.url, until=moment(made.until), problems=[])
