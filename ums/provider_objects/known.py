"""What providers keep for us, templates and signatures, and whether a message can be sent with them: pure values.

Documents say what shall be there; what is there, and what its reviewers say, stands beside them: see `rows`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ums.vocabulary import ObjectState, Review

Body = Mapping[str, Any]
Place = tuple[str, str, str]
"""Kind, DeliveryChannel and the provider's id."""

PLACEHOLDER_ID = 1
"""Stands for the id of what is not known to be made, where nothing is sent anyway."""


class Known(NamedTuple):
    """What is known of a template or signature at a provider; see `models.ProviderObject`."""

    kind: str
    delivery_channel: str
    provider_id: str
    state: ObjectState
    review: Review | None
    reason: str
    title: str
    text: str
    said: Mapping[str, Any]
    account: str
    checked_at: int

    @property
    def unusable(self) -> str:
        """Why nothing can be sent with it; empty when it can."""
        named = f"{_WORDS[self.kind]} {self.provider_id} of {self.delivery_channel}"
        why = f": {self.reason}" if self.reason else ""
        if self.state is not ObjectState.NORMAL:
            return f"{named} is {self.state.value}{why}"
        if self.review is Review.IN_REVIEW:
            return f"{named} is in review"
        return f"{named} is rejected{why}" if self.review is Review.REJECTED else ""


_WORDS = {"ProviderTemplate": "template", "Signature": "signature"}


class Made(NamedTuple):
    """How far the making of a document is; see `models.Making`."""

    delivery_channel: str
    provider_id: str
    problem: str


@dataclass(frozen=True)
class KeptObjects:
    """All of it at one moment. One that was not read judges nothing: files alone do not tell."""

    objects: Mapping[Place, Known] = field(default_factory=dict)
    made: Mapping[tuple[str, str], Made] = field(default_factory=dict)
    """By kind and identity of the document."""
    was_read: bool = False

    def provider_id(self, kind: str, name: str, body: Body) -> str:
        """By which the provider knows what this document declares; empty when it has not made it."""
        made = self.made.get((kind, name))
        return str(body.get("id") or (made.provider_id if made else "") or ("" if self.was_read else PLACEHOLDER_ID))

    def unusable(self, kind: str, name: str, body: Body) -> str:
        """Why nothing can be sent with what this document declares; empty when it can, or nobody knows better."""
        if not self.was_read:
            return ""
        provider_id, code = self.provider_id(kind, name, body), body["deliveryChannel"]
        if not provider_id:
            made = self.made.get((kind, name))
            why = f": {made.problem}" if made and made.problem else ""
            return f"{kind} {name} is not at the provider of {code} yet{why}"
        found = self.objects.get((kind, code, provider_id))
        return found.unusable if found else ""

    def problem(self, kind: str, name: str) -> str:
        """Why the provider has not what this document says, although it may have something; else empty."""
        made = self.made.get((kind, name))
        return made.problem if made else ""
