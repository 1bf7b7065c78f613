"""`upsertUsers`, `deleteUsers`."""

import strawberry

from ums.api.words import Info, Problem
from ums.errors import CallerRefused
from ums.people import users
from ums.vocabulary import ChannelType


@strawberry.input
class TagsInput:
    tags: list[str]
    bind: str = strawberry.field(default="all", description="`all`, or a Channel Key: tags of that Channel only.")


@strawberry.input
class AddressInput:
    type: ChannelType
    values: list[str]
    bind: str = strawberry.field(
        default="all",
        description="For APP, WECHAT_OA, WECHAT_MP, ALIPAY_LIFE a DeliveryChannel code; for SMS, EMAIL `all` or a "
        "Channel Key; for DINGTALK `all`; for WECOM `all`, or `linked`: one or several `CorpId/userid` in "
        "linked companies.",
    )


@strawberry.input
class BindingsInput:
    tags: list[TagsInput] = strawberry.field(default_factory=list)
    addresses: list[AddressInput] = strawberry.field(default_factory=list)

    def read(self) -> users.Bindings:
        return users.Bindings(
            tuple((given.bind, given.tags) for given in self.tags),
            tuple((given.type, given.bind, given.values) for given in self.addresses),
        )


@strawberry.input(description="`del` goes first, then `set` (replaces all of that bind), then `add`.")
class UserInput:
    user_id: str
    add: BindingsInput | None = None
    set: BindingsInput | None = None
    delete: BindingsInput | None = strawberry.field(default=None, name="del")

    def read(self) -> users.Upload:
        add, replace, delete = (
            given.read() if given else users.Bindings() for given in (self.add, self.set, self.delete)
        )
        return users.Upload(self.user_id, add, replace, delete)


@strawberry.type(description="Users with a problem are left as they were; all others are written.")
class UpsertUsersPayload:
    written: int
    problems: list[Problem]


@strawberry.type(description="Unknown userIds are problems; all others are gone, with everything bound to them.")
class DeleteUsersPayload:
    deleted: int
    problems: list[Problem]


@strawberry.type
class PeopleMutation:
    @strawberry.mutation(description="At most 1,000 in one call.")
    async def upsert_users(self, info: Info, users: list[UserInput]) -> UpsertUsersPayload:
        return await _upsert(info, users)

    @strawberry.mutation(
        description="With the people key or as an admin; at most 1,000 in a call. "
        "Lists keep the userIds: opted out stays out."
    )
    async def delete_users(self, user_ids: list[str]) -> DeleteUsersPayload:
        try:
            deleted, problems = await users.delete(user_ids)
        except CallerRefused as refused:
            deleted, problems = 0, refused.problems
        return DeleteUsersPayload(deleted=deleted, problems=[Problem.of(problem) for problem in problems])


async def _upsert(info: Info, given: list[UserInput]) -> UpsertUsersPayload:
    uploads = [user.read() for user in given]
    try:
        written, problems = await users.upsert(uploads, info.context.caller.scope, info.context.engine.clock())
    except CallerRefused as refused:
        written, problems = 0, refused.problems
    return UpsertUsersPayload(written=written, problems=[Problem.of(problem) for problem in problems])
