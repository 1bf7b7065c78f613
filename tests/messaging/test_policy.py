"""What a policy decides, as a truth table: one condition, then two joined by all and by any."""

from typing import Any

import pytest

from ums.messaging.policy import Condition, Decision, Seen, Step, Verdict, decide, steps
from ums.vocabulary import State

MINUTE = 60_000
SUBMITTED = 1_000_000
DUE, ENDED = Decision(Verdict.DUE), Decision(Verdict.ENDED)

NOT_DELIVERED = Condition(State.DELIVERED, "app", 5 * MINUTE)
NOT_CLICKED = Condition(State.CLICKED, "oa", 10 * MINUTE)


def wait(until: int | None) -> Decision:
    return Decision(Verdict.WAIT, until)


def app(state: State, *, delivered_at: int | None = None) -> Seen:
    return Seen("app", state, SUBMITTED if state >= State.SUBMITTED else None, delivered_at)


def oa(state: State, *, clicked_at: int | None = None) -> Seen:
    return Seen("oa", state, SUBMITTED, clicked_at, clicked_at)


@pytest.mark.parametrize(
    ("seen", "after", "expected"),
    [
        pytest.param(
            [app(State.SUBMITTED)], 5 * MINUTE - 1, wait(SUBMITTED + 5 * MINUTE), id="silent, a moment before"
        ),
        pytest.param([app(State.SUBMITTED)], 5 * MINUTE, DUE, id="silent, on the boundary"),
        pytest.param([app(State.SUBMITTED)], 5 * MINUTE + 1, DUE, id="silent, after it"),
        pytest.param(
            [app(State.DELIVERED, delivered_at=SUBMITTED + 5 * MINUTE)],
            6 * MINUTE,
            ENDED,
            id="delivered in time",
        ),
        pytest.param(
            [app(State.DELIVERED, delivered_at=SUBMITTED + 5 * MINUTE + 1)],
            6 * MINUTE,
            DUE,
            id="delivered late",
        ),
        pytest.param([app(State.CLICKED, delivered_at=SUBMITTED + 1)], 6 * MINUTE, ENDED, id="clicked is delivered"),
        pytest.param([app(State.UNDELIVERED)], 0, DUE, id="undelivered triggers at once"),
        pytest.param([app(State.REFUSED)], 0, DUE, id="refused triggers at once"),
        pytest.param([app(State.INVALID)], 0, DUE, id="an invalid address triggers at once"),
        pytest.param([], 0, DUE, id="no address triggers at once"),
        pytest.param([app(State.PLANNED)], 60 * MINUTE, wait(None), id="not submitted yet: the window has not begun"),
        pytest.param(
            [app(State.REFUSED), app(State.SUBMITTED)],
            1,
            wait(SUBMITTED + 5 * MINUTE),
            id="one device may still",
        ),
        pytest.param(
            [app(State.UNDELIVERED), app(State.DELIVERED, delivered_at=SUBMITTED + 1)],
            1,
            ENDED,
            id="one device is enough",
        ),
    ],
)
def test_not_delivered_within_five_minutes(seen: list[Seen], after: int, expected: Decision) -> None:
    assert decide(Step(("sms",), "all", (NOT_DELIVERED,)), seen, SUBMITTED + after, SUBMITTED) == expected


SILENT_APP, SILENT_OA = app(State.SUBMITTED), oa(State.SUBMITTED)
DELIVERED_APP = app(State.DELIVERED, delivered_at=SUBMITTED + MINUTE)
CLICKED_OA = oa(State.CLICKED, clicked_at=SUBMITTED + MINUTE)


@pytest.mark.parametrize(
    ("join", "seen", "minutes", "expected"),
    [
        pytest.param(
            "all",
            [SILENT_APP, SILENT_OA],
            5,
            wait(SUBMITTED + 10 * MINUTE),
            id="all: one has not triggered yet",
        ),
        pytest.param("all", [SILENT_APP, SILENT_OA], 10, DUE, id="all: both triggered"),
        pytest.param("all", [DELIVERED_APP, SILENT_OA], 10, ENDED, id="all: app delivered, so no text message"),
        pytest.param("all", [SILENT_APP, CLICKED_OA], 10, ENDED, id="all: oa clicked, so no text message"),
        pytest.param("all", [SILENT_OA], 10, DUE, id="all: no app address counts as triggered"),
        pytest.param("any", [SILENT_APP, SILENT_OA], 4, wait(SUBMITTED + 5 * MINUTE), id="any: the nearer one first"),
        pytest.param("any", [SILENT_APP, SILENT_OA], 5, DUE, id="any: one is enough"),
        pytest.param(
            "any", [DELIVERED_APP, SILENT_OA], 9, wait(SUBMITTED + 10 * MINUTE), id="any: the other may still"
        ),
        pytest.param(
            "any",
            [DELIVERED_APP, SILENT_OA],
            10,
            DUE,
            id="any: app delivered, oa not clicked, so a text message",
        ),
        pytest.param("any", [DELIVERED_APP, CLICKED_OA], 10, ENDED, id="any: neither triggered"),
    ],
)
def test_two_conditions(join: str, seen: list[Seen], minutes: int, expected: Decision) -> None:
    step = Step(("sms",), join, (NOT_DELIVERED, NOT_CLICKED))

    assert decide(step, seen, SUBMITTED + minutes * MINUTE, SUBMITTED) == expected


def test_a_canonical_body_becomes_steps() -> None:
    body: list[dict[str, Any]] = [
        {"send": ["app", "oa"]},
        {
            "send": ["sms"],
            "when": {"any": [{"notDelivered": "app", "within": 300}, {"notClicked": "oa", "within": 600}]},
        },
    ]

    assert steps(body) == [Step(("app", "oa")), Step(("sms",), "any", (NOT_DELIVERED, NOT_CLICKED))]


def test_the_first_look_is_when_the_nearest_condition_can_trigger() -> None:
    assert Step(("sms",), "all", (NOT_CLICKED, NOT_DELIVERED)).first_look == 5 * MINUTE
