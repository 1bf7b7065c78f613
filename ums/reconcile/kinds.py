"""The kinds of `ums/v1`: one row each, and all rows take the same way from file to database.

A kind may refer only to kinds above it: creates run down this list, deletes run up.
If a new kind needs an `if` about kinds anywhere, its row lacks a column.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ums.documents import Path
from ums.reconcile.canonical import grants, waits
from ums.reconcile.rules import (
    Rule,
    conditions_earlier,
    conditions_placed,
    detectable,
    granted,
    granted_once,
    sent_once,
    variables_declared,
    variables_used,
)

Body = Mapping[str, Any]
Key = tuple[str, str]
"""Kind and identity."""

ANY = "*"
"""In a path: every item, or every property."""


@dataclass(frozen=True)
class Reference:
    """Where bodies of a kind name an object of another."""

    kind: str
    path: Path

    def names(self, body: Body) -> Iterator[tuple[Path, str]]:
        """Each name that stands there, and where."""
        return _select(body, self.path)


@dataclass(frozen=True)
class Part:
    """A property that a further schema describes, which is named by the value of another property."""

    property: str
    folder: str
    by: str


@dataclass(frozen=True)
class Kind:
    name: str
    schema: str
    owned: bool = False
    """By a Channel: its identity is `channel/name`, and names need to differ in that Channel alone."""
    unique: tuple[str, ...] = ()
    """Properties that no two objects of the kind share."""
    fallbacks: tuple[tuple[str, str], ...] = (("title", "name"),)
    """A property, and the one that speaks for it when it is not given."""
    canonical: Callable[[Body], Body] = dict
    """What its author may write in several ways, written in one; defaults are there already."""
    parts: tuple[Part, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    """What a schema cannot say."""
    generated: tuple[str, ...] = ()
    """Properties that may hold `{generate: true}`: apply makes the secret."""

    def identity(self, body: Body) -> str:
        name = str(body.get("name", ""))
        return f"{body.get('channel', '')}/{name}" if self.owned else name


KINDS = (
    Kind(
        "DeliveryChannel",
        schema="delivery-channel",
        unique=("title",),
        parts=(Part("credentials", folder="providers", by="platform"),),
    ),
    Kind(
        "Channel",
        schema="channel",
        unique=("title", "key"),
        fallbacks=(("title", "name"), ("key", "name")),
        canonical=grants,
        references=(Reference("DeliveryChannel", ("deliveryChannels", ANY, "name")),),
        rules=(granted_once,),
        generated=("masterSecret",),
    ),
    Kind(
        "Template",
        schema="template",
        owned=True,
        references=(Reference("Channel", ("channel",)),),
        rules=(variables_declared, variables_used),
    ),
    Kind(
        "SendPolicy",
        schema="send-policy",
        owned=True,
        canonical=waits,
        references=(
            Reference("Channel", ("channel",)),
            Reference("DeliveryChannel", ("steps", ANY, "send", ANY)),
            Reference("DeliveryChannel", ("steps", ANY, "when", ANY, ANY, "notDelivered")),
            Reference("DeliveryChannel", ("steps", ANY, "when", ANY, ANY, "notClicked")),
        ),
        rules=(granted, sent_once, conditions_placed, conditions_earlier, detectable),
    ),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
ORDER: Mapping[str, int] = {kind.name: number for number, kind in enumerate(KINDS)}


def _select(value: Any, path: Path, at: Path = ()) -> Iterator[tuple[Path, str]]:
    if not path:
        yield at, value
        return
    step, *rest = path
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        if step in (ANY, key):
            yield from _select(child, tuple(rest), (*at, key))
