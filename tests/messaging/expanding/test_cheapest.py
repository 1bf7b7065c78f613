"""Steps that choose: each person gets a message on the cheapest DeliveryChannel that reaches him."""

from collections.abc import Mapping, Sequence

import pytest

from tests.shop import APP, MINUTE, Shop
from ums.database import connection, fetch
from ums.messaging.reading.history import Funnel, Loss
from ums.messaging.reading.lifecycle import lifecycle
from ums.models import Message
from ums.people.users import Bindings, Upload
from ums.reconcile.overrides import switch
from ums.vocabulary import ChannelType, State

CONTENT = {"app": APP, "sms": {"temp_id": 1}, "email": {"subject": "Hello", "text": "<p>Hello</p>"}}
WHERE = {
    "push": (ChannelType.APP, "push"), "text": (ChannelType.SMS, "all"), "post": (ChannelType.EMAIL, "all"),
    "own": (ChannelType.SMS, "thrifty"),
}  # fmt: skip


@pytest.fixture
def more_declared() -> str:
    return """---
apiVersion: ums/v1
kind: DeliveryChannel
name: push
platform: jpush
cost: 0
credentials: {appKey: app-key, masterSecret: {env: APP_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: text
platform: jsms
cost: 0.05
credentials: {appKey: sms-key, masterSecret: {env: SMS_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: post
platform: smtp
cost: 0.001
credentials:
  account: shop
  password: {env: MAIL_SECRET}
  sender: a@example.org
  server: mail.example.org
  port: 587
  encryption: starttls
---
apiVersion: ums/v1
kind: Channel
name: thrifty
masterSecret: {env: THRIFTY_MASTER_SECRET}
deliveryChannels: [push, text, post]
---
apiVersion: ums/v1
kind: SendPolicy
channel: thrifty
name: one-of-all
steps:
  - send: [text, post, push]
    choose: cheapest
---
apiVersion: ums/v1
kind: SendPolicy
channel: thrifty
name: push-then-cheapest
steps:
  - send: [push]
  - send: [text, post]
    choose: cheapest
    when: {all: [{notDelivered: push, within: 5m}]}
---
apiVersion: ums/v1
kind: SendPolicy
channel: thrifty
name: cheapest-then-text
steps:
  - send: [push, post]
    choose: cheapest
  - send: [text]
    when: {all: [{notDelivered: push, within: 5m}, {notDelivered: post, within: 5m}]}
"""


async def knows(shop: Shop, people: Mapping[str, Sequence[str]]) -> None:
    """People with an address, named after them, on each of these DeliveryChannels; `own` is bound to the Channel."""
    for name, reachable in people.items():
        addresses = tuple((*WHERE[one], [_address(name, one)]) for one in reachable)
        await shop.knows(Upload(name, set=Bindings((), addresses)))


def _address(name: str, one: str) -> str:
    number = f"138{sum(map(ord, name + one)):08}"
    return {"push": f"{name}-rid", "post": f"{name}@example.org"}.get(one, number)


async def sent(shop: Shop, policy: str) -> Message:
    message = await shop.sends({"broadcast": True}, "thrifty", content=CONTENT, policy=policy)
    await shop.works()
    return message


async def on(message: Message) -> dict[str, list[str]]:
    """On which DeliveryChannels each person got something, in order."""
    found: dict[str, list[str]] = {}
    for row in await fetch(connection(), _ON, message.id):
        found.setdefault(row["target"], []).append(row["delivery_channel"])
    return found


_ON = """
SELECT r.target, d.delivery_channel FROM recipient r JOIN delivery d ON d.recipient_id = r.id
WHERE r.message_id = $1 ORDER BY d.step, d.id"""


async def test_each_person_gets_it_on_the_cheapest_that_reaches_him(shop: Shop) -> None:
    await knows(
        shop,
        {"all": ["push", "text", "post"], "paper": ["text", "post"], "phone": ["text"], "own": ["own", "text"],
         "nowhere": []},
    )  # fmt: skip

    message = await sent(shop, "one-of-all")

    assert await on(message) == {"all": ["push"], "paper": ["post"], "phone": ["text"], "own": ["text"]}
    numbers = await shop.numbers(message)
    assert numbers.users == Funnel(5, 4, 4, 1, 0)  # an e-mail is delivered when its server took it
    assert numbers.losses == [Loss("", "planned to effective", "no_address", 1)]


async def test_a_later_step_chooses_too(shop: Shop) -> None:
    await knows(shop, {"ann": ["push", "text", "post"], "bob": ["push", "text"], "eve": ["text", "post"]})
    message = await sent(shop, "push-then-cheapest")

    shop.time.passes(5 * MINUTE)
    await shop.works()

    assert await on(message) == {"ann": ["push", "post"], "bob": ["push", "text"], "eve": ["post"]}


async def test_what_was_not_chosen_counts_as_failed_and_the_one_that_was_decides(shop: Shop) -> None:
    await knows(shop, {"ann": ["push", "post", "text"], "bob": ["push", "post", "text"]})
    message = await sent(shop, "cheapest-then-text")
    shop.time.passes(MINUTE)
    await shop.hears(message, State.DELIVERED, "ann-rid", code="push")
    early = await on(message)
    shop.time.passes(5 * MINUTE)
    await shop.works()

    assert early == {"ann": ["push"], "bob": ["push"]}
    assert await on(message) == {"ann": ["push"], "bob": ["push", "text"]}
    (story,) = await lifecycle(await Message.get(id=message.id), "bob", shop.time())
    assert [one.words for one in story.why] == [
        "step 2 (text) goes out: push was not delivered within 5m and nothing went to post, so it cannot be delivered"
    ]


async def test_the_cheapest_that_is_switched_off_leaves_the_next_one(shop: Shop) -> None:
    await knows(shop, {"ann": ["push", "text", "post"]})
    message = await sent(shop, "push-then-cheapest")
    await switch("thrifty", "post", False, author="ada", now=shop.time())
    shop.time.passes(5 * MINUTE)
    await shop.works()

    assert await on(message) == {"ann": ["push", "text"]}


async def test_messages_that_choose_and_others_are_worked_out_together(shop: Shop) -> None:
    await knows(shop, {"ann": ["push", "text", "post"]})
    ann = {"users": {"userIds": ["ann"]}}
    both = await shop.sends(ann, "thrifty", content=CONTENT, delivery_channels=["text", "push"])
    one = await shop.sends(ann, "thrifty", content=CONTENT, policy="one-of-all")
    await shop.works()

    assert (await on(both), await on(one)) == ({"ann": ["text", "push"]}, {"ann": ["push"]})
