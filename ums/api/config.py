"""`config`: what is declared, as far as the caller may see it."""

import strawberry
from strawberry.scalars import JSON

from ums.api.words import Info
from ums.snapshot import Body, Snapshot


@strawberry.type(description="A declared object; a DeliveryChannel shows no credentials.")
class Resource:
    kind: str
    name: str
    body: JSON


@strawberry.type
class Config:
    snapshot: strawberry.Private[Snapshot]
    channel: strawberry.Private[Body]
    revision: int

    @strawberry.field(description="The calling Channel, what it owns, and the DeliveryChannels granted to it.")
    def resources(self, kind: str | None = None) -> list[Resource]:
        return [
            Resource(kind=of, name=name, body=JSON(_shown(of, body)))
            for of in self.snapshot.bodies
            if kind in {None, of}
            for name, body in self.snapshot.all(of).items()
            if _is_visible(self.channel, of, name, body)
        ]


@strawberry.type
class ConfigQuery:
    @strawberry.field
    async def config(self, info: Info) -> Config:
        channel = info.context.channel
        snapshot = await info.context.engine.snapshots.newest()
        return Config(snapshot=snapshot, channel=channel, revision=snapshot.revision)


_HIDDEN = {"DeliveryChannel": {"credentials"}, "Channel": {"masterSecret"}}


def _shown(kind: str, body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in _HIDDEN.get(kind, ())}


def _is_visible(channel: Body, kind: str, name: str, body: Body) -> bool:
    if kind == "Channel":
        return bool(name == channel["name"])
    if kind == "DeliveryChannel":
        return name in {grant["name"] for grant in channel["deliveryChannels"]}
    return bool(body.get("channel") == channel["name"])
