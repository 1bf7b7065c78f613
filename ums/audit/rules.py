"""What a Channel's AuditRules want of a send or of a template, and who may decide about a ticket.

Pure: rules, sends, tickets and people are parameters.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ums.errors import Problem

Body = Mapping[str, Any]
Levels = Sequence[Sequence[str]]
"""Logins of those who review, one level after the other."""


@dataclass(frozen=True)
class Sent:
    """A send, as far as rules tell sends apart."""

    audience: Mapping[str, Any]
    """As a message has it."""
    from_template: bool = False
    by_member: bool = False
    """Or else by the Channel's own system."""


@dataclass(frozen=True)
class Review:
    """What must happen before something takes effect."""

    channel: str
    rules: Sequence[str]
    levels: Levels
    submitter: str = ""
    """The Member who wants it; empty: nobody who is known."""
    owner: str = ""
    """The Member who answers for it."""

    @property
    def own(self) -> frozenset[str]:
        """Whose it is: they may not approve it."""
        return frozenset({self.submitter, self.owner}) - {""}


def on_message(rules: Iterable[Body], sent: Sent) -> list[Body]:
    """The rules that catch a send; of an audience of several kinds, one is enough."""
    source = "console" if sent.by_member else "api"
    kind = "template" if sent.from_template else "content"
    targets = target_kinds(sent.audience)
    return [
        rule
        for rule in rules
        if rule["on"] == "message"
        and source in rule["sources"]
        and kind in rule["messageKinds"]
        and targets & set(rule["targetKinds"])
    ]


def on_template(rules: Iterable[Body], sort: str) -> list[Body]:
    """The rules that catch a new version of a template: `general`, `sms` or `wechatOa`."""
    return [rule for rule in rules if rule["on"] == "template" and sort in rule["templates"]]


def target_kinds(audience: Mapping[str, Any]) -> set[str]:
    """How an audience is named, in the words of a rule."""
    if "addresses" in audience:
        return {"addresses"}
    users = audience.get("users")
    if users is None:
        return {"broadcast"}
    named = {"users": users.get("userIds"), "tags": users.get("tags"), "segment": users.get("segment")}
    return {kind for kind, given in named.items() if given}


def levels_of(rules: Iterable[Body]) -> Levels:
    """Those of every rule, in the order of their names; who decided once is not asked the same again."""
    found: list[list[str]] = []
    for rule in sorted(rules, key=lambda rule: str(rule["name"])):
        found += [level for level in rule["levels"] if set(level) not in map(set, found)]
    return found


def impassable(review: Review, reviewers: Collection[str]) -> Iterator[str]:
    """Why nobody could ever let it pass, a sentence for each such level; `reviewers` may review in the Channel."""
    for number, level in enumerate(review.levels, 1):
        if not set(level) & set(reviewers):
            yield f"nobody of level {number} ({', '.join(level)}) may review in Channel {review.channel} any more"
        elif not set(level) & set(reviewers) - review.own:
            whose = " and ".join(sorted(set(level) & review.own))
            yield f"level {number} is left to {whose} alone, who may not approve what is their own"


@dataclass(frozen=True)
class Ticket:
    """A ticket, as far as it matters who may decide about it."""

    id: int
    review: Review
    level: int = 0
    """So many levels are passed."""
    state: str = "waiting"
    version: int = 1
    deciders: Collection[str] = field(default_factory=frozenset)
    """Who may review in its Channel now."""

    @property
    def turn(self) -> list[str]:
        """Whose turn it is."""
        if self.state != "waiting":
            return []
        return [login for login in self.review.levels[self.level] if login not in self.review.own]


def refusal(ticket: Ticket, login: str, seen: int) -> Problem | None:
    """Why this Member may not decide about that version of the ticket now; None when he may."""
    if ticket.state != "waiting":
        return Problem(path="ticket", code="already_decided", message=f"ticket {ticket.id} is {ticket.state}")
    if login in ticket.review.own:
        message = f"ticket {ticket.id} is your own; somebody else must decide about it"
        return Problem(path="ticket", code="own_ticket", message=message)
    level, of = ticket.level + 1, len(ticket.review.levels)
    if seen != ticket.version:
        message = (
            f"something happened to ticket {ticket.id} since you saw it: it is at level {level} of {of}; look again"
        )
        return Problem(path="seen", code="ticket_changed", message=message)
    if login not in ticket.turn:
        names = ", ".join(ticket.turn) or "nobody"
        message = f"ticket {ticket.id} is at level {level} of {of}, which is for {names}"
        return Problem(path="ticket", code="not_your_turn", message=message)
    if login not in ticket.deciders:
        message = f"{login} may not review in Channel {ticket.review.channel} any more"
        return Problem(path="ticket", code="not_a_reviewer", message=message)
    return None
