"""`auditTickets`, `auditTicket`, `approve`, `reject`, `resubmit`: what waits for people, and what they decide."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON

from ums import models
from ums.api.scheduled import ChangeMessageInput
from ums.api.words import (
    Connection,
    Info,
    Problem,
    connection,
    limited,
    maybe_moment,
    milliseconds,
    moment,
    number,
    position,
)
from ums.audit import lists
from ums.audit.rules import refusal
from ums.audit.tickets import TicketEvent, TicketState, View
from ums.errors import CallerRefused
from ums.messaging.after.audited import Decision, Resubmission, approve, as_rules_see_it, reject, resubmit
from ums.messaging.reading.audience import size
from ums.reconcile import Change
from ums.vocabulary import MessageState, Priority

strawberry.enum(TicketState, name="AuditTicketState", description="How a ticket stands.")
strawberry.enum(TicketEvent, name="AuditTicketEvent", description="What was done with a ticket.")
strawberry.enum(View, name="AuditView", description="The lists of a Member.")


@strawberry.type(description="Something that was done with a ticket.")
class AuditEvent:
    at: datetime
    login: str = strawberry.field(description="Empty: the Channel's own system, or its time had come.")
    what: TicketEvent
    level: int = strawberry.field(description="At which it was, from 1.")
    comment: str

    @classmethod
    def of(cls, row: models.AuditEvent) -> "AuditEvent":
        at = moment(row.at)
        return cls(at=at, login=row.login, what=TicketEvent(row.what), level=row.level, comment=row.comment)


@strawberry.type(description="The send that a ticket is about.")
class AuditedMessage:
    row: strawberry.Private[models.Message]
    id: strawberry.ID
    state: MessageState
    failure: str
    priority: Priority
    template: str
    policy: str
    delivery_channels: list[str] = strawberry.field(description="Of all its steps.")
    send_at: datetime | None = strawberry.field(description="Null: at once, when it is approved.")
    content: JSON = strawberry.field(description="Rendered, by channel type.")
    audience: JSON = strawberry.field(description="As it was given; of direct addresses how many.")

    @classmethod
    def of(cls, row: models.Message) -> "AuditedMessage":
        codes = dict.fromkeys(code for step in row.steps for code in step["send"])
        open_ended = row.approved_at is None and row.send_at <= row.created_at
        return cls(
            row=row, id=strawberry.ID(str(row.id)), state=MessageState(row.state), failure=row.failure,
            priority=Priority(row.priority), template=row.template, policy=row.policy, delivery_channels=list(codes),
            send_at=None if open_ended else moment(row.send_at), content=JSON(row.content),
            audience=JSON(_shown(row.audience)),
        )  # fmt: skip

    @strawberry.field(
        description="How many people, or addresses, it would go to now, before its lists; null: nobody can say."
    )
    async def audience_size(self, info: Info) -> int | None:
        return await size(self.row, await info.context.engine.snapshots.newest())


@strawberry.type(description="A field of a template that is different in the version that waits.")
class AuditedChange:
    path: str
    before: str
    after: str


@strawberry.type(description="The version of a declared template that a ticket is about.")
class AuditedTemplate:
    kind: str
    name: str
    revision: int = strawberry.field(description="That declared it.")
    before: JSON | None = strawberry.field(description="What stays in use meanwhile; null: nothing.")
    after: JSON
    changes: list[AuditedChange] = strawberry.field(description="Field by field; empty for what is new.")

    @classmethod
    def of(cls, row: models.AuditTicket) -> "AuditedTemplate":
        fields = Change(row.kind, row.name, row.before, row.after).fields
        changes = [AuditedChange(path=one.path, before=one.before, after=one.after) for one in fields]
        before = None if row.before is None else JSON(row.before)
        return cls(
            kind=row.kind, name=row.name, revision=row.revision, before=before, after=JSON(row.after), changes=changes
        )


@strawberry.type(description="One send, or one version of a template, and the levels of Members who must let it pass.")
class AuditTicket:
    row: strawberry.Private[models.AuditTicket]
    id: strawberry.ID
    channel: str
    state: TicketState
    version: int = strawberry.field(description="Grows with whatever happens to it; `seen` of approve and reject.")
    rules: list[str] = strawberry.field(description="The AuditRules that caught it.")
    levels: list[list[str]] = strawberry.field(description="Logins, as the rules named them when it was made.")
    level: int = strawberry.field(description="So many of them are passed.")
    submitter: str = strawberry.field(description="A login; empty: the Channel's own system, or nobody known.")
    owner: str = strawberry.field(description="The login of who answers for it; empty for a template.")
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, row: models.AuditTicket) -> "AuditTicket":
        return cls(
            row=row, id=strawberry.ID(str(row.id)), channel=row.channel, state=TicketState(row.state),
            version=row.version, rules=row.rules, levels=row.levels, level=row.level, submitter=row.submitter,
            owner=row.owner, created_at=moment(row.created_at), closed_at=maybe_moment(row.closed_at),
        )  # fmt: skip

    @strawberry.field(description="The logins of those whose turn it is.")
    async def turn(self, info: Info) -> list[str]:
        ticket = as_rules_see_it(self.row, await info.context.engine.snapshots.newest())
        return [login for login in ticket.turn if login in ticket.deciders]

    @strawberry.field(description="Whether the calling Member may decide about it now.")
    async def may_decide(self, info: Info) -> bool:
        ticket = as_rules_see_it(self.row, await info.context.engine.snapshots.newest())
        return refusal(ticket, info.context.caller.login, self.row.version) is None

    @strawberry.field(description="The oldest first.")
    async def history(self) -> list[AuditEvent]:
        return [AuditEvent.of(event) for event in await lists.history(self.row.id)]

    @strawberry.field(description="Null where it is about a template, or the message was deleted.")
    async def message(self) -> AuditedMessage | None:
        if self.row.message_id is None:
            return None
        row = await models.Message.get_or_none(id=self.row.message_id, deleted_at=None)
        return AuditedMessage.of(row) if row else None

    @strawberry.field(description="Null where it is about a send.")
    def template(self) -> AuditedTemplate | None:
        return AuditedTemplate.of(self.row) if self.row.message_id is None else None


@strawberry.input(description="What is left out does not narrow.")
class AuditTicketFilter:
    state: TicketState | None = None
    messages: bool | None = strawberry.field(default=None, description="True: on sends; false: on templates.")
    created_from: datetime | None = None
    created_before: datetime | None = None


@strawberry.type
class AuditPayload:
    ticket: AuditTicket | None
    problems: list[Problem]


@strawberry.type
class AuditQuery:
    @strawberry.field(
        description="The newest first, of the Channel of the request, or of all in which the calling Member has a role."
    )
    async def audit_tickets(
        self,
        info: Info,
        view: View,
        narrow: Annotated[AuditTicketFilter | None, strawberry.argument(name="filter")] = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[AuditTicket]:
        caller, given = info.context.caller, narrow or AuditTicketFilter()
        if caller.member is None:
            raise GraphQLError("only a Member has tickets; call with a token", extensions={"code": "FORBIDDEN"})
        sought = lists.Sought(
            channels=[caller.channel["name"]] if caller.channel else caller.channels,
            state=given.state, on_messages=given.messages,
            created_from=milliseconds(given.created_from) if given.created_from else None,
            created_before=milliseconds(given.created_before) if given.created_before else None,
        )  # fmt: skip
        rows = await lists.page(caller.login, view, sought, first=limited(first), before_id=position(after))
        return connection([(row.id, AuditTicket.of(row)) for row in rows], first)

    @strawberry.field(description="A ticket of the Channel of the request, by its id or by that of its message.")
    async def audit_ticket(
        self,
        info: Info,
        id: strawberry.ID | None = None,  # noqa: A002  # GraphQL's own word
        message: strawberry.ID | None = None,
    ) -> AuditTicket | None:
        channel = info.context.channel["name"]
        found = await (lists.one(number(id), channel) if id else lists.of_message(number(message or ""), channel))
        return AuditTicket.of(found) if found else None


@strawberry.type
class AuditMutation:
    @strawberry.mutation(
        description="Let a ticket pass its level; after the last of them the message goes out, or the template is used."
    )
    async def approve(
        self,
        info: Info,
        ticket: strawberry.ID,
        seen: Annotated[int, strawberry.argument(description="The version of the ticket that you saw.")],
        comment: str = "",
    ) -> AuditPayload:
        return await _payload(approve(info.context.engine, _decision(info, ticket, seen, comment)))

    @strawberry.mutation(description="Refuse a ticket, and say why; a send can be changed and submitted again.")
    async def reject(
        self,
        info: Info,
        ticket: strawberry.ID,
        seen: Annotated[int, strawberry.argument(description="The version of the ticket that you saw.")],
        comment: str,
    ) -> AuditPayload:
        return await _payload(reject(info.context.engine, _decision(info, ticket, seen, comment)))

    @strawberry.mutation(description="Change a send that was rejected, and submit it again.")
    async def resubmit(
        self, info: Info, ticket: strawberry.ID, given: Annotated[ChangeMessageInput, strawberry.argument(name="input")]
    ) -> AuditPayload:
        context = info.context
        again = Resubmission(number(ticket), given.read(), context.caller.login)
        return await _payload(resubmit(context.engine, context.channel, again))


def _decision(info: Info, ticket: str, seen: int, comment: str) -> Decision:
    channel, login = info.context.channel["name"], info.context.caller.login
    return Decision(channel, number(ticket), seen, login, comment)


async def _payload(doing: Awaitable[models.AuditTicket]) -> AuditPayload:
    try:
        return AuditPayload(ticket=AuditTicket.of(await doing), problems=[])
    except CallerRefused as refused:
        return AuditPayload(ticket=None, problems=[Problem.of(p) for p in refused.problems])


def _shown(audience: dict[str, Any]) -> dict[str, Any]:
    """Addresses are shown to nobody who need not send to them."""
    if "addresses" not in audience:
        return audience
    groups = [
        {"deliveryChannel": group["deliveryChannel"], "number": len(group["addresses"])}
        for group in audience["addresses"]
    ]
    return {**audience, "addresses": groups}
