"""What providers keep: `providerTemplates` lists it, mutations sync, import and forget."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from typing import TypeVar

import strawberry

from ums import errors
from ums.api.words import Connection, Info, Problem, connection, limited, maybe_moment, position
from ums.errors import CallerRefused
from ums.provider_templates.accounts import reached
from ums.provider_templates.importing import forget, import_object
from ums.provider_templates.listing import Listed, listed
from ums.provider_templates.refusals import ANSWERS, problems
from ums.provider_templates.sync import sync
from ums.providers.contract import Provider
from ums.providers.keeper import ObjectId
from ums.schemas import did_you_mean
from ums.vocabulary import ObjectState, Review

T = TypeVar("T")

strawberry.enum(ObjectState, name="ProviderTemplateState", description="Whether it is still at its provider.")
strawberry.enum(Review, name="ProviderTemplateReview", description="What the provider's reviewers say of it.")


@strawberry.enum(description="What a provider keeps.")
class ProviderTemplateKind(Enum):
    TEMPLATE = "ProviderTemplate"
    SIGNATURE = "Signature"


@strawberry.type(description="A template or a signature at a provider, as far as is known.")
class ProviderTemplate:
    kind: ProviderTemplateKind
    delivery_channel: str
    provider_id: str | None = strawberry.field(description="The provider's own; null when it has not made it yet.")
    name: str | None = strawberry.field(description="Of the document that declares it; null where none does.")
    title: str
    text: str
    keywords: list[str]
    state: ObjectState | None = strawberry.field(description="Null when the provider was never asked.")
    review: Review | None = strawberry.field(description="Null where nobody reviews, or nobody knows.")
    reason: str = strawberry.field(
        description="Why it is INVALID, UNKNOWN or REJECTED, or why the provider has not what the document says."
    )
    checked_at: datetime | None = strawberry.field(description="When the provider last told of it.")

    @classmethod
    def of(cls, one: Listed) -> "ProviderTemplate":
        return cls(
            kind=ProviderTemplateKind(one.kind), delivery_channel=one.delivery_channel,
            provider_id=one.provider_id or None, name=one.name or None, title=one.title, text=one.text,
            keywords=list(one.keywords), state=one.state, review=one.review, reason=one.reason,
            checked_at=maybe_moment(one.checked_at),
        )  # fmt: skip


@strawberry.type
class SyncProviderTemplatesPayload:
    there: int | None = strawberry.field(description="So many the provider has; null when there are problems.")
    new: int | None = strawberry.field(description="Of those, nobody here knew so many.")
    gone: int | None = strawberry.field(description="Known here, and the provider has them not.")
    problems: list[Problem]


@strawberry.type
class ProviderTemplateDocumentPayload:
    document: str | None = strawberry.field(
        description="The YAML to commit. Its id can be sent with at once, its name when it is applied."
    )
    problems: list[Problem]


@strawberry.type
class ForgetProviderTemplatePayload:
    problems: list[Problem]


async def asked(info: Info, code: str, ask: Callable[[Provider], Awaitable[T]]) -> tuple[T | None, list[Problem]]:
    """What the provider of a DeliveryChannel of the calling Channel answers, or what kept it from that."""
    engine, channel = info.context.engine, info.context.channel
    snapshot = await engine.snapshots.newest()
    try:
        _check_granted([grant["name"] for grant in channel["deliveryChannels"]], code)
        return await ask(await reached(engine.connections, snapshot, code, engine.clock())), []
    except ANSWERS as error:
        return None, [Problem.of(problem) for problem in problems(error)]
    finally:
        engine.snapshots.look_again()


def _check_granted(granted: list[str], code: str) -> None:
    if code not in granted:
        words = f"{code} is not granted to this Channel{did_you_mean(code, granted)}"
        raise CallerRefused([errors.Problem(path="deliveryChannel", code="not_granted", message=words)])


@strawberry.type
class ProviderTemplatesQuery:
    @strawberry.field(
        description="What the calling Channel declares, and what else the DeliveryChannels granted to it have: "
        "as it was when their providers were last asked."
    )
    async def provider_templates(
        self, info: Info, delivery_channel: str | None = None, first: int = 100, after: str | None = None
    ) -> Connection[ProviderTemplate]:
        snapshot = await info.context.engine.snapshots.newest()
        found = listed(snapshot, info.context.channel)
        chosen = [one for one in found if delivery_channel in {None, one.delivery_channel}]
        begin, most = position(after) or 0, limited(first)
        page = list(enumerate(chosen, 1))[begin : begin + most + 1]
        return connection([(at, ProviderTemplate.of(one)) for at, one in page], first)


@strawberry.type
class ProviderTemplatesMutation:
    @strawberry.mutation(
        description="Ask a provider for all that it keeps for the account. What it has not any more becomes INVALID."
    )
    async def sync_provider_templates(self, info: Info, delivery_channel: str) -> SyncProviderTemplatesPayload:
        clock = info.context.engine.clock
        found, wrong = await asked(info, delivery_channel, lambda provider: sync(provider, clock))
        if found is None:
            return SyncProviderTemplatesPayload(there=None, new=None, gone=None, problems=wrong)
        return SyncProviderTemplatesPayload(there=found.there, new=found.new, gone=found.gone, problems=wrong)

    @strawberry.mutation(description="Make known what is at a provider already, for the calling Channel.")
    async def import_provider_template(
        self,
        info: Info,
        delivery_channel: str,
        provider_id: str,
        kind: ProviderTemplateKind = ProviderTemplateKind.TEMPLATE,
    ) -> ProviderTemplateDocumentPayload:
        owner, clock = info.context.channel["name"], info.context.engine.clock
        wanted = ObjectId(kind.value, provider_id)
        document, wrong = await asked(
            info, delivery_channel, lambda provider: import_object(provider, owner, wanted, clock)
        )
        return ProviderTemplateDocumentPayload(document=document, problems=wrong)

    @strawberry.mutation(
        description="Nothing is known of it any more here: for what is gone at the provider, or what it refused once "
        "and has by now. At the provider nothing changes."
    )
    async def forget_provider_template(
        self,
        info: Info,
        delivery_channel: str,
        provider_id: str,
        kind: ProviderTemplateKind = ProviderTemplateKind.TEMPLATE,
    ) -> ForgetProviderTemplatePayload:
        engine = info.context.engine
        try:
            _check_granted([grant["name"] for grant in info.context.channel["deliveryChannels"]], delivery_channel)
            await forget(await engine.snapshots.newest(), delivery_channel, ObjectId(kind.value, provider_id))
        except CallerRefused as refused:
            return ForgetProviderTemplatePayload(problems=[Problem.of(p) for p in refused.problems])
        engine.snapshots.look_again()
        return ForgetProviderTemplatePayload(problems=[])
