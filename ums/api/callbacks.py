"""`callbacks`, `replayCallbacks`, `testCallback`: what developers are told, and what could not be told."""

from datetime import datetime
from typing import Any

import strawberry

from ums.api.words import Connection, Info, Problem, connection, limited, maybe_moment, moment, position
from ums.messaging.calling import addresses, dead_letters
from ums.messaging.calling.callback_door import Identity, opened_door
from ums.messaging.calling.dead_letters import CallbackState
from ums.vocabulary import Told

strawberry.enum(CallbackState, description="Where a callback stands; what was told is not kept.")
strawberry.enum(Told, name="CallbackType", description="What a callback tells of a target.")


@strawberry.type(description="One thing to be told to a callback address.")
class Callback:
    id: strawberry.ID
    message_id: strawberry.ID
    type: Told
    url: str
    target: str = strawberry.field(description="The userId, or the direct address.")
    address: str | None
    delivery_channel: str | None
    at: datetime = strawberry.field(description="When it happened.")
    attempts: int
    due_at: datetime | None = strawberry.field(description="When it is told at the latest; null for a dead one.")
    dead_at: datetime | None
    failure: str = strawberry.field(description="Why it was not told the last time.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Callback":
        return cls(
            id=strawberry.ID(str(row["id"])), message_id=strawberry.ID(str(row["message_id"])), type=Told(row["type"]),
            url=row["url"], target=row["target"], address=row["address"], delivery_channel=row["delivery_channel"],
            at=moment(row["at"]), attempts=row["attempts"], due_at=maybe_moment(row["due_at"]),
            dead_at=maybe_moment(row["dead_at"]), failure=row["failure"],
        )  # fmt: skip


@strawberry.type(description="A URL of the calling Channel that is told what becomes of messages.")
class CallbackAddress:
    url: str
    declared: bool = strawberry.field(description="False: it was once, and is told nothing any more.")
    default: bool = strawberry.field(description="Called by sends that choose none.")
    validated_at: datetime | None = strawberry.field(
        description="When it first answered with its `echostr`; nothing is posted there before."
    )

    @classmethod
    def of(cls, found: addresses.CallbackAddress) -> "CallbackAddress":
        at = maybe_moment(found.validated_at)
        return cls(url=found.url, declared=found.declared, default=found.default, validated_at=at)


@strawberry.type
class ReplayCallbacksPayload:
    replayed: int


@strawberry.type
class TestCallbackPayload:
    ok: bool
    problems: list[Problem]


@strawberry.type
class CallbacksQuery:
    @strawberry.field(description="What waits to be told to the calling Channel, or could not be; the oldest first.")
    async def callbacks(
        self, info: Info, state: CallbackState, first: int = 100, after: str | None = None
    ) -> Connection[Callback]:
        name = info.context.channel["name"]
        found = await dead_letters.page(name, state, first=limited(first), after_id=position(after))
        return connection([(row["id"], Callback.of(row)) for row in found], first)

    @strawberry.field(description="Those declared, in their order, and then those that are declared no more.")
    async def callback_addresses(self, info: Info) -> list[CallbackAddress]:
        return [CallbackAddress.of(found) for found in await addresses.callback_addresses(info.context.channel)]


@strawberry.type
class CallbacksMutation:
    @strawberry.mutation(description="Tell dead callbacks again: those named, or all of the calling Channel.")
    async def replay_callbacks(self, info: Info, ids: list[strawberry.ID] | None = None) -> ReplayCallbacksPayload:
        name = info.context.channel["name"]
        numbers = None if ids is None else [int(n) for n in ids if n.isdecimal() and len(n) < 19]
        return ReplayCallbacksPayload(replayed=await dead_letters.replay(info.context.engine, name, numbers))

    @strawberry.mutation(
        description="GET the URL with an `echostr` and the Channel's credentials, as a check that it is there and "
        "that it answers with the echostr; it need not be declared yet. One that is declared is valid from then on."
    )
    async def test_callback(self, info: Info, url: str) -> TestCallbackPayload:
        engine, channel = info.context.engine, info.context.channel
        snapshot = await engine.snapshots.newest()
        secret = snapshot.secret(engine.settings, "Channel", channel["name"], "masterSecret")
        async with opened_door(engine.settings) as door:
            failure = await door.echo(url, Identity(channel["key"], secret))
        if not failure:
            await addresses.validated(channel, url, engine.clock())
        problem = Problem(code="callback_invalid", message=failure, path="url")
        return TestCallbackPayload(ok=not failure, problems=[problem] if failure else [])
