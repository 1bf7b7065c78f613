"""Why a policy did what it did, worked out again from the rows."""

from typing import Any

import pytest

from tests.shop import MINUTE, SECOND, Shop, person
from ums.messaging.policy import Condition, Step, Verdict
from ums.messaging.reading.lifecycle import lifecycle
from ums.messaging.reading.reasons import reasoned
from ums.models import Message
from ums.reconcile import reconcile
from ums.vocabulary import State

D, C = State.DELIVERED, State.CLICKED
NOT_DELIVERED, NOT_CLICKED = Condition(D, "app", 5 * MINUTE), Condition(C, "app", 10 * MINUTE)
BLACKLIST = "apiVersion: ums/v1\nkind: Blacklist\nchannel: shop\nname: opted-out\nmembers: [ann]\n"
TIMES = ("planned_at", "submitted_at", "delivered_at", "clicked_at", "failed_at")


def row(code: str, step: int, state: State, planned: int = 0, **times: int) -> dict[str, Any]:
    known = {"planned_at": planned, **times}
    return {"delivery_channel": code, "step": step, "state": int(state), **{t: known.get(t) for t in TIMES}}


def app(state: State, **times: int) -> dict[str, Any]:
    return row("app", 0, state, submitted_at=0, **times)


SMS = row("sms", 1, State.SUBMITTED, 5 * MINUTE, submitted_at=5 * MINUTE)
SILENT = "app was not delivered within 5m"


@pytest.mark.parametrize(
    ("rows", "reached", "now", "at", "words"),
    [
        ([app(State.SUBMITTED), SMS], 1, 9, 5 * MINUTE, f"goes out: {SILENT}"),
        ([app(D, delivered_at=300_001), SMS], 1, 9 * MINUTE, 5 * MINUTE, f"goes out: {SILENT}"),
        (
            [app(D, delivered_at=300_001), {**SMS, "planned_at": 300_001}], 1, 9 * MINUTE, 300_001,
            "goes out: app was delivered, but not within 5m",
        ),
        (
            [app(State.UNDELIVERED, failed_at=9), {**SMS, "planned_at": 9}], 1, 9, 9,
            "goes out: app failed, so it cannot be delivered",
        ),
        (
            [app(D, failed_at=9, delivered_at=20), {**SMS, "planned_at": 9}], 1, 30, 9,
            "goes out: app failed, so it cannot be delivered",
        ),
        ([{**SMS, "planned_at": 0}], 1, 9, 0, "goes out: nothing went to app, so it cannot be delivered"),
        (
            [app(D, delivered_at=4 * MINUTE), SMS], 1, 9 * MINUTE, 5 * MINUTE,
            "had gone out before this was known: app was delivered within 5m",
        ),
        ([app(D, delivered_at=20)], 0, 9 * MINUTE, 20, "does not go out: app was delivered within 5m"),
        ([app(State.SUBMITTED)], 0, MINUTE, MINUTE, "waits: app may still be delivered within 5m"),
        ([row("app", 0, State.PLANNED)], 0, MINUTE, MINUTE, "waits: app is not submitted yet"),
        ([app(State.RECALLED, failed_at=7)], 0, MINUTE, 7, "does not go out: the message was recalled"),
        ([app(State.UNDELIVERED, failed_at=7)], 1, MINUTE, 7, "goes out: app failed, so it cannot be delivered"),
    ],
    ids=str,
)  # fmt: skip
def test_one_condition(rows: list[dict[str, Any]], reached: int, now: int, at: int, words: str) -> None:
    policy = [Step(("app",)), Step(("sms",), "all", (NOT_DELIVERED,))]

    (decision,) = reasoned(policy, reached, rows, 0, now)

    assert (decision.step, decision.at, decision.words) == (2, at, f"step 2 (sms) {words}")


@pytest.mark.parametrize(
    ("join", "step", "rows", "now", "words"),
    [
        ("all", {}, [app(D, delivered_at=9)], MINUTE, "does not go out: app was delivered within 5m"),
        ("any", {}, [app(D, delivered_at=9)], MINUTE, "waits: app may still be clicked within 10m"),
        (
            "any", {}, [app(C, delivered_at=9, clicked_at=10)], MINUTE,
            "does not go out: app was delivered within 5m or app was clicked within 10m",
        ),
        (
            "all", {"stop_on": D}, [app(D, delivered_at=6 * MINUTE)], 7 * MINUTE,
            "does not go out: the message was delivered, and the policy stops on that",
        ),
        (
            "all", {"deadline": MINUTE}, [app(State.SUBMITTED)], 2 * MINUTE,
            "does not go out: the deadline, 1m after the send, is over",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_was_decisive_is_named(
    join: str, step: dict[str, Any], rows: list[dict[str, Any]], now: int, words: str
) -> None:
    policy = [Step(("app",)), Step(("sms",), join, (NOT_DELIVERED, NOT_CLICKED), **step)]

    (decision,) = reasoned(policy, 0, rows, 0, now)

    assert decision.words == f"step 2 (sms) {words}"


def test_every_step_that_was_reached_and_the_one_behind_it() -> None:
    last = Step(("mail",), "all", (Condition(D, "sms", MINUTE),))
    policy = [Step(("app",)), Step(("sms",), "all", (NOT_DELIVERED,)), last, last]

    found = reasoned(policy, 1, [app(State.SUBMITTED), SMS], 0, 5 * MINUTE + 1)

    assert [(one.step, one.taken, one.judged.decision.verdict) for one in found] == [
        (2, True, Verdict.DUE),
        (3, False, Verdict.WAIT),
    ]


@pytest.mark.parametrize(
    ("join", "options", "rows", "now", "path"),
    [
        ("all", {}, [app(D, delivered_at=9)], MINUTE, "$.steps[1].when.all[0]"),
        ("any", {}, [app(D, delivered_at=9)], MINUTE, "$.steps[1].when.any[1]"),
        ("any", {}, [app(C, delivered_at=9, clicked_at=10)], MINUTE, "$.steps[1]"),
        ("all", {"stop_on": D}, [app(D, delivered_at=6 * MINUTE)], 7 * MINUTE, "$.stopOn"),
        ("all", {"deadline": MINUTE}, [app(State.SUBMITTED)], 2 * MINUTE, "$.deadline"),
        ("all", {}, [app(State.RECALLED, failed_at=7)], MINUTE, "$.steps[1]"),
    ],
    ids=str,
)
def test_what_was_decisive_is_pointed_at(
    join: str, options: dict[str, Any], rows: list[dict[str, Any]], now: int, path: str
) -> None:
    policy = [Step(("app",)), Step(("sms",), join, (NOT_DELIVERED, NOT_CLICKED), **options)]

    (decision,) = reasoned(policy, 0, rows, 0, now)

    assert decision.path == path


async def why(shop: Shop, message: Message, target: str) -> list[tuple[int, bool, int, str]]:
    (story,) = await lifecycle(await Message.get(id=message.id), target, shop.time())
    return [(one.step, one.taken, one.at - message.created_at, one.words) for one in story.why]


async def test_the_lifecycle_of_a_message_tells_why(shop: Shop) -> None:
    await shop.knows(
        person("ann", app=["rid-ann"], phone="13800000001"),
        person("bob", app=["rid-bob"], phone="13800000002"),
        person("eve", phone="13800000003"),
        person("max"),
    )
    message = await shop.sends({"broadcast": True}, template="shipped", variables={"name": "x"}, policy="app-then-sms")
    await shop.works()
    shop.time.passes(MINUTE)
    await shop.hears(message, D, "rid-ann")
    waiting = await why(shop, message, "bob")
    shop.time.passes(4 * MINUTE)
    await shop.works()
    shop.time.passes(SECOND)

    assert waiting == [(2, False, MINUTE, "step 2 (sms) waits: app may still be delivered within 5m")]
    assert [await why(shop, message, name) for name in ("ann", "bob", "eve", "max")] == [
        [(2, False, MINUTE, "step 2 (sms) does not go out: app was delivered within 5m")],
        [(2, True, 5 * MINUTE, f"step 2 (sms) goes out: {SILENT}")],
        [(2, True, 0, "step 2 (sms) goes out: nothing went to app, so it cannot be delivered")],
        [(1, False, 0, "nothing was sent: there was no address on any of its DeliveryChannels")],
    ]


async def test_whoever_was_left_out_is_told_by_what(shop: Shop) -> None:
    (shop.engine.settings.config / "list.yaml").write_text(BLACKLIST)
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()
    await shop.knows(person("ann", app=["rid-ann"]))
    users = {"users": {"userIds": ["ann", "ghost"]}}
    message = await shop.sends(users, blacklist="opted-out")
    await shop.works()

    stories = [(await lifecycle(await Message.get(id=message.id), name, shop.time()))[0] for name in ("ann", "ghost")]

    assert [one.why[0].words for one in stories] == [
        "nothing was sent: is a member of Blacklist opted-out", "nothing was sent: nobody had this userId",
    ]  # fmt: skip
    assert [one.declared and one.declared.told() for one in stories] == ["config/list.yaml:1", None]
