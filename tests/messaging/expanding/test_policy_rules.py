"""Deadline, stopOn, conditions on any earlier step, and what changes while a message is on its way."""

import pytest

from tests.shop import MINUTE, Shop, person
from ums.database import connection, execute, fetch
from ums.messaging.expanding.look import look
from ums.messaging.policy import Condition, Decision, Seen, Step, Verdict, decide, rules
from ums.messaging.reading.history import Loss
from ums.models import Message
from ums.vocabulary import Priority, State

HEAD = "apiVersion: ums/v1\nkind: SendPolicy\nchannel: shop\n"
POLICIES = f"""{HEAD}name: by-noon
deadline: 10m
steps:
  - send: [app]
  - send: [sms]
    when: {{all: [{{notDelivered: app, within: 5m}}]}}
  - send: [mail]
    when: {{all: [{{notDelivered: app, within: 5m}}, {{notDelivered: sms, within: 6m}}]}}
---
{HEAD}name: patient
deadline: 4m
waitOutFailures: true
steps:
  - send: [app]
  - send: [sms]
    when: {{all: [{{notDelivered: app, within: 5m}}]}}
---
{HEAD}name: until-got
stopOn: delivered
steps:
  - send: [app]
  - send: [sms]
    when: {{any: [{{notClicked: app, within: 10m}}]}}
---
{HEAD}name: until-opened
stopOn: clicked
steps:
  - send: [app]
  - send: [sms]
    when: {{any: [{{notDelivered: app, within: 5m}}]}}
---
{HEAD}name: back-to-app
steps:
  - send: [app]
  - send: [sms]
    when: {{all: [{{notDelivered: app, within: 5m}}]}}
  - send: [mail]
    when: {{any: [{{notDelivered: app, within: 7m}}, {{notDelivered: sms, within: 30m}}]}}
"""
ANN = person("ann", app=["rid-ann"], phone="13800000001", mail="ann@example.org")
STEP = Step(("sms",), "all", (Condition(State.DELIVERED, "app", 5 * MINUTE),))


@pytest.fixture
def more_declared() -> str:
    return POLICIES


async def sent(shop: Shop, policy: str) -> Message:
    if not await fetch(connection(), "SELECT id FROM user_account"):
        await shop.knows(ANN)
    message = await shop.sends({"broadcast": True}, template="shipped", variables={"name": "you"}, policy=policy)
    await shop.works()
    return message


async def goes_on(shop: Shop, ms: int) -> None:
    shop.time.passes(ms)
    await shop.works()


async def codes(shop: Shop, message: Message) -> list[str]:
    """On which DeliveryChannels something went out."""
    return [code for code, _, _ in await shop.deliveries(message)]


async def state(message: Message) -> str:
    return (await Message.get(id=message.id)).state


def test_every_later_step_of_a_message_has_what_decides_about_it() -> None:
    body = {"steps": [{"send": ["app"]}, {"send": ["sms"], "when": {}}], "waitOutFailures": False, "deadline": 60}

    assert rules({**body, "stopOn": "clicked"}) == [
        {"send": ["app"]},
        {"send": ["sms"], "when": {}, "stopOn": "clicked", "deadline": 60},
    ]


@pytest.mark.parametrize(
    ("deadline", "now", "expected"),
    [
        (5 * MINUTE, 5 * MINUTE, Decision(Verdict.DUE)),
        (5 * MINUTE - 1, 5 * MINUTE, Decision(Verdict.ENDED)),
        (5 * MINUTE, 5 * MINUTE + 1, Decision(Verdict.ENDED)),
        (5 * MINUTE - 1, 1, Decision(Verdict.WAIT, 5 * MINUTE)),
        (MINUTE, 1, Decision(Verdict.WAIT, MINUTE + 1)),
    ],
    ids=["on it", "past it", "the worker came late", "ends when it is past", "before the window"],
)
def test_no_step_begins_after_the_deadline(deadline: int, now: int, expected: Decision) -> None:
    step = Step(STEP.send, STEP.join, STEP.conditions, deadline=deadline)

    assert decide(step, [Seen("app", State.SUBMITTED, 0)], now, 0) == expected


def test_a_failure_before_the_deadline_still_brings_the_step() -> None:
    step = Step(STEP.send, STEP.join, STEP.conditions, deadline=MINUTE)

    assert decide(step, [Seen("app", State.UNDELIVERED, 0, failed_at=1)], 1, 0) == Decision(Verdict.DUE)


@pytest.mark.parametrize("one", [State.SUBMITTED, State.RECALLED], ids=["submitted", "recalled"])
def test_what_was_recalled_brings_no_further_step(one: State) -> None:
    verdict = decide(STEP, [Seen("app", one, 0), Seen("app", State.UNDELIVERED, 0)], 5 * MINUTE, 0).verdict

    assert verdict is (Verdict.DUE if one is State.SUBMITTED else Verdict.ENDED)


async def test_a_later_step_that_would_miss_the_deadline_never_goes_out(shop: Shop) -> None:
    message = await sent(shop, "by-noon")

    await goes_on(shop, 5 * MINUTE)
    assert (await codes(shop, message), await state(message)) == (["app", "sms"], "sending")
    await goes_on(shop, 5 * MINUTE)
    assert await state(message) == "sending"
    await goes_on(shop, 1)

    assert (await codes(shop, message), await state(message)) == (["app", "sms"], "done")


async def test_a_failure_brings_the_step_before_the_deadline(shop: Shop) -> None:
    message = await sent(shop, "by-noon")
    await goes_on(shop, 5 * MINUTE)

    await shop.hears(message, State.UNDELIVERED, "+8613800000001", code="sms")
    await shop.works()

    assert await codes(shop, message) == ["app", "sms", "mail"]


async def test_a_failure_that_is_waited_out_does_not(shop: Shop) -> None:
    message = await sent(shop, "patient")

    await shop.hears(message, State.UNDELIVERED, "rid-ann")
    await goes_on(shop, 4 * MINUTE + 1)

    assert (await codes(shop, message), await state(message)) == (["app"], "done")


async def test_the_deadline_counts_from_the_time_a_message_is_scheduled_for(shop: Shop) -> None:
    await shop.knows(ANN)
    message = await shop.sends(
        {"broadcast": True}, template="shipped", variables={"name": "you"}, policy="by-noon",
        send_at=shop.time() + 60 * MINUTE,
    )  # fmt: skip
    await goes_on(shop, 60 * MINUTE)

    await goes_on(shop, 5 * MINUTE)

    assert await codes(shop, message) == ["app", "sms"]


async def test_whom_nothing_ever_went_to_by_the_deadline_is_lost(shop: Shop) -> None:
    await shop.knows(person("eve", phone="13800000009"))
    message = await shop.sends({"broadcast": True}, template="shipped", variables={"name": "you"}, policy="by-noon")
    await look(shop.engine, Priority.MEDIUM)  # no app, so the next step is due at once; and here the worker is killed

    await goes_on(shop, 11 * MINUTE)

    assert await shop.states(message) == {"eve": State.LOST}
    assert Loss("", "planned to effective", "too_late", 1) in (await shop.numbers(message)).losses


async def test_who_got_it_late_gets_no_further_step(shop: Shop) -> None:
    message = await sent(shop, "until-got")

    shop.time.passes(9 * MINUTE)
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await goes_on(shop, 2 * MINUTE)

    assert (await codes(shop, message), await state(message)) == (["app"], "done")


async def test_stop_on_clicked_does_not_stop_for_a_delivery(shop: Shop) -> None:
    message = await sent(shop, "until-opened")
    shop.time.passes(5 * MINUTE)
    await shop.hears(message, State.DELIVERED, "rid-ann")
    other = await sent(shop, "until-opened")
    shop.time.passes(5 * MINUTE + 1)
    await shop.hears(other, State.DELIVERED, "rid-ann")
    third = await sent(shop, "until-opened")
    shop.time.passes(5 * MINUTE + 1)
    await shop.hears(third, State.CLICKED, "rid-ann")

    await shop.works()

    assert [await codes(shop, each) for each in (message, other, third)] == [["app"], ["app", "sms"], ["app"]]


async def test_what_stops_survives_a_killed_worker(shop: Shop) -> None:
    message = await sent(shop, "until-got")
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await execute(connection(), "UPDATE message SET lease_until = $1, lease_token = 'dead'", shop.time() + 11 * MINUTE)

    await goes_on(shop, 10 * MINUTE)
    assert await state(message) == "sending"
    await goes_on(shop, MINUTE)

    assert (await codes(shop, message), await state(message)) == (["app"], "done")


async def test_a_condition_on_an_earlier_step_is_looked_at_in_its_own_time(shop: Shop) -> None:
    message = await sent(shop, "back-to-app")
    await goes_on(shop, 5 * MINUTE)

    await goes_on(shop, 2 * MINUTE - 1)
    assert await codes(shop, message) == ["app", "sms"]
    await goes_on(shop, 1)

    assert await codes(shop, message) == ["app", "sms", "mail"]


async def test_a_receipt_and_the_step_in_the_same_moment_decide_once(shop: Shop) -> None:
    first, second = await sent(shop, "app-then-sms"), await sent(shop, "app-then-sms")
    shop.time.passes(5 * MINUTE)
    await shop.hears(first, State.DELIVERED, "rid-ann")  # before the worker looks: in time
    await shop.works()
    await shop.hears(second, State.DELIVERED, "rid-ann")  # in time too, but the step has gone out

    await goes_on(shop, 60 * MINUTE)

    assert [await codes(shop, each) for each in (first, second)] == [["app"], ["app", "sms"]]
