"""What providers keep for an account beside its messages, templates and signatures, and what can be done with that."""

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ums.vocabulary import Review


class ObjectId(NamedTuple):
    """Names what a provider keeps for an account."""

    kind: str
    """`ProviderTemplate` or `Signature`."""
    id: str
    """The provider's own."""


@dataclass(frozen=True)
class Kept:
    """A template or a signature as the provider has it."""

    object: ObjectId
    said: Mapping[str, Any]
    """What a document may say of it and the provider tells, in the document's words: `text`, `type`, `keywords`..."""
    title: str = ""
    text: str = ""
    """Its words, with the provider's own marks for variables."""
    review: Review | None = None
    """None where the provider reviews nothing, or does not say."""


@dataclass(frozen=True)
class Reviewed:
    """What a reviewer at the provider has decided."""

    object: ObjectId
    review: Review
    reason: str = ""
    """Why it was rejected, in the reviewer's words."""


class Keeper(ABC):  # most providers keep nothing that they tell of
    """The part of a Provider that is about no message."""

    platform: ClassVar[str]
    keeps: ClassVar[Sequence[str]] = ()
    """Of which kinds it can say what it keeps for the account: `ProviderTemplate`, `Signature`; empty: of none."""
    makes: ClassVar[bool] = False
    """Whether `make`, `edit` and `discard` are there."""

    async def kept(self, known: Sequence[ObjectId]) -> list[Kept]:
        """What it keeps: all that is there, or of those `known` the ones that are, where it gives no list.

        What is known and not among them is not there. Raises ProviderBusy, ProviderRefused or OutcomeUnknown.
        """
        raise NotImplementedError(f"{self.platform} keeps nothing that it tells of")

    async def make(self, kind: str, declared: Mapping[str, Any]) -> str:
        """Have it make what the document declares, and review it; the id that it gives.

        Raises ProviderBusy and ProviderRefused when it was not made, OutcomeUnknown when nobody knows.
        """
        raise NotImplementedError(f"{self.platform} has nothing made by us")

    async def edit(self, made: ObjectId, declared: Mapping[str, Any]) -> None:
        """Change it to what the document declares; its review begins again. Only what was rejected can be edited.

        Raises as `make` does; doing it twice is harmless.
        """
        raise NotImplementedError(f"{self.platform} has nothing changed by us")

    async def discard(self, made: ObjectId) -> None:
        """Delete it; quietly when it is not there. Raises as `make` does."""
        raise NotImplementedError(f"{self.platform} has nothing deleted by us")
