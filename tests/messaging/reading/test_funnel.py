"""A message's own numbers: each test's name is the definition that it holds the page to."""

import pytest

from tests.shop import SECOND, Shop, person
from ums.database import connection, fetch
from ums.messaging.delivering.receipts import COUNTED, apply
from ums.messaging.reading.history import Funnel, Said
from ums.models import Message
from ums.providers.contract import Receipt
from ums.vocabulary import Reason, State

A_DAY, AN_HOUR = 86_400_000, 3_600_000


TO = {"users": {"userIds": ["ann", "bob", "eve", "nobody", "poor"]}}


@pytest.fixture
async def message(shop: Shop) -> Message:
    """To five: one is unknown, one has no address, of eve's two devices the provider refuses one."""
    await shop.knows(
        person("ann", app=["rid-ann"]), person("bob", app=["rid-bob"]), person("eve", app=["rid-eve", "bad-eve"]),
        person("poor"),
    )  # fmt: skip
    shop.plays("jpush", refuse=["^bad-"])
    return await goes_out(shop)


async def goes_out(shop: Shop) -> Message:
    """What the provider took when it was asked again, without the address that it refused, too."""
    sent = await shop.sends(TO)
    await shop.works()
    shop.time.passes(10 * SECOND)
    await shop.works()
    return sent


async def undelivered(shop: Shop, address: str, code: str, words: str) -> None:
    """The provider says so, with its own reason."""
    [row] = await fetch(connection(), "SELECT DISTINCT provider_id FROM attempt WHERE provider_id IS NOT NULL")
    receipt = Receipt(row["provider_id"], address, State.UNDELIVERED, shop.time(), Reason.UNREACHABLE, code, words)
    await apply(shop.engine, "app", [receipt])


async def test_planned_users_are_the_users_in_the_set_selected_by_the_conditions(shop: Shop, message: Message) -> None:
    assert (await shop.numbers(message)).users.planned == 5


async def test_effective_users_are_those_left_after_our_filtering(shop: Shop, message: Message) -> None:
    assert (await shop.numbers(message)).users.effective == 3


async def test_sent_users_are_those_for_whom_any_delivery_channel_returned_success(
    shop: Shop, message: Message
) -> None:
    assert (await shop.numbers(message)).users.sent == 3


async def test_delivered_users_are_those_for_whom_any_delivery_channel_has_a_receipt(
    shop: Shop, message: Message
) -> None:
    await shop.hears(message, State.DELIVERED, "rid-eve")

    assert (await shop.numbers(message)).users.delivered == 1


async def test_clicked_users_are_those_for_whom_any_delivery_channel_has_a_click(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.CLICKED, "rid-eve")

    assert (await shop.numbers(message)).users.clicked == 1


async def test_delivery_rate_is_delivered_of_sent_and_click_rate_clicked_of_delivered(
    shop: Shop, message: Message
) -> None:
    await shop.hears(message, State.DELIVERED, "rid-ann", "rid-eve")
    await shop.hears(message, State.CLICKED, "rid-ann")

    for funnel in ((await shop.numbers(message)).users, (await shop.numbers(message)).delivery_channels["app"]):
        assert (funnel.delivery_rate, funnel.click_rate) == (2 / 3, 1 / 2)


async def test_of_direct_ids_each_counts_as_one_user(shop: Shop) -> None:
    sent = await shop.sends({"addresses": [{"type": "app", "deliveryChannel": "app", "addresses": ["a", "b"]}]})
    await shop.works()

    assert (await shop.numbers(sent)).users == Funnel(2, 2, 2, 0, 0)


async def test_user_loss_covers_only_planned_to_effective(shop: Shop, message: Message) -> None:
    await shop.hears(message, State.UNDELIVERED, "rid-ann")

    users = [loss for loss in (await shop.numbers(message)).losses if not loss.delivery_channel]
    assert {(loss.stage, loss.reason) for loss in users} == {
        ("planned to effective", "no_address"),
        ("planned to effective", "unknown_user"),
    }


async def test_planned_targets_are_the_ids_about_to_be_submitted_to_the_downstream(
    shop: Shop, message: Message
) -> None:
    assert (await shop.numbers(message)).delivery_channels["app"].planned == 4


async def test_effective_targets_are_those_left_after_the_filtering_of_the_downstream(
    shop: Shop, message: Message
) -> None:
    assert (await shop.numbers(message)).delivery_channels["app"].effective == 3


async def test_sent_are_those_of_the_effective_that_the_server_accepted(shop: Shop, message: Message) -> None:
    assert (await shop.numbers(message)).delivery_channels["app"].sent == 3


async def test_delivered_are_those_of_the_sent_judged_by_the_receipt_and_after_seven_days_not_counted(
    shop: Shop, message: Message
) -> None:
    shop.time.passes(COUNTED)
    await shop.hears(message, State.DELIVERED, "rid-ann")
    shop.time.passes(1)
    await shop.hears(message, State.DELIVERED, "rid-bob")

    assert (await shop.numbers(message)).delivery_channels["app"].delivered == 1


async def test_clicked_are_opened_after_delivery_and_after_seven_days_not_counted(shop: Shop, message: Message) -> None:
    shop.time.passes(COUNTED)
    await shop.hears(message, State.CLICKED, "rid-ann")
    shop.time.passes(1)
    await shop.hears(message, State.CLICKED, "rid-bob")

    funnel = (await shop.numbers(message)).delivery_channels["app"]
    assert (funnel.delivered, funnel.clicked) == (1, 1)


async def test_losses_come_in_three_stages_grouped_by_the_reasons_of_the_provider(shop: Shop, message: Message) -> None:
    await undelivered(shop, "rid-ann", "4009", "unreachable")
    await undelivered(shop, "rid-bob", "4009", "unreachable")
    await undelivered(shop, "rid-eve", "4100", "other")

    losses = [loss for loss in (await shop.numbers(message)).losses if loss.delivery_channel]
    assert [(loss.stage, loss.reason, loss.number) for loss in losses] == [
        ("planned to effective", "invalid_address", 1),
        ("sent to delivered", "unreachable", 3),
    ]
    assert losses[1].said == [Said("4009", "unreachable", 2), Said("4100", "other", 1)]
    assert [said.number for said in losses[0].said] == [1]


async def test_a_loss_between_effective_and_sent_has_the_code_and_words_of_the_provider(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    shop.plays("jpush", busy=1)
    sent = await shop.sends(TO)
    await shop.works()
    shop.time.passes(3 * AN_HOUR)
    await shop.works()

    numbers = await shop.numbers(sent)
    [loss] = [loss for loss in numbers.losses if loss.delivery_channel]
    assert numbers.delivery_channels["app"] == Funnel(1, 1, 0, 0, 0)
    assert (loss.stage, loss.reason, loss.number) == ("effective to sent", "too_late", 1)
    assert [(said.code, bool(said.words), said.number) for said in loss.said] == [("2002", True, 1)]


async def test_as_receipts_may_be_missing_the_losses_need_not_add_up_to_the_difference(
    shop: Shop, message: Message
) -> None:
    await undelivered(shop, "rid-ann", "4009", "unreachable")

    numbers = await shop.numbers(message)
    funnel = numbers.delivery_channels["app"]
    lost = sum(loss.number for loss in numbers.losses if loss.stage == "sent to delivered")
    assert (funnel.sent - funnel.delivered, lost) == (3, 1)
