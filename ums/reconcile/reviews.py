"""What a plan says of reviews: which of its changes will wait for one, and what waits already. Pure values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ums.audit.rules import on_template
from ums.reconcile.change import Change
from ums.reconcile.kinds import BY_NAME, Body, Key

UNSEEN = {"apiVersion", "kind", "channel", "name", "title", "description", "labels", "protect"}
"""What no reader of a message sees, and no reviewer is asked about."""


@dataclass(frozen=True)
class Waiting:
    """A declared version that is not approved. It is no drift: it is what the files say, and not in use yet."""

    kind: str
    name: str
    ticket: int
    rejected: bool
    has_approved: bool
    """Whether an earlier version is in use meanwhile."""

    def __str__(self) -> str:
        stands = "rejected" if self.rejected else "waits for approval"
        used = "the version before it is in use" if self.has_approved else "nothing is in use"
        return f"? {self.kind}/{self.name}: {stands}, ticket {self.ticket}; {used}"


def demanding(key: Key, body: Body, bodies: Mapping[Key, Body]) -> list[Body]:
    """The AuditRules that want this version reviewed, the first by its name first."""
    kind = BY_NAME.get(key[0])
    sort = kind.audited(body, bodies) if kind and kind.audited else ""
    rules = (rule for (of, _), rule in bodies.items() if of == "AuditRule" and rule["channel"] == body["channel"])
    return sorted(on_template(rules, sort), key=lambda rule: str(rule["name"])) if sort else []


def same(one: Body | None, other: Body | None) -> bool:
    """Whether a reviewer of the one has seen all of the other."""
    return one is not None and other is not None and _seen(one) == _seen(other)


def to_review(changes: Iterable[Change], after: Mapping[Key, Body]) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """The changes that will wait for a review, and the names of the rules; `after` is all that is live then."""
    for change in changes:
        new = None if same(change.before, change.after) else change.after
        if new is not None and (rules := demanding(change.key, new, after)):
            yield change.key, tuple(str(rule["name"]) for rule in rules)


def _seen(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in UNSEEN}
