"""What a switch at run time does to what is declared, and to messages that wait for their time."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.shop import APP, MINUTE, SECOND, Shop, person
from ums.database import connection, execute, rows
from ums.errors import CallerRefused
from ums.messaging.expanding.expand import CHUNK
from ums.messaging.expanding.look import look
from ums.models import Message
from ums.reconcile.overrides import switch
from ums.vocabulary import MessageState, Priority, State

OFF = "SendPolicy app-then-sms cannot be used now: sms is switched off in Channel shop"
POLICY = ("SendPolicy", "shop/app-then-sms")
TEMPLATE = ("Template", "shop/shipped")
FILLED = {"template": "shipped", "variables": {"name": "Ann"}}


async def turn(shop: Shop, code: str, enabled: bool) -> None:
    """A switch, and the time that other processes take to notice."""
    await switch("shop", code, enabled, author="ada", now=shop.time())
    shop.time.passes(SECOND)


async def invalid(shop: Shop) -> Mapping[tuple[str, str], str]:
    return (await shop.engine.snapshots.newest()).invalid("shop")


async def refusals(shop: Shop, **options: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(CallerRefused) as caught:
        await shop.sends({"broadcast": True}, **options)
    return [(problem.code, problem.path, problem.message) for problem in caught.value.problems]


async def ended(message: Message) -> tuple[str, str]:
    found = await Message.get(id=message.id)
    return found.state, found.failure


async def test_as_declared_everything_is_valid(shop: Shop) -> None:
    assert await invalid(shop) == {}


async def test_a_switched_off_delivery_channel_makes_what_contains_it_invalid_and_back_on_valid(shop: Shop) -> None:
    await turn(shop, "sms", False)

    assert await invalid(shop) == {
        POLICY: "sms is switched off in Channel shop",
        TEMPLATE: "Channel shop has no enabled DeliveryChannel for its content: sms",
    }

    await turn(shop, "sms", True)

    assert await invalid(shop) == {}


async def test_a_policy_with_a_delivery_channel_that_is_switched_off_is_refused_with_the_reason(shop: Shop) -> None:
    await turn(shop, "sms", False)

    assert await refusals(shop, policy="app-then-sms", content={"app": APP}) == [
        ("policy_invalid", "input.policy", OFF)
    ]


async def test_a_template_whose_type_has_no_delivery_channel_left_is_refused_with_the_reason(shop: Shop) -> None:
    await turn(shop, "mail", False)
    reason = "Template shipped cannot be used now: Channel shop has no enabled DeliveryChannel for its content: email"

    assert await refusals(shop, **FILLED) == [("template_invalid", "input.body.template.name", reason)]


async def test_other_channels_are_not_touched(shop: Shop) -> None:
    await turn(shop, "app", False)

    snapshot = await shop.engine.snapshots.newest()

    assert snapshot.invalid("ops") == {}
    assert [d.name for d in snapshot.drift] == ["shop"]


async def test_what_was_valid_again_can_be_sent_again(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    await turn(shop, "sms", False)
    await turn(shop, "sms", True)

    message = await shop.sends({"broadcast": True}, **FILLED)
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "app-then-sms", "content": {"app": APP, "sms": {"temp_id": 1}}},
        {"delivery_channels": ["app", "sms"], "content": {"app": APP, "sms": {"temp_id": 1}}},
        {"content": {"sms": {"temp_id": 1}}},
        FILLED,
    ],
    ids=["a policy", "named", "by type", "a template"],
)
async def test_a_scheduled_message_fails_at_its_time_when_its_delivery_channel_is_off(
    shop: Shop, options: dict[str, Any]
) -> None:
    await shop.knows(person("ann", app=["rid-ann"], phone="13800000001"))
    message = await shop.sends({"broadcast": True}, send_at=shop.time() + MINUTE, **options)
    await turn(shop, "sms", False)
    await shop.works()
    before = await ended(message)
    shop.time.passes(MINUTE)

    await shop.works()

    assert before == (MessageState.WAITING.value, "")
    assert await ended(message) == (MessageState.FAILED.value, "sms is switched off in Channel shop")
    assert await shop.states(message) == {}
    assert shop.sandbox.record("jpush").addresses == []


async def test_a_scheduled_message_to_direct_addresses_fails_by_their_delivery_channel_alone(shop: Shop) -> None:
    content = {"app": APP, "sms": {"temp_id": 1}}
    to_app, to_sms = (
        {"addresses": [{"type": type_, "addresses": [address]}]}
        for type_, address in (("app", "rid-1"), ("sms", "13800000001"))
    )
    later = shop.time() + MINUTE
    pushed = await shop.sends(to_app, content=content, send_at=later)
    texted = await shop.sends(to_sms, content=content, send_at=later)
    await turn(shop, "sms", False)
    shop.time.passes(MINUTE)

    await shop.works()

    assert await shop.deliveries(pushed) == [("app", "rid-1", State.SUBMITTED)]
    assert await ended(texted) == (MessageState.FAILED.value, "sms is switched off in Channel shop")


async def test_a_scheduled_message_goes_out_when_its_delivery_channel_is_on_again(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True}, send_at=shop.time() + MINUTE)
    await turn(shop, "app", False)
    await turn(shop, "app", True)
    shop.time.passes(MINUTE)

    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_a_message_that_is_accepted_for_now_is_pinned_and_goes_on(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await turn(shop, "app", False)

    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_a_scheduled_message_that_has_begun_goes_on(shop: Shop) -> None:
    await knows_more_than_a_chunk()
    message = await shop.sends({"broadcast": True}, send_at=shop.time() + MINUTE)
    shop.time.passes(MINUTE)
    await look(shop.engine, Priority.MEDIUM)
    begun = await Message.get(id=message.id)
    await turn(shop, "app", False)

    await look(shop.engine, Priority.MEDIUM)

    done = await Message.get(id=message.id)
    assert (begun.recipients, begun.expanded) == (CHUNK, False)
    assert (done.recipients, done.expanded, done.failure) == (CHUNK + 5, True, "")


async def knows_more_than_a_chunk() -> None:
    """Of people without any address, which is all that it takes to be expanded."""
    people = rows([f"u{n}"] for n in range(CHUNK + 5))
    await execute(connection(), _PEOPLE, people)


_PEOPLE = """
INSERT INTO user_account (user_id, created_at, updated_at) SELECT user_id, 0, 0 FROM ROWS($1: user_id text) AS given"""
