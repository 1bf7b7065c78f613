"""A mail that comes back is undelivered, although a server had taken it."""

from typing import Any

import pytest

from tests.messaging.test_counters import wrong
from tests.shop import MINUTE, Shop, person
from ums.database import transaction
from ums.messaging.counts import Tally
from ums.messaging.delivering.receipts import Source, apply, match_waiting
from ums.messaging.reading.history import Funnel, Loss
from ums.models import Delivery, Message, Recipient
from ums.providers.contract import Receipt
from ums.vocabulary import Reason, State

POLICY = """
apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: mail-then-sms
steps:
  - send: [mail]
  - send: [sms]
    when: {all: [{notDelivered: mail, within: 5m}]}
"""
MAIL = {"email": {"subject": "Hello", "text": "plain"}}


@pytest.fixture
def more_declared() -> str:
    return POLICY


async def mailed(shop: Shop, **options: Any) -> Message:
    everywhere = person("ann", app=["rid-ann"], mail="ann@example.org", phone="+8613800000001")
    await shop.knows(everywhere, person("bob", mail="bob@example.org"))
    message = await shop.sends(
        {"users": {"userIds": ["ann", "bob"]}}, content=MAIL | options.pop("more", {}), **options
    )
    await shop.works()
    return message


async def comes_back(shop: Shop, address: str, times: int = 1) -> None:
    delivery = await Delivery.get(address=address)
    told = Receipt(
        str(delivery.provider_id), "", State.UNDELIVERED, shop.time(), Reason.INVALID_ADDRESS, "5.1.1", "no such user"
    )
    for _ in range(times):
        await apply(shop.engine, "mail", [told])


async def test_a_mail_that_comes_back_counts_as_undelivered_and_only_once(shop: Shop) -> None:
    message = await mailed(shop)
    assert (await shop.numbers(message)).users == Funnel(2, 2, 2, 2, 0)

    await comes_back(shop, "bob@example.org", times=2)

    assert await shop.states(message) == {"ann": State.DELIVERED, "bob": State.UNDELIVERED}
    numbers = await shop.numbers(message)
    assert (numbers.users, numbers.delivery_channels["mail"]) == (Funnel(2, 2, 2, 1, 0), Funnel(2, 2, 2, 1, 0))
    assert numbers.losses == [Loss("mail", "sent to delivered", "invalid_address", 1)]
    assert [(said.code, said.words) for said in numbers.losses[0].said] == [("5.1.1", "no such user")]
    bob = await Delivery.get(address="bob@example.org")
    assert (bob.delivered_at, bob.failed_at) == (None, shop.time())
    assert await wrong(shop) == []


async def test_who_got_it_elsewhere_too_stays_delivered(shop: Shop) -> None:
    app = {"app": {"platform": "all", "notification": {"alert": "hello"}}}
    message = await mailed(shop, more=app)
    await shop.hears(message, State.DELIVERED, "rid-ann")

    await comes_back(shop, "ann@example.org")

    assert (await shop.states(message))["ann"] is State.DELIVERED
    assert (await Delivery.get(address="ann@example.org")).state == State.UNDELIVERED
    assert await wrong(shop) == []


async def test_a_mail_that_was_clicked_did_not_come_back(shop: Shop) -> None:
    message = await mailed(shop)
    await apply(shop.engine, "mail", [
        Receipt(str((await Delivery.get(address="bob@example.org")).provider_id), "", State.CLICKED, shop.time())
    ])  # fmt: skip

    await comes_back(shop, "bob@example.org")

    assert (await shop.states(message))["bob"] is State.CLICKED


async def test_the_policy_goes_on_with_whom_the_mail_did_not_reach(shop: Shop) -> None:
    message = await mailed(shop, policy="mail-then-sms", more={"sms": {"temp_id": 1}})
    shop.time.passes(6 * MINUTE)
    await shop.works()
    before = await Message.get(id=message.id)

    await comes_back(shop, "ann@example.org")
    await shop.works()

    assert before.state == "done"
    assert await shop.deliveries(message) == [
        ("mail", "ann@example.org", State.UNDELIVERED),
        ("mail", "bob@example.org", State.DELIVERED),
        ("sms", "+8613800000001", State.SUBMITTED),
    ]
    assert [person.step for person in await Recipient.all().order_by("id")] == [1, 0]
    assert await wrong(shop) == []


async def test_a_bounce_that_is_faster_than_the_servers_answer_is_kept_for_it(shop: Shop) -> None:
    told = Receipt("early", "", State.UNDELIVERED, shop.time(), Reason.INVALID_ADDRESS, "5.1.1", "no such user")
    await apply(shop.engine, "mail", [told])
    message = await mailed(shop)
    await Delivery.filter(address="bob@example.org").update(provider_id="early")

    async with transaction() as tx:
        tally = Tally()
        await match_waiting(tx, Source.of(await shop.engine.snapshots.newest(), "mail"), ["early"], shop.time(), tally)
        await tally.count(tx, shop.time())

    assert (await shop.states(message))["bob"] is State.UNDELIVERED
    assert await wrong(shop) == []


async def test_where_delivered_is_a_devices_word_nothing_takes_it_back(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    await shop.hears(message, State.DELIVERED, "rid-ann")

    await shop.hears(message, State.UNDELIVERED, "rid-ann")

    assert await shop.states(message) == {"ann": State.DELIVERED}
