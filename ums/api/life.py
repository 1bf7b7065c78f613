"""The life story of one target, as the API tells it."""

from datetime import datetime

import strawberry

from ums.api.words import DeclaredAt, maybe_moment, moment
from ums.messaging.policy import Verdict
from ums.messaging.reading import lifecycle
from ums.messaging.reading.reasons import Reasoned
from ums.places import Place
from ums.vocabulary import AppPlatform, AppSender, State

strawberry.enum(Verdict, name="PolicyVerdict", description="DUE: the step went out. ENDED: it never will.")


@strawberry.type
class Event:
    at: datetime
    what: str
    delivery_channel: str
    address: str
    step: int
    detail: str
    app_platform: AppPlatform | None = strawberry.field(
        description="Of what a device was told to have done, where the provider says which kind it is."
    )
    app_sender: AppSender | None = strawberry.field(description="Who brought it there, where the provider says so.")


@strawberry.type(description="One call to a provider.")
class Attempt:
    started_at: datetime
    took_ms: int
    delivery_channel: str
    batch: strawberry.ID
    number: int
    targets: int
    verdict: str = strawberry.field(description="answered, busy, refused or unknown")
    code: str
    words: str
    provider_id: str | None
    request_key: str = strawberry.field(description="The provider's idempotency key, the same for every repeat.")
    worker: str
    revision: int = strawberry.field(
        description="The configuration that the DeliveryChannel was used by; what was said is pinned to the message's."
    )
    requests: list[str] = strawberry.field(
        description="What went over the wire, the first ten requests, without query and body: they hold secrets and "
        "addresses. Empty where the provider is not spoken to by HTTP."
    )


@strawberry.type(description="What a policy decided about one step for one target, or that it waits.")
class Decision:
    step: int = strawberry.field(description="From 1; the first one only of somebody to whom nothing was sent at all.")
    verdict: Verdict
    at: datetime = strawberry.field(description="When it went out, or was certain not to; while it waits: now.")
    until: datetime | None = strawberry.field(
        description="When it is looked at again, unless something happens before."
    )
    because: str = strawberry.field(description="The reason, in words.")
    declared_at: DeclaredAt | None = strawberry.field(
        description="Where stands what decided: the condition of the policy, if it was one, else its step; or the list "
        "or the cap by which somebody was left out. Null where nothing declared decided."
    )

    @classmethod
    def of(cls, decided: Reasoned, declared: Place | None) -> "Decision":
        verdict, until = decided.judged.decision.verdict, decided.judged.decision.until
        return cls(
            step=decided.step, verdict=Verdict.DUE if decided.taken else verdict, at=moment(decided.at),
            until=None if decided.taken else maybe_moment(until), because=decided.words,
            declared_at=DeclaredAt.of(declared, decided.path) if declared else None,
        )  # fmt: skip


@strawberry.type(description="The life story of one target under one message.")
class Lifecycle:
    target: str
    state: State
    reason: str
    step: int
    next_check_at: datetime | None = strawberry.field(description="When the policy looks at this person again.")
    progress: list[Event] = strawberry.field(description="For operators.")
    log: list[Attempt] = strawberry.field(description="For engineers.")
    why: list[Decision] = strawberry.field(
        description="Every decision of the policy; of who was lost, why nothing was sent."
    )

    @classmethod
    def of(cls, story: lifecycle.Story) -> "Lifecycle":
        progress = [
            Event(
                at=moment(e.at), what=e.what, delivery_channel=e.delivery_channel, address=e.address, step=e.step,
                detail=e.detail, app_platform=e.app_platform, app_sender=e.app_sender,
            )
            for e in story.progress
        ]  # fmt: skip
        return cls(
            target=story.target, state=story.state, reason=story.reason, step=story.step,
            next_check_at=maybe_moment(story.next_check_at), progress=progress, log=[_attempt(a) for a in story.log],
            why=[Decision.of(decided, story.declared) for decided in story.why],
        )  # fmt: skip


def _attempt(row: lifecycle.AttemptRow) -> Attempt:
    return Attempt(
        started_at=moment(row["started_at"]), took_ms=row["took_ms"], delivery_channel=row["delivery_channel"],
        batch=strawberry.ID(str(row["batch_id"])), number=row["number"], targets=row["targets"],
        verdict=row["verdict"], code=row["code"], words=row["words"], provider_id=row["provider_id"],
        request_key=row["request_key"], worker=row["worker"],
        revision=row["revision"], requests=row["requests"].splitlines(),
    )  # fmt: skip
