"""Members, and what they come with: tokens to call the API with, sessions of browsers."""

from datetime import datetime

import strawberry

from ums.api.guard import require
from ums.api.words import Info, Problem, maybe_moment, moment
from ums.errors import CallerRefused
from ums.members import sessions, tokens
from ums.members.rights import Right
from ums.members.roster import Member, member


@strawberry.type(description="A Channel in which the Member may do something.")
class MemberRoles:
    channel: str
    roles: list[str] = strawberry.field(description="admin, operator, auditor, viewer")


@strawberry.type(description="The Member who calls.")
class Me:
    login: str
    title: str
    email: str
    admin: bool
    channels: list[MemberRoles] = strawberry.field(
        description="A request names one of them in the header X-UMS-Channel."
    )


@strawberry.type(description="What is known of an API token; never what it is.")
class MemberToken:
    id: strawberry.ID
    member: str
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = strawberry.field(description="The last time, to the minute.")

    @classmethod
    def of(cls, token: tokens.Token) -> "MemberToken":
        return cls(
            id=strawberry.ID(str(token.id)), member=token.member, name=token.name, created_at=moment(token.created_at),
            created_by=token.created_by, expires_at=moment(token.expires_at), used_at=maybe_moment(token.used_at),
        )  # fmt: skip


@strawberry.type(description="A browser in which a Member is signed in.")
class MemberSession:
    id: strawberry.ID
    member: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: sessions.Session) -> "MemberSession":
        return cls(
            id=strawberry.ID(str(session.id)), member=session.member,
            created_at=moment(session.created_at), expires_at=moment(session.expires_at),
        )  # fmt: skip


@strawberry.type
class CreateMemberTokenPayload:
    text: str | None = strawberry.field(description="The token. It is shown here, and never again.")
    token: MemberToken | None
    problems: list[Problem]


@strawberry.type
class RevokeMemberTokenPayload:
    revoked: bool
    problems: list[Problem]


@strawberry.type
class RevokeMemberSessionsPayload:
    revoked: int
    problems: list[Problem]


@strawberry.type
class MembersQuery:
    @strawberry.field(description="Of Members alone; a key is nobody.")
    async def me(self, info: Info) -> Me:
        who = _caller(info)
        roles = [
            MemberRoles(channel=name, roles=[role.value for role in who.roles_in(name)])
            for name in info.context.caller.channels
        ]
        return Me(login=who.login, title=who.title, email=who.email, admin=who.is_admin(), channels=roles)

    @strawberry.field(description="One's own; an admin also sees another Member's, or with `all` everybody's.")
    async def member_tokens(self, info: Info, member: str | None = None, all: bool = False) -> list[MemberToken]:  # noqa: A002  # GraphQL's own word
        found = await tokens.tokens(_whose_or_all(info, member, everybody=all))
        return [MemberToken.of(token) for token in found]

    @strawberry.field(
        description="Where one is signed in; an admin also sees it of another Member, or with `all` of everybody."
    )
    async def member_sessions(self, info: Info, member: str | None = None, all: bool = False) -> list[MemberSession]:  # noqa: A002  # GraphQL's own word
        found = await sessions.sessions(_whose_or_all(info, member, everybody=all), info.context.engine.clock())
        return [MemberSession.of(session) for session in found]


@strawberry.type
class MembersMutation:
    @strawberry.mutation(
        description="A token to call the API with: `Authorization: Bearer ...`. For oneself; an admin also for others."
    )
    async def create_member_token(
        self, info: Info, name: str, member: str | None = None, days: int = 90
    ) -> CreateMemberTokenPayload:
        try:
            login = await _declared(info, _whose(info, member))
            by = tokens.Maker(info.context.caller.name, info.context.engine.clock())
            token, text = await tokens.create(login, name, days, by)
        except CallerRefused as refused:
            return CreateMemberTokenPayload(text=None, token=None, problems=[Problem.of(p) for p in refused.problems])
        return CreateMemberTokenPayload(text=text, token=MemberToken.of(token), problems=[])

    @strawberry.mutation(description="The token is worth nothing from now on. One's own; an admin also others'.")
    async def revoke_member_token(self, info: Info, name: str, member: str | None = None) -> RevokeMemberTokenPayload:
        try:
            await tokens.revoke(_whose(info, member), name)
        except CallerRefused as refused:
            return RevokeMemberTokenPayload(revoked=False, problems=[Problem.of(p) for p in refused.problems])
        return RevokeMemberTokenPayload(revoked=True, problems=[])

    @strawberry.mutation(
        description="Signed in nowhere from now on, this browser included. Oneself; an admin also others. Tokens stay."
    )
    async def revoke_member_sessions(self, info: Info, member: str | None = None) -> RevokeMemberSessionsPayload:
        try:
            revoked = await sessions.revoke(_whose(info, member), info.context.engine.clock())
        except CallerRefused as refused:
            return RevokeMemberSessionsPayload(revoked=0, problems=[Problem.of(p) for p in refused.problems])
        return RevokeMemberSessionsPayload(revoked=revoked, problems=[])


def _caller(info: Info) -> Member:
    who = info.context.caller.member
    if who is None:
        raise AssertionError("the guard lets nobody but Members come here")
    return who


def _whose(info: Info, login: str | None) -> str:
    """The login that is meant: one's own unless the caller may deal with those of others."""
    own = _caller(info).login
    if login is not None and login != own:
        require(info.context.caller, Right.TOKENS_OF_ALL)
    return login or own


def _whose_or_all(info: Info, login: str | None, *, everybody: bool) -> str | None:
    """None: those of all are meant."""
    if not everybody:
        return _whose(info, login)
    require(info.context.caller, Right.TOKENS_OF_ALL)
    return None


async def _declared(info: Info, login: str) -> str:
    snapshot = await info.context.engine.snapshots.newest()
    if member(snapshot, login) is None:
        raise tokens.unknown_member(login, snapshot.all("Member"))
    return login
