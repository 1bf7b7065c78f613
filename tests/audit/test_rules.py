"""Which sends an AuditRule catches, and who may let them pass: tables of values."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ums.audit.rules import Review, Sent, Ticket, impassable, levels_of, on_message, on_template, refusal

EVERYTHING: dict[str, Any] = {
    "name": "r", "on": "message", "sources": ["console", "api"], "messageKinds": ["content", "template"],
    "targetKinds": ["broadcast", "tags", "users", "segment", "addresses"], "levels": [["lin"]],
}  # fmt: skip

BROADCAST = {"broadcast": True, "blacklist": "angry"}
ADDRESSES = {"addresses": [{"deliveryChannel": "app", "addresses": ["rid"]}]}


def users(ids: Sequence[str] = (), tags: Sequence[str] = (), segment: str = "") -> Mapping[str, Any]:
    named: dict[str, Any] = {"userIds": list(ids), "tags": list(tags)}
    return {"users": {**named, "segment": segment} if segment else named}


AUDIENCES = {
    "broadcast": BROADCAST,
    "tags": users(tags=["vip"]),
    "users": users(["ann"]),
    "segment": users(segment="pilot"),
    "addresses": ADDRESSES,
}


@pytest.mark.parametrize("kind", AUDIENCES)
@pytest.mark.parametrize("from_template", [True, False])
@pytest.mark.parametrize("by_member", [True, False])
def test_a_rule_that_narrows_nothing_catches_every_send(kind: str, from_template: bool, by_member: bool) -> None:
    assert on_message([EVERYTHING], Sent(AUDIENCES[kind], from_template, by_member)) == [EVERYTHING]


@pytest.mark.parametrize("kind", AUDIENCES)
@pytest.mark.parametrize("target", AUDIENCES)
def test_a_rule_on_one_kind_of_target_catches_that_alone(kind: str, target: str) -> None:
    rule = {**EVERYTHING, "targetKinds": [target]}

    assert bool(on_message([rule], Sent(AUDIENCES[kind]))) == (kind == target)


@pytest.mark.parametrize(
    ("narrowed", "from_template", "by_member", "caught"),
    [
        ({"sources": ["api"]}, False, False, True),
        ({"sources": ["api"]}, False, True, False),
        ({"sources": ["console"]}, False, False, False),
        ({"sources": ["console"]}, False, True, True),
        ({"messageKinds": ["content"]}, False, False, True),
        ({"messageKinds": ["content"]}, True, False, False),
        ({"messageKinds": ["template"]}, False, False, False),
        ({"messageKinds": ["template"]}, True, False, True),
        ({"sources": ["api"], "messageKinds": ["content"]}, True, False, False),
        ({"sources": ["api"], "messageKinds": ["content"]}, False, True, False),
        ({"sources": ["api"], "messageKinds": ["content"]}, False, False, True),
    ],
)
def test_source_and_kind_of_message_must_both_fit(
    narrowed: dict[str, Any], from_template: bool, by_member: bool, caught: bool
) -> None:
    rule = {**EVERYTHING, **narrowed}

    assert bool(on_message([rule], Sent(BROADCAST, from_template, by_member))) == caught


def test_of_an_audience_of_several_kinds_one_is_enough() -> None:
    both = Sent(users(["ann"], tags=["vip"]))

    caught = [
        kind for kind in ("users", "tags", "segment") if on_message([{**EVERYTHING, "targetKinds": [kind]}], both)
    ]

    assert caught == ["users", "tags"]


def test_a_rule_on_templates_catches_no_send_and_one_on_messages_no_template() -> None:
    on_templates = {"name": "t", "on": "template", "templates": ["general"], "levels": [["lin"]]}

    assert on_message([on_templates], Sent(BROADCAST)) == []
    assert on_template([EVERYTHING, on_templates], "general") == [on_templates]
    assert on_template([EVERYTHING, on_templates], "sms") == []


def test_the_levels_of_several_rules_follow_each_other_by_name_and_nobody_is_asked_the_same_twice() -> None:
    rules = [
        {"name": "b", "levels": [["root"], ["chen"]]},
        {"name": "a", "levels": [["lin", "chen"], ["root"]]},
        {"name": "c", "levels": [["chen", "lin"]]},
    ]

    assert levels_of(rules) == [["lin", "chen"], ["root"], ["chen"]]


def review(*levels: Sequence[str], submitter: str = "ann", owner: str = "bob") -> Review:
    return Review("shop", ["r"], levels, submitter, owner)


@pytest.mark.parametrize(
    ("levels", "reasons"),
    [
        ([["lin"], ["ann", "chen"]], []),
        ([["ann"]], ["level 1 is left to ann alone, who may not approve what is their own"]),
        ([["lin"], ["ann", "bob"]], ["level 2 is left to ann and bob alone, who may not approve what is their own"]),
        ([["gone"]], ["nobody of level 1 (gone) may review in Channel shop any more"]),
        ([["gone", "ann"]], ["level 1 is left to ann alone, who may not approve what is their own"]),
    ],
)
def test_a_review_that_could_never_end_is_seen_before_it_begins(levels: list[list[str]], reasons: list[str]) -> None:
    assert list(impassable(review(*levels), {"lin", "chen", "ann", "bob"})) == reasons


EVERYBODY = frozenset({"lin", "chen", "root", "ann", "bob"})


@pytest.mark.parametrize(
    ("ticket", "login", "seen", "code"),
    [
        (Ticket(1, review(["lin", "chen"], ["root"]), deciders=EVERYBODY), "lin", 1, None),
        (Ticket(1, review(["lin", "chen"], ["root"]), deciders=EVERYBODY), "chen", 1, None),
        (Ticket(1, review(["lin", "chen"], ["root"]), deciders=EVERYBODY), "root", 1, "not_your_turn"),
        (Ticket(1, review(["lin"], ["root"]), level=1, version=2, deciders=EVERYBODY), "root", 2, None),
        (Ticket(1, review(["lin"], ["root"]), level=1, version=2, deciders=EVERYBODY), "root", 1, "ticket_changed"),
        (Ticket(1, review(["lin"], ["root"]), level=1, version=2, deciders=EVERYBODY), "lin", 2, "not_your_turn"),
        (Ticket(1, review(["ann", "lin"]), deciders=EVERYBODY), "ann", 1, "own_ticket"),
        (Ticket(1, review(["bob", "lin"]), deciders=EVERYBODY), "bob", 1, "own_ticket"),
        (Ticket(1, review(["lin"]), deciders=frozenset()), "lin", 1, "not_a_reviewer"),
        (Ticket(1, review(["lin"]), level=1, state="approved", deciders=EVERYBODY), "lin", 1, "already_decided"),
        (Ticket(1, review(["lin"]), state="rejected", deciders=EVERYBODY), "lin", 1, "already_decided"),
    ],
)
def test_who_may_decide_now(ticket: Ticket, login: str, seen: int, code: str | None) -> None:
    problem = refusal(ticket, login, seen)

    assert (problem.code if problem else None) == code
