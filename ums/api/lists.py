"""`segments`, `lists`, and who comes into them and leaves them."""

import asyncio
from dataclasses import replace
from enum import Enum
from typing import Annotated

import strawberry
from strawberry.file_uploads import Upload

from ums.api.imports import uploaded
from ums.api.words import Info, Problem
from ums.errors import CallerRefused
from ums.people import directory, membership
from ums.people.groups import View
from ums.people.uploads import on_disk
from ums.reconcile import lists as member_files
from ums.snapshot import Body


@strawberry.enum
class ListKind(Enum):
    BLACKLIST = "Blacklist"
    WHITELIST = "Whitelist"


@strawberry.enum(description="Who says who is in it.")
class Membership(Enum):
    FILE = "file"
    API = "api"
    RULES = "rules"


@strawberry.type(description="A group of people that a send can address.")
class Segment:
    identity: strawberry.Private[str]
    body: strawberry.Private[Body]
    name: str
    title: str
    membership: Membership

    @strawberry.field(description="How many are in it; named members who were never uploaded count.")
    async def size(self, info: Info) -> int:
        view = View.of(await info.context.engine.snapshots.newest(), info.context.channel)
        return await directory.size(self.identity, self.body, view)


@strawberry.type(description="People whom a send leaves out, or to whom it keeps.")
class PeopleList:
    kind: ListKind
    name: str
    title: str
    membership: Membership
    size: int


@strawberry.type
class MembersPayload:
    changed: int = strawberry.field(description="How many came in, or left; others were there already, or never.")
    problems: list[Problem]


@strawberry.type
class ListsQuery:
    @strawberry.field(description="The calling Channel's Segments.")
    async def segments(self, info: Info) -> list[Segment]:
        return [
            Segment(identity=identity, body=body, name=name, title=_title(body, name), membership=_membership(body))
            for identity, name, body in await _own(info, "Segment")
        ]

    @strawberry.field(description="The calling Channel's Blacklists and Whitelists.")
    async def lists(self, info: Info) -> list[PeopleList]:
        found = [(kind, *own) for kind in ListKind for own in await _own(info, kind.value)]
        sizes = await directory.sizes([(kind.value, identity) for kind, identity, _, _ in found])
        return [
            PeopleList(
                kind=kind, name=name, title=_title(body, name), membership=_membership(body),
                size=sizes.get((kind.value, identity), 0),
            )
            for kind, identity, name, body in found
        ]  # fmt: skip


_LIST = strawberry.argument(name="list")

_FROM_FILE = (
    "Where its document says `membership: api`: a .txt, .csv or .xlsx file of at most 50,000 userIds, all or none, "
    "by a GraphQL multipart request."
)
_KEPT = "Where its document says `membership: api`; at most 1,000 in one call, uploaded or not."


@strawberry.type
class ListsMutation:
    @strawberry.mutation(description=_KEPT)
    async def add_list_members(
        self, info: Info, kind: ListKind, name: Annotated[str, _LIST], user_ids: list[str]
    ) -> MembersPayload:
        return await _change(info, (kind.value, name), user_ids, come=True)

    @strawberry.mutation(description=_KEPT)
    async def remove_list_members(
        self, info: Info, kind: ListKind, name: Annotated[str, _LIST], user_ids: list[str]
    ) -> MembersPayload:
        return await _change(info, (kind.value, name), user_ids, come=False)

    @strawberry.mutation(description=_KEPT)
    async def add_segment_members(self, info: Info, segment: str, user_ids: list[str]) -> MembersPayload:
        return await _change(info, ("Segment", segment), user_ids, come=True)

    @strawberry.mutation(description=_KEPT)
    async def remove_segment_members(self, info: Info, segment: str, user_ids: list[str]) -> MembersPayload:
        return await _change(info, ("Segment", segment), user_ids, come=False)

    @strawberry.mutation(description=_FROM_FILE)
    async def import_list_members(
        self, info: Info, kind: ListKind, name: Annotated[str, _LIST], file: Upload
    ) -> MembersPayload:
        return await _import(info, (kind.value, name), file)

    @strawberry.mutation(description=_FROM_FILE)
    async def import_segment_members(self, info: Info, segment: str, file: Upload) -> MembersPayload:
        return await _import(info, ("Segment", segment), file)


async def _import(info: Info, named: tuple[str, str], file: Upload) -> MembersPayload:
    kind, identity = named[0], f"{info.context.channel['name']}/{named[1]}"
    snapshot = await info.context.engine.snapshots.newest()
    try:
        changed = await membership.take_in(snapshot, (kind, identity), await _read(file))
    except CallerRefused as refused:
        return MembersPayload(changed=0, problems=[Problem.of(problem) for problem in refused.problems])
    return MembersPayload(changed=changed, problems=[])


async def _read(file: Upload) -> list[str]:
    """The userIds in a file; raises CallerRefused with what is wrong in it, row by row."""
    name, content = uploaded(file)
    with content, on_disk(name, content) as kept:
        found, problems = await asyncio.to_thread(member_files.read, kept, name, member_files.MEMBERS)
    if problems:
        raise CallerRefused(
            [replace(each, path="file", message=f"row {each.line}: {each.message}") for each in problems]
        )
    return found


async def _change(info: Info, named: tuple[str, str], user_ids: list[str], *, come: bool) -> MembersPayload:
    channel, (kind, name) = info.context.channel, named
    snapshot = await info.context.engine.snapshots.newest()
    try:
        changed = await membership.change(snapshot, (kind, f"{channel['name']}/{name}"), user_ids, come=come)
    except CallerRefused as refused:
        return MembersPayload(changed=0, problems=[Problem.of(problem) for problem in refused.problems])
    return MembersPayload(changed=changed, problems=[])


async def _own(info: Info, kind: str) -> list[tuple[str, str, Body]]:
    """Identity, name and body of what the calling Channel owns."""
    channel = info.context.channel["name"]
    declared = (await info.context.engine.snapshots.newest()).all(kind).items()
    return [(identity, identity.partition("/")[2], body) for identity, body in declared if body["channel"] == channel]


def _title(body: Body, name: str) -> str:
    return str(body.get("title", name))


def _membership(body: Body) -> Membership:
    return Membership.RULES if "rules" in body else Membership(body.get("membership", "file"))
