"""What a provider is to UMS: a translation of a batch into the provider's words, and of its words back into ours.

A provider knows no table, no queue and no other provider; it is handed an `Account` and, for each call, a `Submission`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import aiohttp

from ums.vocabulary import ChannelType, Proof, Reason, SandboxAddress, State


@dataclass(frozen=True)
class Account:
    """One DeliveryChannel, its secrets resolved. Its `repr` shows none of them."""

    code: str
    credentials: Mapping[str, Any] = field(repr=False)
    """As `schemas/providers/<platform>.json` describes them, each secret reference replaced by its value."""
    sandbox: SandboxAddress | None = None
    """Where to go instead of the real provider."""


class Target(NamedTuple):  # one of a million: cheaper than a dataclass
    id: int
    """The delivery's id."""
    address: str


@dataclass(frozen=True)
class Submission:
    """One call's worth: the same content for at most `batch_limit` targets."""

    key: str
    """What `request_key` returned before the first attempt; the same for every repeat. Empty when there is none."""
    content: Mapping[str, Any]
    """Rendered, as `schemas/content/<type>.json` describes it."""
    targets: Sequence[Target]
    created_at: int
    """When the batch was planned, ms; the same for every repeat."""


class Outcome(NamedTuple):
    """What became of one target.

    `state` is SUBMITTED, DELIVERED (where the provider's answer is all the delivery receipt there is), INVALID,
    REFUSED, UNKNOWN, or PLANNED: not now, try this one again. `code` and `words` are the provider's own.
    """

    id: int
    state: State
    reason: Reason | None = None
    code: str = ""
    words: str = ""
    provider_id: str | None = None
    """The provider's id of this one target, where it gives one."""


@dataclass(frozen=True)
class Answer:
    """What the provider said to one Submission: exactly one Outcome per target."""

    outcomes: Sequence[Outcome]
    provider_id: str | None = None
    """The provider's id of the whole batch, where it gives one."""
    code: str = ""
    words: str = ""


@dataclass(frozen=True)
class Report:
    """A request that arrived at a receipt door, as it came."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Receipt:
    """What a provider tells us later about one target."""

    provider_id: str
    """As in the Outcome of that target, or in the Answer of its batch."""
    address: str
    """Empty when `provider_id` names the target alone."""
    state: State
    at: int
    """When it happened, ms."""
    reason: Reason | None = None
    code: str = ""
    words: str = ""


class Provider(ABC):
    """A connection to one platform for one DeliveryChannel."""

    platform: ClassVar[str]
    """As in the DeliveryChannel's `platform`."""
    type: ClassVar[ChannelType]
    batch_limit: ClassVar[int]
    """Targets in one Submission, at most."""
    detects: ClassVar[Mapping[State, Proof]]
    """Which of DELIVERED and CLICKED it can tell us, and what that is worth."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        self.account = account
        self.session = session

    async def request_key(self) -> str:
        """An idempotency key that makes a repeated Submission harmless; empty where the provider knows none."""
        return ""

    @abstractmethod
    async def send(self, submission: Submission) -> Answer:
        """Submit; raises ProviderBusy, ProviderRefused (the account is at fault) or OutcomeUnknown."""

    def greet(self, report: Report) -> str | None:
        """What to answer when the provider checks the door itself (an `echostr`); None when it does not."""
        return report.query.get("echostr") if report.method == "GET" else None

    def receipts(self, report: Report) -> list[Receipt]:
        """Read what arrived at the door; raises Unauthorized when it does not come from this account.

        Raises CallerRefused when it cannot be read. What is of no interest to a delivery is left out.
        """
        raise NotImplementedError(f"{self.platform} posts no receipts")

    async def close(self) -> None:  # noqa: B027 - most providers hold nothing of their own
        """Let go of pooled connections of its own; the HTTP session is not its own."""
