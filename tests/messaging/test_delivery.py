"""From a send to what the provider got and what the ledger says of it."""

from tests.messaging.conftest import MINUTE, SECOND, Shop, person
from ums.messaging.history import Funnel, Loss
from ums.vocabulary import State


async def test_a_message_to_a_user_reaches_the_provider(shop: Shop) -> None:
    await shop.knows(person("ann", app=["rid-ann"]))

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()

    assert [("app", "rid-ann", State.SUBMITTED)] == await shop.deliveries(message)
    assert shop.sandbox.record("jpush").addresses() == ["rid-ann"]
    assert (await shop.numbers(message)).users == Funnel(1, 1, 1, 0, 0)
