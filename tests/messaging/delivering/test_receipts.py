"""What providers tell us later."""

import base64

import orjson
import pytest

from tests.shop import MINUTE, Shop, person
from ums.errors import Unauthorized
from ums.messaging.delivering.receipts import apply, receive
from ums.messaging.reading.history import Funnel, Loss
from ums.models import Attempt, Delivery, Message, WaitingReceipt
from ums.providers.contract import Receipt, Report, Via
from ums.vocabulary import AppPlatform, AppSender, ChannelType, Reason, State


@pytest.fixture
async def message(shop: Shop) -> Message:
    """Submitted to three phones."""
    await shop.knows(*(person(name, app=[f"rid-{name}"]) for name in ("ann", "bob", "eve")))
    sent = await shop.sends({"users": {"userIds": ["ann", "bob", "eve"]}})
    await shop.works()
    return sent


async def test_receipts_move_the_funnel(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.DELIVERED, "rid-ann", "rid-bob")
    await shop.hears(message, State.CLICKED, "rid-ann")

    numbers = await shop.numbers(message)
    assert numbers.users == Funnel(3, 3, 3, 2, 1)
    assert numbers.delivery_channels == {"app": Funnel(3, 3, 3, 2, 1)}
    assert (numbers.users.delivery_rate, numbers.users.click_rate) == (2 / 3, 1 / 2)


async def test_a_repeated_receipt_counts_once(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.DELIVERED, "rid-ann", "rid-ann")
    await shop.hears(message, State.DELIVERED, "rid-ann")

    assert (await shop.numbers(message)).users == Funnel(3, 3, 3, 1, 0)


async def test_a_click_without_a_delivery_is_both(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.CLICKED, "rid-ann")
    await shop.hears(message, State.DELIVERED, "rid-ann")

    assert (await shop.numbers(message)).users == Funnel(3, 3, 3, 1, 1)
    assert await shop.states(message) == {"ann": State.CLICKED, "bob": State.SUBMITTED, "eve": State.SUBMITTED}


async def test_a_delivery_disproves_an_earlier_failure_and_is_not_undone_by_a_later_one(
    shop: Shop, message: Message
) -> None:
    await shop.hears(message, State.UNDELIVERED, "rid-ann")
    assert (await shop.numbers(message)).losses == [Loss("app", "sent to delivered", "", 1)]
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await shop.hears(message, State.UNDELIVERED, "rid-ann")

    numbers = await shop.numbers(message)
    assert (numbers.users, numbers.losses) == (Funnel(3, 3, 3, 1, 0), [])


async def test_both_states_of_one_address_may_come_in_one_post(shop: Shop, message: Message) -> None:
    ids = await Attempt.all().values_list("provider_id", flat=True)
    told = [Receipt(str(ids[0]), "rid-ann", state, shop.time()) for state in (State.CLICKED, State.DELIVERED)]

    await apply(shop.engine, "app", told)

    assert (await shop.numbers(message)).users == Funnel(3, 3, 3, 1, 1)


async def test_a_receipt_that_comes_before_the_answer_of_its_submit_is_kept_and_applied(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", loseAnswer=1.0)
    sent = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    (accepted,) = shop.sandbox.record("jpush").accepted
    await apply(shop.engine, "app", [Receipt(accepted["msg_id"], "rid-ann", State.DELIVERED, shop.time())])
    assert await WaitingReceipt.all().count() == 1

    shop.plays("jpush")
    shop.time.passes(MINUTE)
    await shop.works()

    assert await shop.states(sent) == {"ann": State.DELIVERED}
    assert await WaitingReceipt.all().count() == 0


ANDROID, XIAOMI = AppPlatform.ANDROID, AppSender.XIAOMI


async def heard(state: State, via: Via | None) -> Receipt:
    """Of ann's phone."""
    (attempt,) = await Attempt.all()
    return Receipt(str(attempt.provider_id), "rid-ann", state, 1_800_000_000_000, via=via)


async def way(address: str) -> tuple[str | None, str | None]:
    delivery = await Delivery.get(address=address)
    return delivery.app_platform, delivery.app_sender


@pytest.mark.parametrize(
    "vias",
    [[Via(ANDROID, XIAOMI)], [Via(ANDROID, XIAOMI), None], [Via(ANDROID, None), Via(None, XIAOMI)]],
)
@pytest.mark.parametrize("together", [True, False])
async def test_the_way_that_a_receipt_tells_is_kept_with_the_delivery(
    shop: Shop, message: Message, vias: list[Via | None], together: bool
) -> None:
    told = [await heard(state, via) for state, via in zip((State.DELIVERED, State.CLICKED), vias, strict=False)]

    for post in [told] if together else [[one] for one in told]:
        await apply(shop.engine, "app", post)

    assert await way("rid-ann") == ("android", "xiaomi")
    assert await way("rid-bob") == (None, None)


async def test_the_way_that_was_told_first_stays(shop: Shop, message: Message) -> None:
    for via in (Via(ANDROID, XIAOMI), Via(AppPlatform.IOS, AppSender.APNS)):
        await apply(shop.engine, "app", [await heard(State.DELIVERED, via)])

    assert await way("rid-ann") == ("android", "xiaomi")


async def test_a_late_delivery_still_tells_the_way_of_what_was_clicked(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.CLICKED, "rid-ann")

    await apply(shop.engine, "app", [await heard(State.DELIVERED, Via(ANDROID, XIAOMI))])

    assert await way("rid-ann") == ("android", "xiaomi")
    assert (await shop.states(message))["ann"] is State.CLICKED


async def test_the_way_is_not_lost_when_the_receipt_comes_before_the_answer(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", loseAnswer=1.0)
    await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    (accepted,) = shop.sandbox.record("jpush").accepted
    early = Receipt(accepted["msg_id"], "rid-ann", State.DELIVERED, shop.time(), via=Via(ANDROID, None))
    await apply(shop.engine, "app", [early])

    shop.plays("jpush")
    shop.time.passes(MINUTE)
    await shop.works()

    assert await way("rid-ann") == ("android", None)


async def test_a_receipt_of_another_delivery_channel_moves_nothing(shop: Shop, message: Message) -> None:
    ids = await Attempt.all().values_list("provider_id", flat=True)

    await apply(shop.engine, "sms", [Receipt(str(ids[0]), "rid-ann", State.DELIVERED, shop.time())])

    assert (await shop.numbers(message)).users == Funnel(3, 3, 3, 0, 0)


async def test_the_door_takes_what_bears_the_credentials_of_a_delivery_channel(shop: Shop, message: Message) -> None:
    (attempt,) = await Attempt.all()
    body = orjson.dumps([{"msg_id": attempt.provider_id, "registration_id": "rid-bob", "type": "delivered"}])

    received, _ = await receive(shop.engine, ChannelType.APP, "", report("app-key", "sandbox-app-secret", body))

    assert received == 1
    assert await shop.states(message) == {"ann": State.SUBMITTED, "bob": State.DELIVERED, "eve": State.SUBMITTED}


async def test_the_door_turns_away_what_bears_others(shop: Shop, message: Message) -> None:
    (attempt,) = await Attempt.all()
    body = orjson.dumps([{"msg_id": attempt.provider_id, "registration_id": "rid-bob", "type": "delivered"}])

    with pytest.raises(Unauthorized):
        await receive(shop.engine, ChannelType.APP, "", report("app-key", "guessed", body))

    assert (await shop.numbers(message)).users == Funnel(3, 3, 3, 0, 0)


@pytest.mark.parametrize("code", ["", "gateway"])
async def test_the_door_of_text_messages_leads_to_no_gateway_whose_receipts_come_otherwise(
    shop: Shop, code: str
) -> None:
    with pytest.raises(Unauthorized):
        await receive(shop.engine, ChannelType.SMS, code, report("a", "secret", b"type=SMS_REPORT"))


async def test_a_failure_keeps_the_words_of_the_provider(shop: Shop, message: Message) -> None:
    (attempt,) = await Attempt.all()
    told = Receipt(
        str(attempt.provider_id), "rid-eve", State.UNDELIVERED, shop.time(), Reason.UNREACHABLE, "4003", "handset off"
    )

    await apply(shop.engine, "app", [told])

    assert (await shop.numbers(message)).losses == [Loss("app", "sent to delivered", "unreachable", 1)]


def report(user: str, password: str, body: bytes) -> Report:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Report("POST", {}, {"authorization": f"Basic {credentials}", "content-type": "application/json"}, body)


async def test_a_provider_that_says_too_much_does_not_keep_an_early_receipt_from_being_kept(shop: Shop) -> None:
    """PostgreSQL refuses what is longer than its column, and would lose the whole post with it."""
    await apply(shop.engine, "app", [Receipt("9" * 200, "rid", State.UNDELIVERED, 1, None, "c" * 60, "w" * 3000)])

    (kept,) = await WaitingReceipt.all()
    assert (len(kept.provider_id), len(kept.code), len(kept.words)) == (120, 40, 2000)
