"""Receipts that no provider brings: asked for batch by batch, or fetched from where they wait."""

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from tests.shop import MINUTE, SECOND, Shop, person
from ums.database import connection, execute
from ums.messaging.delivering.inquire import ask, collect, inquire
from ums.messaging.delivering.receipts import COUNTED
from ums.models import Batch, Message
from ums.providers.contract import Provider, Receipt
from ums.providers.dingtalk.provider import Dingtalk
from ums.providers.jpush.public import Jpush
from ums.vocabulary import State

WORDS = {"dingtalk": {"msg": {"msgtype": "text", "text": {"content": "The canteen is closed"}}}}


async def sends_to_staff(shop: Shop) -> Message:
    await shop.knows(person("ann", staff="ann01"), person("bob", staff="bob02"))
    message = await shop.sends({"users": {"userIds": ["ann", "bob"]}}, "staff", content=WORDS)
    await shop.works()
    return message


async def test_a_provider_is_asked_when_it_is_time_and_no_more_once_all_is_known(shop: Shop) -> None:
    shop.plays("dingtalk", receipts=[{"match": "", "delivered": 1, "after": 0}])
    message = await sends_to_staff(shop)
    await ask(shop.engine)
    early = await shop.states(message)

    shop.time.passes(31 * SECOND)
    await ask(shop.engine)

    assert set(early.values()) == {State.SUBMITTED}
    assert set((await shop.states(message)).values()) == {State.DELIVERED}
    assert (await Batch.get()).ask_at is None


async def test_a_provider_that_does_not_know_yet_is_asked_again_later(shop: Shop) -> None:
    shop.plays("dingtalk", receipts=[{"match": "", "delivered": 1, "after": 3600}])
    await sends_to_staff(shop)
    submitted = shop.time()

    asked = []
    for _ in range(5):
        shop.time.passes(1)
        due = (await Batch.get()).ask_at
        asked.append(due and (due - submitted) // SECOND)
        shop.time.now = due or shop.time.now
        await ask(shop.engine)

    assert asked == [*Dingtalk.asked_after, None]


async def test_an_asker_that_was_killed_leaves_the_question_to_the_next(shop: Shop) -> None:
    shop.plays("dingtalk", receipts=[{"match": "", "delivered": 1, "after": 0}])
    message = await sends_to_staff(shop)
    await execute(connection(), "UPDATE batch SET ask_at = $1, asked = 1", shop.time() + MINUTE)

    await ask(shop.engine)
    before = await shop.states(message)
    shop.time.passes(MINUTE)
    await ask(shop.engine)

    assert set(before.values()) == {State.SUBMITTED}
    assert set((await shop.states(message)).values()) == {State.DELIVERED}


async def test_a_provider_that_is_down_when_asked_is_asked_again(shop: Shop) -> None:
    shop.plays("dingtalk", receipts=[{"match": "", "delivered": 1, "after": 0}])
    message = await sends_to_staff(shop)
    shop.plays("dingtalk", accounts={"ding-key": "another"}, receipts=[{"match": "", "delivered": 1, "after": 0}])
    shop.time.passes(31 * SECOND)
    await execute(connection(), "DELETE FROM provider_token")
    await shop.engine.connections.drop("ding")
    await ask(shop.engine)
    before = await shop.states(message)

    shop.plays("dingtalk", receipts=[{"match": "", "delivered": 1, "after": 0}])
    shop.time.passes(2 * MINUTE)
    await ask(shop.engine)

    assert set(before.values()) == {State.SUBMITTED}
    assert set((await shop.states(message)).values()) == {State.DELIVERED}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> deque[list[Receipt]]:
    """Receipts that wait at JPush, as if it kept them for us."""
    waiting: deque[list[Receipt]] = deque()

    async def collected(_: Provider) -> list[Receipt]:
        return waiting.popleft() if waiting else []

    monkeypatch.setattr(Jpush, "collect", collected)
    monkeypatch.setattr(Jpush, "collected_every", 1)
    return waiting


async def sent(shop: Shop) -> tuple[Message, Receipt]:
    """A message, and the receipt of its delivery."""
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()
    told = shop.sandbox.record("jpush").accepted[0]["msg_id"]
    return message, Receipt(str(told), "rid-ann", State.DELIVERED, shop.time())


async def test_what_waits_at_a_provider_is_fetched_until_nothing_is_left(
    shop: Shop, kept: deque[list[Receipt]]
) -> None:
    message, receipt = await sent(shop)
    kept += [[Receipt("another", "x", State.DELIVERED, shop.time())], [receipt]]

    await collect(shop.engine, await shop.engine.connections.get(await shop.engine.snapshots.newest(), "app"))

    assert await shop.states(message) == {"ann": State.DELIVERED}


async def test_what_could_not_be_written_down_is_fetched_again_over_a_new_connection(
    shop: Shop, kept: deque[list[Receipt]]
) -> None:
    _, receipt = await sent(shop)
    before = await shop.engine.connections.get(await shop.engine.snapshots.newest(), "app")
    kept.append([replace(receipt, at=None)])  # type: ignore[arg-type]  # no database takes that

    await collect(shop.engine, before)

    assert await shop.engine.connections.get(await shop.engine.snapshots.newest(), "app") is not before


async def test_a_worker_fetches_for_as_long_as_it_lives(shop: Shop, kept: deque[list[Receipt]]) -> None:
    message, receipt = await sent(shop)
    kept.append([receipt])
    asking = asyncio.create_task(inquire(shop.engine, every=0.01))
    async with asyncio.timeout(10):
        while await shop.states(message) != {"ann": State.DELIVERED}:
            await asyncio.sleep(0.02)

    shop.engine.stopping.set()
    await asking


async def test_a_receipt_of_more_than_seven_days_later_does_not_count(shop: Shop) -> None:
    message, _ = await sent(shop)

    shop.time.passes(COUNTED + 1)
    await shop.hears(message, State.DELIVERED, "rid-ann")
    late = await shop.states(message)
    shop.time.now -= 1
    await shop.hears(message, State.DELIVERED, "rid-ann")

    assert late == {"ann": State.SUBMITTED}
    assert await shop.states(message) == {"ann": State.DELIVERED}
