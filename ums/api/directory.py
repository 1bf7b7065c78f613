"""`user`, `users`, `coverage`: people looked up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from graphql import GraphQLError

from ums.api.words import Connection, Info, connection, limited, moment, position
from ums.people import directory
from ums.people.groups import View
from ums.snapshot import Body
from ums.vocabulary import ChannelType


@strawberry.type
class BoundTags:
    bind: str
    tags: list[str]


@strawberry.type
class BoundAddresses:
    type: ChannelType
    bind: str
    values: list[str]


@strawberry.type(description="Somebody, with the tags and addresses that the caller may see.")
class User:
    user_id: str
    created_at: datetime
    updated_at: datetime
    tags: list[BoundTags]
    addresses: list[BoundAddresses]

    @classmethod
    def of(cls, person: directory.Person) -> "User":
        tags = [BoundTags(bind=bind, tags=_listed(tags)) for bind, tags in person.tags.items()]
        addresses = [
            BoundAddresses(type=ChannelType(kind), bind=bind, values=_listed(values))
            for (kind, bind), values in person.addresses.items()
        ]
        return cls(
            user_id=person.user_id, created_at=moment(person.created_at), updated_at=moment(person.updated_at),
            tags=tags, addresses=addresses,
        )  # fmt: skip


def _listed(values: Sequence[str]) -> list[str]:
    return list(values)


@strawberry.input(description="What is left out does not narrow.")
class UserFilter:
    tag: str | None = strawberry.field(
        default=None,
        description="The Channel's own tag of that name, or else the one bound to all; with the people key the latter.",
    )
    segment: str | None = strawberry.field(default=None, description="Of the calling Channel.")
    has_type: ChannelType | None = strawberry.field(
        default=None, description="Who has an address of that type which serves the caller."
    )


@strawberry.type
class TypeCoverage:
    type: ChannelType
    users: int
    share: float | None = strawberry.field(description="Of all people; null when there are none.")


@strawberry.type(description="How many people the calling Channel can reach in which way.")
class Coverage:
    users: int
    types: list[TypeCoverage]


@strawberry.type
class DirectoryQuery:
    @strawberry.field
    async def user(self, info: Info, user_id: str) -> User | None:
        found = await directory.person(user_id, (await view_of(info)).visible)
        return User.of(found) if found else None

    @strawberry.field(description="In the order in which they were first uploaded.")
    async def users(
        self,
        info: Info,
        narrow: Annotated[UserFilter | None, strawberry.argument(name="filter")] = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[User]:
        given = narrow or UserFilter()
        segment, declared = await own_segment(info, given.segment) if given.segment else ("", None)
        wanted = directory.Filter(given.tag or "", segment, given.has_type)
        page = await directory.page(
            await view_of(info), declared, wanted, first=limited(first), after=position(after) or 0
        )
        return connection([(person.id, User.of(person)) for person in page], first)

    @strawberry.field
    async def coverage(self, info: Info) -> Coverage:
        total, found = await directory.coverage(await view_of(info))
        types = [TypeCoverage(type=kind, users=n, share=n / total if total else None) for kind, n in found.items()]
        return Coverage(users=total, types=types)


async def view_of(info: Info) -> View:
    snapshot = await info.context.engine.snapshots.newest()
    channel = info.context.caller.channel
    return View.of(snapshot, channel) if channel else View.of_all(snapshot)


async def own_segment(info: Info, name: str) -> tuple[str, Body]:
    """The identity and the body of the calling Channel's Segment."""
    identity = f"{info.context.channel['name']}/{name}"
    body = (await info.context.engine.snapshots.newest()).all("Segment").get(identity)
    if body is None:
        raise GraphQLError(f"there is no Segment {name!r}", extensions={"code": "UNKNOWN_SEGMENT"})
    return identity, body
