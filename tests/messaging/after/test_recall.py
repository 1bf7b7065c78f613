"""Calling a message back: what was not sent never is, and providers take back what was."""

from dataclasses import replace

import pytest

from tests.shop import APP, MINUTE, SECOND, Shop, person
from ums.database import connection, execute, fetch
from ums.errors import CallerRefused
from ums.messaging.after.recall import RECALLABLE, RecallOutcome, outcomes, recall, recalled
from ums.messaging.after.take_back import AGAIN, take_back
from ums.messaging.connections import connected
from ums.messaging.delivering.drain import drain
from ums.messaging.expanding.look import look
from ums.messaging.reading.history import Funnel, Loss
from ums.models import Attempt, Delivery, Message
from ums.sandbox import free_address
from ums.vocabulary import MessageState, Priority, State

LANE = Priority.MEDIUM
BOTH = {"content": {"app": APP, "sms": {"temp_id": 1}}}


async def called_back(shop: Shop, message: Message) -> None:
    await recall(shop.engine, "shop", message.id)
    await seen_to(shop)


async def seen_to(shop: Shop) -> None:
    """Workers do all that is due now."""
    while await take_back(shop.engine):
        pass
    await shop.works()


async def refused(shop: Shop, message_id: int, channel: str = "shop") -> str:
    with pytest.raises(CallerRefused) as caught:
        await recall(shop.engine, channel, message_id)
    return caught.value.problems[0].code


async def parts(message: Message) -> dict[str, tuple[RecallOutcome, tuple[int, int, int, int], str]]:
    return {
        p.delivery_channel: (p.outcome, (p.stopped, p.taken_back, p.arrived, p.left), p.words)
        for p in await recalled(message.id)
    }


async def test_what_is_not_sent_yet_never_is(shop: Shop) -> None:
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(3)))
    message = await shop.sends({"broadcast": True})
    await look(shop.engine, LANE)

    await called_back(shop, message)
    shop.time.passes(60 * MINUTE)
    await seen_to(shop)

    assert shop.sandbox.record("jpush").addresses == []
    assert {state for *_, state in await shop.deliveries(message)} == {State.RECALLED}
    numbers = await shop.numbers(message)
    assert (numbers.users, numbers.delivery_channels["app"]) == (Funnel(3, 3, 0, 0, 0), Funnel(3, 3, 0, 0, 0))
    assert numbers.losses == [Loss("app", "effective to sent", "recalled", 3)]
    assert await parts(message) == {"app": (RecallOutcome.RECALLED, (3, 0, 0, 0), "")}
    assert (await Message.get(id=message.id)).state == MessageState.RECALLED.value


async def test_nobody_is_even_planned_when_it_is_called_back_before_its_time(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True}, send_at=shop.time() + MINUTE)

    await called_back(shop, message)
    shop.time.passes(2 * MINUTE)
    await seen_to(shop)

    assert await shop.states(message) == {}
    found = await Message.get(id=message.id)
    assert (found.state, found.due_at) == (MessageState.RECALLED.value, None)


async def test_what_was_sent_is_taken_back_and_what_was_delivered_stays_delivered(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", app=["rid-bob"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await shop.hears(message, State.DELIVERED, "rid-bob")

    await called_back(shop, message)

    (sent,) = await fetch(connection(), "SELECT provider_id FROM attempt")
    assert shop.sandbox.record("jpush").recalled == [sent["provider_id"]]
    assert await shop.states(message) == {"ann": State.TAKEN_BACK, "bob": State.DELIVERED}
    numbers = await shop.numbers(message)
    assert numbers.delivery_channels["app"] == Funnel(2, 2, 2, 1, 0)
    assert numbers.losses == [Loss("app", "sent to delivered", "recalled", 1)]
    assert await parts(message) == {"app": (RecallOutcome.RECALLED, (0, 1, 1, 0), "")}


async def test_a_receipt_that_comes_after_the_recall_is_believed(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await called_back(shop, message)

    await shop.hears(message, State.DELIVERED, "rid-ann")

    assert await shop.states(message) == {"ann": State.DELIVERED}
    assert (await shop.numbers(message)).losses == []


async def test_a_provider_that_takes_nothing_back_is_said_to(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"))
    message = await shop.sends({"broadcast": True}, **BOTH)
    await shop.works()

    await called_back(shop, message)

    assert await parts(message) == {
        "app": (RecallOutcome.RECALLED, (0, 1, 0, 0), ""),
        "sms": (RecallOutcome.NOT_POSSIBLE, (0, 0, 0, 1), "jsms takes nothing back"),
    }
    found = await outcomes(await Message.get(id=message.id), await Delivery.all().order_by("id"))
    assert list(found.values()) == [RecallOutcome.RECALLED, RecallOutcome.NOT_POSSIBLE]


async def test_a_refusal_is_told_in_the_providers_words(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await execute(connection(), "UPDATE attempt SET provider_id = '4711'")

    await called_back(shop, message)

    assert await parts(message) == {"app": (RecallOutcome.REFUSED, (0, 0, 0, 1), "no message 4711")}
    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_of_a_batch_that_went_out_in_several_calls_a_refused_one_keeps_no_other_from_being_recalled(
    shop: Shop,
) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    (sent,) = await Attempt.all()
    for other in ("0", "zzz"):
        fields = {name: getattr(sent, name) for name in Attempt._meta.db_fields if name not in {"id", "provider_id"}}
        await Attempt.create(**fields, provider_id=other)

    await called_back(shop, message)

    assert shop.sandbox.record("jpush").recalled == [sent.provider_id]
    assert (await parts(message))["app"][0] is RecallOutcome.REFUSED


async def test_a_provider_that_does_not_answer_is_asked_again_and_at_last_given_up(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    messages = [await shop.sends({"broadcast": True}) for _ in range(2)]
    await shop.works()
    gone = replace(shop.engine.settings, sandbox=f"127.0.0.1:{free_address().port}")

    async with connected(gone, shop.time) as nowhere:
        await recall(shop.engine, "shop", messages[0].id)
        await take_back(replace(shop.engine, connections=nowhere))
        assert (await parts(messages[0]))["app"][0] is RecallOutcome.PENDING
        shop.time.passes(AGAIN[0] * SECOND)
        await seen_to(shop)
        await recall(shop.engine, "shop", messages[1].id)
        for seconds in (0, *AGAIN):
            shop.time.passes(seconds * SECOND)
            await take_back(replace(shop.engine, connections=nowhere))

    assert [(await parts(m))["app"][:2] for m in messages] == [
        (RecallOutcome.RECALLED, (0, 1, 0, 0)),
        (RecallOutcome.UNANSWERED, (0, 0, 0, 1)),
    ]


async def test_policy_steps_stop(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"), person("bob", phone="13800000002"))
    message = await shop.sends({"broadcast": True}, policy="app-then-sms", **BOTH)
    await drain(shop.engine, LANE)

    await called_back(shop, message)
    shop.time.passes(10 * MINUTE)
    await seen_to(shop)

    assert {address for _, address, _ in await shop.deliveries(message)} == {"rid-ann", "+8613800000002"}
    looks = await fetch(connection(), "SELECT next_check_at FROM recipient WHERE next_check_at IS NOT NULL")
    assert looks == []


async def test_whom_no_step_had_reached_is_lost_and_says_why(shop: Shop) -> None:
    await shop.knows(person("bob", phone="13800000002"))
    message = await shop.sends({"broadcast": True}, policy="app-then-sms", **BOTH)
    await look(shop.engine, LANE)  # bob has no app: the text message is his next step

    await called_back(shop, message)

    assert await shop.states(message) == {"bob": State.LOST}
    assert (await shop.numbers(message)).losses == [Loss("", "planned to effective", "recalled", 1)]


async def test_what_cannot_be_recalled(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    old, last = await shop.sends({"broadcast": True}), await shop.sends({"broadcast": True})
    await shop.works()

    await called_back(shop, message)

    assert await refused(shop, message.id) == "already_recalled"
    assert await refused(shop, 4711) == "unknown_message"
    assert await refused(shop, old.id, "ops") == "unknown_message"
    shop.time.passes(RECALLABLE)
    await called_back(shop, last)
    assert (await Message.get(id=last.id)).state == MessageState.RECALLED.value
    shop.time.passes(1)
    assert await refused(shop, old.id) == "too_old"
