"""`config`: what is declared and what was switched, as far as the caller may see it."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.scalars import JSON

from ums import models
from ums.api.words import DeclaredAt, Info, limited, maybe_moment, moment
from ums.declared_places import places
from ums.held_versions import Held
from ums.messaging.reading.authorizations import AccountStatus, Authorized, authorizations
from ums.messaging.reading.standing import Standing, Status, standings
from ums.places import Place
from ums.reconcile import visible
from ums.snapshot import Body, Key, Snapshot


@strawberry.enum(description="Whether a declared object can be used now.")
class ResourceStatus(Enum):
    VALID = "valid"
    INVALID = "invalid"


@strawberry.type(description="That an AuditRule keeps the declared version from being used.")
class HeldVersion:
    ticket: strawberry.ID
    rejected: bool = strawberry.field(description="Or else it waits for approval.")
    in_use: JSON | None = strawberry.field(description="What was approved before it, and is used; null: nothing.")

    @classmethod
    def of(cls, held: Held) -> "HeldVersion":
        in_use = None if held.in_use is None else JSON(dict(held.in_use))
        return cls(ticket=strawberry.ID(str(held.ticket)), rejected=held.rejected, in_use=in_use)


@strawberry.type(description="A declared object as it is live; a DeliveryChannel shows no credentials.")
class Resource:
    kind: str
    name: str
    body: JSON
    status: ResourceStatus
    reason: str = strawberry.field(description="Why it is INVALID; else empty.")
    declared_at: DeclaredAt
    held: HeldVersion | None = strawberry.field(description="Null where it is in use as it is declared.")


@strawberry.type(description="A value that was switched at run time, against what the files say.")
class Drift:
    kind: str
    name: str
    path: str
    declared: JSON
    live: JSON


@strawberry.type(description="How many objects that the caller may see an apply made, changed and removed.")
class RevisionSummary:
    create: int
    update: int
    delete: int


@strawberry.type(description="One apply that changed something that the caller may see.")
class Revision:
    number: int
    created_at: datetime
    author: str
    commit: str
    message: str
    summary: RevisionSummary

    @classmethod
    def of(cls, seen: visible.Change) -> "Revision":
        summary = RevisionSummary(create=seen.created, update=seen.updated, delete=seen.deleted)
        return cls(
            number=seen.number, created_at=moment(seen.created_at), author=seen.author, commit=seen.commit,
            message=seen.message, summary=summary,
        )  # fmt: skip


@strawberry.type(description="How the last round of `ums watch` ended.")
class WatchStatus:
    status: str = strawberry.field(description="Synced, Pending, Drift or Invalid.")
    revision: int
    commit: str
    checked_at: datetime


strawberry.enum(Authorized, description="Whether an account may be served.")


@strawberry.type(description="Whether the administrator of a WeChat account authorized our third-party platform.")
class Authorization:
    authorized: Authorized
    account: str = strawberry.field(description="The AppID of the account.")
    title: str = strawberry.field(description="As WeChat shows the account to people; empty when that is not known.")
    permissions: list[int] = strawberry.field(description="WeChat's permission sets, as far as they are known.")
    since: datetime | None = strawberry.field(description="When it became so, as far as that is known.")


strawberry.enum(Standing, description="How a DeliveryChannel is doing.")


@strawberry.type(description="A DeliveryChannel as it works right now, for all workers.")
class DeliveryChannelStatus:
    delivery_channel: str
    standing: Standing
    closed_until: datetime | None = strawberry.field(description="No call is made before.")
    failures: int = strawberry.field(description="Calls that failed one after the other, until now.")
    since: datetime | None = strawberry.field(description="When the first of them was.")
    code: str = strawberry.field(description="The provider's own, of the last failure.")
    words: str
    authorization: Authorization | None = strawberry.field(
        description="Of an account that is authorized by scanning a code; null for all others."
    )

    @classmethod
    def of(cls, status: Status, authorization: Authorization | None) -> "DeliveryChannelStatus":
        return cls(
            delivery_channel=status.delivery_channel, standing=status.standing,
            closed_until=maybe_moment(status.closed_until), failures=status.failures, since=maybe_moment(status.since),
            code=status.code, words=status.words, authorization=authorization,
        )  # fmt: skip


@strawberry.type
class Config:
    snapshot: strawberry.Private[Snapshot]
    channel: strawberry.Private[Body]
    revision: int

    @strawberry.field(description="Null where `ums watch` never ran.")
    async def status(self) -> WatchStatus | None:
        # Not its message: that may speak of another Channel's files.
        row = await models.WatchStatus.get_or_none(id=1)
        if row is None:
            return None
        at = moment(row.checked_at)
        return WatchStatus(status=row.status, revision=row.revision, commit=row.commit, checked_at=at)

    @strawberry.field(description="The calling Channel, what it owns, and the DeliveryChannels granted to it.")
    async def resources(self, kind: str | None = None) -> list[Resource]:
        held = self.snapshot.held
        unused = {key: one.reason for key, one in held.items() if one.in_use is None}
        invalid = {**unused, **self.snapshot.invalid(self.channel["name"])}
        live = {(of, name): body for of in self.snapshot.bodies for name, body in self.snapshot.all(of).items()}
        declared = live | {key: one.declared for key, one in held.items()}
        seen = {
            key: body
            for key, body in sorted(declared.items())
            if kind in {None, key[0]} and _is_visible(self.channel, *key, body)
        }
        known = await places(seen)
        return [
            _resource(key, body, invalid.get(key, ""), known.get(key, Place()), held.get(key))
            for key, body in seen.items()
        ]

    @strawberry.field(description="How the DeliveryChannels granted to the calling Channel are doing.")
    async def delivery_channels(self, info: Info) -> list[DeliveryChannelStatus]:
        engine, granted = info.context.engine, {grant["name"] for grant in self.channel["deliveryChannels"]}
        given = {a.delivery_channel: _authorization(a) for a in await authorizations(engine, granted)}
        found = await standings(granted, engine.clock())
        return [DeliveryChannelStatus.of(s, given.get(s.delivery_channel)) for s in found]

    @strawberry.field(description="What was switched at run time and holds until an apply ends it.")
    def drift(self) -> list[Drift]:
        return [
            Drift(kind=d.kind, name=d.name, path=d.path, declared=JSON(d.declared), live=JSON(d.live))
            for d in self.snapshot.drift
            if _is_visible(self.channel, d.kind, d.name, self.snapshot.all(d.kind)[d.name])
        ]

    @strawberry.field(description="The newest first.")
    async def history(self, first: int = 20) -> list[Revision]:
        return [Revision.of(seen) for seen in await visible.visible_history(self.channel, limited(first))]


@strawberry.type
class ConfigQuery:
    @strawberry.field
    async def config(self, info: Info) -> Config:
        channel = info.context.channel
        snapshot = await info.context.engine.snapshots.newest()
        return Config(snapshot=snapshot, channel=channel, revision=snapshot.revision)


_HIDDEN = {"DeliveryChannel": {"credentials"}, "Channel": {"masterSecret"}}


def _authorization(status: AccountStatus) -> Authorization:
    return Authorization(
        authorized=status.authorized, account=status.account, title=status.title, permissions=status.permissions,
        since=maybe_moment(status.since),
    )  # fmt: skip


def _resource(key: Key, body: Body, reason: str, place: Place, held: Held | None) -> Resource:
    kind, name = key
    shown = {key: value for key, value in body.items() if key not in _HIDDEN.get(kind, ())}
    status = ResourceStatus.INVALID if reason else ResourceStatus.VALID
    return Resource(
        kind=kind, name=name, body=JSON(shown), status=status, reason=reason, declared_at=DeclaredAt.of(place),
        held=HeldVersion.of(held) if held else None,
    )  # fmt: skip


def _is_visible(channel: Body, kind: str, name: str, body: Body) -> bool:
    if kind == "Channel":
        return bool(name == channel["name"])
    if kind == "DeliveryChannel":
        return name in {grant["name"] for grant in channel["deliveryChannels"]}
    return bool(body.get("channel") == channel["name"])
