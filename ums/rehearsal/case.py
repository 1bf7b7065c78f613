"""What a policy test says: plain values, so that another process can play it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ums.vocabulary import ChannelType

Bound = tuple[ChannelType, str, tuple[str, ...]]
"""Type, bind and addresses."""


@dataclass(frozen=True)
class Fate:
    """What becomes of one address on one DeliveryChannel; times in ms after its submit."""

    answer: str = "submitted"
    """Or refused, invalid, unknown: what the provider says at once."""
    delivered: int | None = None
    clicked: int | None = None
    undelivered: int | None = None


@dataclass(frozen=True)
class Case:
    """One test: who there is, what happens, and what is expected. Times in ms after the send."""

    file: str
    line: int
    column: int
    name: str
    channel: str
    policy: str
    people: Mapping[str, Sequence[Bound]]
    fates: Mapping[tuple[str, str], Fate] = field(default_factory=dict)
    """By DeliveryChannel code and address; without one: silent."""
    busy: Mapping[str, int] = field(default_factory=dict)
    """Until when a DeliveryChannel takes nothing."""
    switched_off: Mapping[str, int] = field(default_factory=dict)
    """When a DeliveryChannel is switched off."""
    steps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By person: what goes out on which DeliveryChannel, and when. A person who is not named is not checked."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """By person: the reason."""
    funnel: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By `users` or DeliveryChannel code; a number that is not named is not checked."""
    priority: str = "medium"


@dataclass(frozen=True)
class Happened:
    """One thing on the timeline of one person."""

    at: int
    """ms after the send."""
    person: str
    what: str
    delivery_channel: str = ""
    why: str = ""


@dataclass(frozen=True)
class Branch:
    """One way through a step: `condition` counts from 0, -1 is the step as a whole."""

    policy: str
    step: int
    """From 1, as people count."""
    condition: int
    way: str
    """triggered or met, of a condition; ran or ended, of a step."""


@dataclass(frozen=True)
class Played:
    """What a case came to."""

    case: Case
    failures: tuple[str, ...] = ()
    """What is not as expected; none when the test passed."""
    timeline: tuple[Happened, ...] = ()
    branches: frozenset[Branch] = frozenset()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.failures
