"""`updateScheduledMessage`, `cancelScheduledMessage`, `forwardMessage`, `deleteMessage`."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

import strawberry

from ums import models
from ums.api.messages import Message
from ums.api.sending import (
    AudienceInput,
    BodyInput,
    CallbackInput,
    SendMessagePayload,
    read_audience,
    read_callback,
    read_content,
)
from ums.api.words import Info, Problem, milliseconds, number
from ums.errors import CallerRefused
from ums.messaging.after import scheduled
from ums.messaging.after.again import forward
from ums.vocabulary import Priority


@strawberry.input(description="What is left out stays as it was.")
class ChangeMessageInput:
    audience: AudienceInput | None = strawberry.UNSET
    body: BodyInput | None = strawberry.UNSET
    policy: str | None = strawberry.field(default=strawberry.UNSET, description="Null: all at once.")
    blacklist: str | None = strawberry.field(default=strawberry.UNSET, description="Null: none.")
    whitelist: str | None = strawberry.field(default=strawberry.UNSET, description="Null: none.")
    callback: CallbackInput | None = strawberry.field(
        default=strawberry.UNSET, description="Null: the Channel's default address, without parameters."
    )
    delivery_channels: list[str] | None = strawberry.UNSET
    send_at: datetime | None = strawberry.field(default=strawberry.UNSET, description="Null: now.")
    priority: Priority | None = strawberry.UNSET
    owner: str | None = strawberry.UNSET
    send_no: str | None = strawberry.UNSET

    def read(self) -> dict[str, Any]:
        """The fields of a SendRequest that shall be other than they were."""
        found: dict[str, Any] = {}
        if self.audience:
            found["audience"] = read_audience(self.audience)
        if self.priority:
            found["priority"] = self.priority
        for name in ("policy", "owner", "send_no", "blacklist", "whitelist"):
            if getattr(self, name) is not strawberry.UNSET:
                found[name] = getattr(self, name) or ""
        if self.delivery_channels is not strawberry.UNSET:
            found["delivery_channels"] = self.delivery_channels
        if self.callback is not strawberry.UNSET:
            found["callback"] = read_callback(self.callback)
        if self.send_at is not strawberry.UNSET:
            found["send_at"] = milliseconds(self.send_at) if self.send_at else None
        return found | (_body(self.body) if self.body else {})


@strawberry.input(description="What is left out stays as it was; sent now unless `sendAt` says when.")
class ForwardMessageInput(ChangeMessageInput):
    idempotency_key: str | None = None

    def read(self) -> dict[str, Any]:
        return {**super().read(), "idempotency_key": self.idempotency_key}


def _body(given: BodyInput) -> dict[str, Any]:
    if given.template:
        return {"template": given.template.name, "variables": given.template.variables or {}}
    return {"content": read_content(given.content)} if given.content else {}


@strawberry.type
class DeleteMessagePayload:
    deleted: bool
    problems: list[Problem]


@strawberry.type
class ScheduledMutation:
    @strawberry.mutation(
        description="A message whose time has not come, or that is not approved, is sent otherwise, or at another "
        "time; AuditRules look at it anew."
    )
    async def update_scheduled_message(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002  # GraphQL's own word
        given: Annotated[ChangeMessageInput, strawberry.argument(name="input")],
    ) -> SendMessagePayload:
        context = info.context
        changing = scheduled.update(context.engine, context.channel, number(id), given.read(), by=context.caller.login)
        return await _payload(changing)

    @strawberry.mutation(description="A message whose time has not come, or that is not approved, is never sent.")
    async def cancel_scheduled_message(self, info: Info, id: strawberry.ID) -> SendMessagePayload:  # noqa: A002  # GraphQL's own word
        context = info.context
        return await _payload(scheduled.cancel(context.engine, context.channel, number(id), by=context.caller.login))

    @strawberry.mutation(description="A new message that says what an earlier one said, to others or at another time.")
    async def forward_message(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002  # GraphQL's own word
        given: Annotated[ForwardMessageInput, strawberry.argument(name="input")],
    ) -> SendMessagePayload:
        context = info.context
        return await _payload(
            forward(context.engine, context.channel, number(id), given.read(), by=context.caller.login)
        )

    @strawberry.mutation(description="Remove a message that is over from the history, with all that is known of it.")
    async def delete_message(self, info: Info, id: strawberry.ID) -> DeleteMessagePayload:  # noqa: A002  # GraphQL's own word
        try:
            await scheduled.delete(info.context.engine, info.context.channel, number(id))
        except CallerRefused as refused:
            return DeleteMessagePayload(deleted=False, problems=[Problem.of(p) for p in refused.problems])
        return DeleteMessagePayload(deleted=True, problems=[])


async def _payload(doing: Awaitable[models.Message]) -> SendMessagePayload:
    try:
        return SendMessagePayload(message=Message.of(await doing), problems=[])
    except CallerRefused as refused:
        return SendMessagePayload(message=None, problems=[Problem.of(p) for p in refused.problems])
