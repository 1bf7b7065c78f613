"""What a provider is to UMS: a translation of a batch into the provider's words, and of its words back into ours.

A provider knows no table, no queue and no other provider; it is handed an `Account` and, for each call, a `Submission`.
"""

from abc import abstractmethod
from base64 import encodebytes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import aiohttp

from ums.documents import Path
from ums.providers.keeper import Keeper, ObjectId, Reviewed
from ums.providers.pace import OwnPace, Pace
from ums.providers.tokens import OwnTokens, Token, Tokens, TokensOf
from ums.vocabulary import AppPlatform, AppSender, ChannelType, Proof, Reason, SandboxAddress, State


@dataclass(frozen=True)
class Account:
    """One DeliveryChannel, its secrets resolved. Its `repr` shows none of them."""

    code: str
    credentials: Mapping[str, Any] = field(repr=False)
    """As `schemas/providers/<platform>.json` describes them, each secret reference replaced by its value."""
    sandbox: SandboxAddress | None = None
    """Where to go instead of the real provider."""
    tokens: Tokens = field(default_factory=OwnTokens, repr=False)
    tokens_of: TokensOf = field(default=lambda _, __: OwnTokens(), repr=False)
    pace: Pace = field(default_factory=OwnPace, repr=False)


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message; the same object for everybody who gets it."""

    name: str
    """Without a path or a line break, in any script."""
    content_type: str
    """`type/subtype`"""
    content: bytes = field(repr=False)

    @cached_property
    def encoded(self) -> bytes:
        """In base64, in lines as mails have them."""
        return encodebytes(self.content).replace(b"\n", b"\r\n")


class Target(NamedTuple):  # one of a million: cheaper than a dataclass
    id: int
    """The delivery's id."""
    address: str


class Named(NamedTuple):
    """A file that a content names."""

    at: Path
    """Where in the content."""
    url: str


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
    personal: Callable[[Target], Mapping[str, Any]] | None = None
    """The content of each target, where it is not the same for all: each has click links of its own."""
    files: Sequence[Attachment] = ()
    """What the content names: see `Provider.named`."""

    def content_of(self, target: Target) -> Mapping[str, Any]:
        return self.personal(target) if self.personal else self.content


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


class Common(NamedTuple):
    """The Outcome that targets have in common: see there."""

    state: State
    reason: Reason | None = None
    code: str = ""
    words: str = ""


@dataclass(frozen=True)
class Answer:
    """What the provider said to one Submission: each target has an Outcome of its own, or that of all others."""

    outcomes: Sequence[Outcome] = ()
    """Of the targets that the provider told apart, each at most once."""
    others: Common | None = None
    """What became of every target that is not in `outcomes`; None when all of them are."""
    provider_id: str | None = None
    """The provider's id of the whole batch, where it gives one."""
    code: str = ""
    words: str = ""
    pause: float = 0
    """Seconds for which the provider wants no further call: its quota is used up."""
    gone: ObjectId | None = None
    """The template that, it says, is not there."""


@dataclass(frozen=True)
class Report:
    """A request that arrived at a receipt door, as it came."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Via(NamedTuple):
    """The way that an app notification took, as far as the provider tells."""

    platform: AppPlatform | None
    sender: AppSender | None


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
    via: Via | None = None


@dataclass(frozen=True)
class Replied:
    """What somebody wrote back."""

    address: str
    """Whose it is, in its one stored form: a mainland number with +86."""
    content: str
    at: int
    """When it was written, ms; the same when the provider repeats itself."""


class Provider(Keeper):
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

    personal: ClassVar[bool] = False
    """Whether `send` honours `Submission.content_of`; what says the same to all in one call cannot."""
    attaches: ClassVar[bool] = False
    """Whether `send` honours `Submission.files`; for others nothing is fetched."""
    limits: ClassVar[str] = ""
    """What the platform allows, and what UMS does about it: for people, in docs/providers.md."""
    posts: ClassVar[bool] = False
    """Whether it posts receipts to a door of ours: `receipts` is there."""
    thanks: ClassVar[str] = ""
    """What the provider wants to read as the answer to its receipts; empty: any 200 will do."""
    recalls: ClassVar[bool] = False
    """Whether `recall` is there."""
    asked_after: ClassVar[Sequence[int]] = ()
    """Seconds after a submission at which `ask` may learn more; empty: the provider need not be asked."""
    collected_every: int = 0
    """Seconds between two calls of `collect`; 0: nothing is to be collected."""

    @classmethod
    def named(cls, content: Mapping[str, Any]) -> Sequence[Named]:
        """The files that a content names; what is behind their URLs is in `Submission.files`, in this order."""
        return [Named(("files", n), url) for n, url in enumerate(content.get("files", ()))] if cls.attaches else ()

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

    async def ask(self, provider_id: str) -> list[Receipt]:
        """What the provider knows by now of the batch that it calls so; what it told before may come again.

        Raises ProviderBusy, ProviderRefused, or OutcomeUnknown when no sense can be made of what it says.
        """
        raise NotImplementedError(f"{self.platform} need not be asked")

    @classmethod
    def keeps_receipts(cls, credentials: Mapping[str, Any]) -> bool:  # noqa: ARG003 - of some it depends on them
        """Whether an account so declared has receipts to be fetched; its secrets are references still."""
        return cls.collect is not Provider.collect

    async def collect(self) -> list[Receipt]:
        """Receipts that wait at the provider to be fetched, and that it hands out once; raises as `ask` does."""
        raise NotImplementedError(f"{self.platform} keeps no receipts")

    async def recall(self, provider_id: str) -> None:
        """Take the batch back, or the one target that the provider calls so.

        Raises ProviderBusy, OutcomeUnknown, or ProviderRefused when it says that it is too late or impossible.
        """
        raise NotImplementedError(f"{self.platform} takes nothing back")

    async def lend(self) -> Token:
        """The account's token for other systems of its owner, who would void it if they fetched one of their own.

        Raises ProviderBusy or ProviderRefused.
        """
        raise NotImplementedError(f"{self.platform} gives out no token that could be lent")

    def reviews(self, report: Report) -> list[Reviewed]:  # noqa: ARG002  # asked of platforms that post some
        """Read what a reviewer decided, where that is what arrived at the door; raises as `receipts` does."""
        return []

    def replies(self, report: Report) -> list[Replied]:  # noqa: ARG002  # asked of platforms that post some
        """Read what people wrote back, where that is what arrived at the door; raises as `receipts` does."""
        return []

    async def close(self) -> None:
        """Let go of pooled connections of its own; the HTTP session is not its own."""
