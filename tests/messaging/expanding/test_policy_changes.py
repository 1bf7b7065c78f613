"""A policy in mid-flight, when what it needs is switched off, taken away or deleted."""

import pytest

from tests.messaging.expanding.test_policy_rules import POLICIES, codes, goes_on, sent, state
from tests.shop import MINUTE, SECOND, Shop
from ums.models import Message
from ums.reconcile import Options, reconcile
from ums.reconcile.overrides import switch
from ums.vocabulary import MessageState, State


@pytest.fixture
def more_declared() -> str:
    return POLICIES


async def test_a_delivery_channel_that_was_switched_off_is_left_out_of_a_later_step(shop: Shop) -> None:
    message = await sent(shop, "back-to-app")
    await switch("shop", "sms", False, author="ada", now=shop.time())
    await goes_on(shop, 5 * MINUTE)

    assert await codes(shop, message) == ["app", "mail"]
    assert await state(message) == MessageState.DONE.value


async def test_a_policy_that_is_deleted_goes_on_for_what_was_accepted(shop: Shop) -> None:
    message = await sent(shop, "back-to-app")
    (shop.engine.settings.config / "more.yaml").write_text("")
    made = await reconcile(shop.engine.settings, write=True, options=Options(prune=True, force=True))
    shop.time.passes(SECOND)
    assert (await shop.engine.snapshots.newest()).policy("shop", "back-to-app") is None
    assert made.summary["delete"] == 5

    await goes_on(shop, 5 * MINUTE - SECOND)

    assert await codes(shop, message) == ["app", "sms"]


async def test_a_grant_that_is_taken_away_is_as_good_as_switched_off(shop: Shop) -> None:
    message = await sent(shop, "back-to-app")
    await declares(shop, "deliveryChannels: [app, sms, mail]", "deliveryChannels: [app, mail]")

    await goes_on(shop, 5 * MINUTE - SECOND)

    assert await codes(shop, message) == ["app", "mail"]


async def waits_for_sms(shop: Shop) -> Message:
    """The text message is planned, and JSMS was busy."""
    shop.plays("jsms", busy=1)
    message = await sent(shop, "back-to-app")
    await goes_on(shop, 5 * MINUTE)
    assert (await shop.deliveries(message))[1] == ("sms", "+8613800000001", State.PLANNED)
    return message


async def test_what_was_planned_before_a_grant_was_taken_away_still_goes_out(shop: Shop) -> None:
    message = await waits_for_sms(shop)
    await declares(shop, "deliveryChannels: [app, sms, mail]", "deliveryChannels: [app, mail]")

    await goes_on(shop, MINUTE)

    assert (await shop.deliveries(message))[1:] == [("sms", "+8613800000001", State.SUBMITTED)]


async def test_what_waits_for_a_delivery_channel_that_was_deleted_is_refused_in_the_end(shop: Shop) -> None:
    message = await waits_for_sms(shop)
    sms = (shop.engine.settings.config / "shop.yaml").read_text().split("---\n")[1]
    await declares(shop, sms + "---\n", "", "deliveryChannels: [app, sms, mail]", "deliveryChannels: [app, mail]",
                   '  sms: {temp_id: 7, temp_para: {name: "{{name}}"}}\n', "")  # fmt: skip

    await goes_on(shop, MINUTE)
    assert (await shop.deliveries(message))[1:] == [("sms", "+8613800000001", State.PLANNED)]
    await goes_on(shop, MINUTE)
    assert await codes(shop, message) == ["app", "sms", "mail"]  # the app's seven minutes are over
    await goes_on(shop, 120 * MINUTE)

    assert (await shop.deliveries(message))[1] == ("sms", "+8613800000001", State.REFUSED)


async def declares(shop: Shop, *changes: str) -> None:
    """The shop's own file says something else now, and the policies beside it are gone."""
    file = shop.engine.settings.config / "shop.yaml"
    written = file.read_text()
    for before, after in zip([*changes[::2], APP_THEN_SMS], [*changes[1::2], ""], strict=True):
        assert before in written
        written = written.replace(before, after)
    file.write_text(written)
    (shop.engine.settings.config / "more.yaml").write_text("")
    await reconcile(shop.engine.settings, write=True, options=Options(prune=True, force=True))
    shop.time.passes(SECOND)


APP_THEN_SMS = """---
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: app-then-sms
steps:
  - send: [app]
  - send: [sms]
    when: {all: [{notDelivered: app, within: 5m}]}
"""
