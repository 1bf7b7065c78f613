"""Callbacks: developers are told what became of each target, in order, and slow or dead receivers hold up nobody."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.shop import APP, MINUTE, SECOND, Shop, Time, open_shop, person
from ums.database import connection, execute, fetch, rows
from ums.errors import CallerRefused
from ums.messaging import dead_letters
from ums.messaging.callback_door import Door, opened_door
from ums.messaging.callbacks import HOUR, MOST, RETRIES, call, keep_calling, wait_ms
from ums.messaging.dead_letters import CallbackState
from ums.messaging.engine import running
from ums.messaging.look import look
from ums.messaging.outbox import PATIENCE
from ums.messaging.recall import recall
from ums.messaging.retention import expire
from ums.messaging.take_back import take_back
from ums.models import Callback, Message
from ums.reconcile import reconcile
from ums.sandbox import sandbox
from ums.settings import Settings
from ums.vocabulary import Priority, SandboxAddress, State, Told

SECRET = "sandbox-shop-master-secret"


@dataclass
class Developer:
    """Somebody's server; it answers with the next of `statuses`, and 200 when there is none."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        await self.gate.wait()
        self.posts.append((dict(request.headers), body))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    @property
    def sizes(self) -> list[int]:
        return [len(orjson.loads(body)) for _, body in self.posts]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for _, body in self.posts for item in orjson.loads(body)]

    def told(self, userid: str) -> list[int]:
        return [item["type"] for item in self.items if item["userid"] == userid]


@dataclass(frozen=True)
class Tells:
    shop: Shop
    developer: Developer
    other: Developer
    door: Door

    async def call(self, after: int = PATIENCE) -> None:
        """Time passes, and a worker tells what is to be told."""
        self.shop.time.passes(after)
        await call(self.shop.engine, self.door)


def declared(text: str, urls: list[str], more: str = "") -> str:
    """The shop's documents, with callbacks for Channel `shop`."""
    callbacks = f"callbacks: {{addresses: [{', '.join(urls)}]{more}}}"
    return text.replace("deliveryChannels: [app, sms, mail]", f"deliveryChannels: [app, sms, mail]\n{callbacks}")


@pytest.fixture
async def developers() -> AsyncIterator[list[Developer]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            developer = Developer()
            developer.gate.set()
            app = web.Application()
            app.router.add_post("/in", developer.answer)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert runner.addresses
            developer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
            found.append(developer)
        yield found


@pytest.fixture
async def tells(settings: Settings, developers: list[Developer]) -> AsyncIterator[Tells]:
    settings, time = replace(open_shop(settings), private_callbacks=True), Time()
    file = settings.config / "shop.yaml"
    file.write_text(declared(file.read_text(), [one.url for one in developers]))
    await reconcile(settings, write=True)
    address = SandboxAddress.parse(settings.sandbox)
    async with (
        sandbox(address, "http://127.0.0.1:9") as stand_ins,
        running(settings, time) as engine,
        opened_door(settings) as door,
    ):
        yield Tells(Shop(engine, stand_ins, time), developers[0], developers[1], door)


async def redeclared(tells: Tells, old: str, new: str) -> None:
    settings = tells.shop.engine.settings
    file = settings.config / "shop.yaml"
    file.write_text(file.read_text().replace(old, new))
    await reconcile(settings, write=True)
    tells.shop.engine.snapshots.look_again()


async def left() -> int:
    return await Callback.filter(due_at__isnull=False).count()


async def test_every_step_of_a_target_is_told(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]), person("bob"))
    message = await shop.sends({"broadcast": True}, callback={"params": {"order": "88"}})
    await shop.works()
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await shop.hears(message, State.CLICKED, "rid-ann")

    await tells.call()

    assert tells.developer.told("ann") == [Told.EFFECTIVE, Told.SUBMITTED, Told.DELIVERED, Told.CLICKED]
    lost, effective = (next(i for i in tells.developer.items if i["userid"] == name) for name in ("bob", "ann"))
    at = 1_800_000_000
    whole = {"channelkey": "shop", "msgid": str(message.id), "sent_time": at, "params": {"order": "88"}}
    assert effective == {**whole, "type": 0, "userid": "ann", "sender_id": "rid-ann", "sender": 1}
    error = {"code": 0, "message": "no_address", "reason": "no_address"}
    assert lost == {**whole, "type": 1, "userid": "bob", "sender_id": "", "sender": 0, "error": error}
    assert await left() == 0


async def test_losses_are_told_with_the_providers_words(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["bad-ann"]), person("bob", app=["rid-bob"]))
    shop.plays("jpush", refuse=["^bad-"])
    message = await shop.sends({"broadcast": True})
    await shop.works()
    shop.time.passes(MINUTE)
    await shop.works()
    await shop.hears(message, State.UNDELIVERED, "rid-bob")
    nobody = await shop.sends({"users": {"userIds": ["nobody"]}})
    await shop.works()

    await tells.call()

    assert tells.developer.told("ann") == [Told.INVALID]
    assert tells.developer.told("bob") == [Told.EFFECTIVE, Told.SUBMITTED, Told.UNDELIVERED]
    (refused,) = (item["error"] for item in tells.developer.items if item["userid"] == "ann")
    assert (refused["code"], refused["reason"]) == (1003, "invalid_address")
    (unknown,) = (item for item in tells.developer.items if item["userid"] == "nobody")
    assert (unknown["msgid"], unknown["error"]["reason"]) == (str(nobody.id), "unknown_user")


async def test_direct_addresses_have_no_userid(tells: Tells) -> None:
    group = {"type": "app", "deliveryChannel": None, "addresses": ["rid-1", "rid-1"]}
    await tells.shop.sends({"addresses": [group]})
    await tells.shop.works()

    await tells.call()

    found = [(item["type"], item["userid"], item["sender_id"]) for item in tells.developer.items]
    assert found == [(1, "", "rid-1"), (0, "", "rid-1"), (2, "", "rid-1")]


async def test_recalls_are_told(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]), person("bob", phone="13800000001"), person("cy", app=["rid-cy"]))
    message = await shop.sends({"broadcast": True}, content={"app": APP, "sms": {"temp_id": 1}})
    await shop.works()
    await shop.hears(message, State.CLICKED, "rid-cy")
    later = await shop.sends({"users": {"userIds": ["ann"]}}, callback={"url": tells.other.url})
    await look(shop.engine, Priority.MEDIUM)
    for one in (message, later):
        await recall(shop.engine, "shop", one.id)
    while await take_back(shop.engine):
        pass

    await tells.call()

    assert tells.developer.told("ann") == [Told.EFFECTIVE, Told.SUBMITTED, Told.RECALLED]
    assert tells.developer.told("bob") == [Told.EFFECTIVE, Told.SUBMITTED, Told.RECALL_FAILED]
    failed = {i["userid"]: i["error"]["message"] for i in tells.developer.items if i["type"] == Told.RECALL_FAILED}
    assert failed == {"bob": "jsms takes nothing back", "cy": "too_late"}
    assert tells.other.told("ann") == [Told.EFFECTIVE, Told.RECALLED]


async def test_a_call_proves_who_makes_it(tells: Tells) -> None:
    await tells.shop.knows(person("ann", app=["rid-ann"]))
    await tells.shop.sends({"broadcast": True})
    await tells.shop.works()

    await tells.call()

    ((headers, body),) = tells.developer.posts
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"shop:{SECRET}".encode()).decode()
    at = tells.shop.time() // 1000
    mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-UMS-Signature"] == f"t={at},v1={mac}"
    assert headers["Content-Type"] == "application/json"


async def test_a_hundred_go_at_once_and_fewer_after_ten_seconds(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(130)))
    await shop.sends({"broadcast": True})
    await shop.works()

    await tells.call(0)
    at_once = tells.developer.sizes
    await tells.call(PATIENCE - 1)
    before = len(tells.developer.posts)
    await tells.call(1)

    assert (at_once, before) == ([MOST, MOST], 2)
    assert tells.developer.sizes == [MOST, MOST, 60]


async def test_only_what_the_channel_wants_is_told_and_nobody_pays_for_what_it_does_not(tells: Tells) -> None:
    await redeclared(tells, "callbacks: {", "callbacks: {statuses: [delivered], ")
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    assert await left() == 0
    await shop.hears(message, State.DELIVERED, "rid-ann")

    await tells.call()

    assert tells.developer.told("ann") == [Told.DELIVERED]


async def test_switched_off_nobody_is_called(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    await redeclared(tells, "callbacks: {", "callbacks: {enabled: false, ")

    message = await shop.sends({"broadcast": True}, callback={"url": tells.other.url})
    await tells.call()

    assert (tells.developer.posts, message.callback_url) == ([], "")
    (dead, *_) = await dead_letters.page("shop", CallbackState.DEAD, first=10, after_id=None)
    assert dead["failure"] == "the Channel's callbacks are switched off"


async def test_an_address_must_be_declared(tells: Tells) -> None:
    with pytest.raises(CallerRefused) as caught:
        await tells.shop.sends({"broadcast": True}, callback={"url": "https://evil.example/in"})

    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unknown_callback", "input.callback.url")
    assert tells.developer.url in problem.message


async def test_what_could_not_be_told_is_tried_three_times_more_then_kept_and_told_again_on_demand(
    tells: Tells,
) -> None:
    shop, developer = tells.shop, tells.developer
    developer.statuses = [500, 301, 204, 404]
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    await tells.call()
    for seconds in RETRIES:
        before = len(developer.posts)
        await tells.call(seconds * SECOND - 1)
        assert len(developer.posts) == before
        await tells.call(1)

    dead = await dead_letters.page("shop", CallbackState.DEAD, first=10, after_id=None)
    assert [(row["type"], row["target"], row["failure"], row["attempts"]) for row in dead] == [
        (0, "ann", "HTTP 404", 4),
        (2, "ann", "HTTP 404", 4),
    ]
    developer.posts.clear()
    assert await dead_letters.replay(shop.engine, "ops", None) == 0
    assert await dead_letters.replay(shop.engine, "shop", [dead[0]["id"]]) == 1
    assert await dead_letters.replay(shop.engine, "shop", None) == 1
    await tells.call(0)
    assert developer.told("ann") == [0, 2]


def test_the_longer_ladder() -> None:
    assert [wait_ms(n, 0, 0) // 1000 for n in range(1, 6)] == [50, 50, 50, 0, 0]
    assert [wait_ms(n, HOUR, 2) // 1000 for n in range(1, 10)] == [50, 50, 50, 300, 900, 1800, 3600, 3600, 3600]
    assert wait_ms(9, 2 * HOUR, 2) == 0


async def test_what_happened_later_to_a_target_waits_for_what_could_not_be_told_and_others_do_not(
    tells: Tells,
) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    developer.statuses = [500]
    await tells.call()
    developer.posts.clear()
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await shop.knows(person("bob", app=["rid-bob"]))
    await shop.sends({"users": {"userIds": ["bob"]}})
    await shop.works()

    await tells.call()
    first = (developer.told("ann"), developer.told("bob"))
    await tells.call(RETRIES[0] * SECOND)

    assert first == ([], [0, 2])
    assert developer.told("ann") == [0, 2, 4]


async def test_several_workers_tell_everything_once_and_in_order(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(300)))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await shop.hears(message, State.DELIVERED, *(f"rid-{n}" for n in range(300)))
    shop.time.passes(PATIENCE)
    settings = shop.engine.settings

    async def worker() -> None:
        async with running(settings, shop.time) as engine, opened_door(settings) as door:
            for _ in range(10):
                await call(engine, door)

    await asyncio.gather(*(asyncio.create_task(worker()) for _ in range(3)))

    assert all(developer.told(f"u{n}") == [0, 2, 4] for n in range(300))
    assert await left() == 0


async def test_what_a_killed_worker_was_telling_is_told_by_another(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    developer.gate.clear()
    calling = asyncio.create_task(tells.call())
    while not await Callback.filter(attempts=1).exists():
        await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    developer.gate.set()
    await asyncio.sleep(0.1)  # that call may have reached the developer

    await tells.call()
    before = len(developer.posts)
    await tells.call(MINUTE)

    assert before <= 1
    assert developer.told("ann")[-2:] == [0, 2]
    assert len(developer.posts) == before + 1


async def test_a_receiver_that_never_answers_holds_up_neither_sends_nor_other_receivers(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    developer.gate.clear()
    await shop.knows(*(person(f"u{n}", app=[f"rid-{n}"]) for n in range(200)))
    calling = asyncio.create_task(keep_calling(shop.engine, 0.02))
    await shop.sends({"broadcast": True})
    await shop.works()
    message = await shop.sends({"broadcast": True}, callback={"url": tells.other.url})
    await asyncio.wait_for(shop.works(), 10)
    async with asyncio.timeout(10):
        while len(tells.other.posts) < 4:
            await asyncio.sleep(0.01)

    assert (await Message.get(id=message.id)).state == "done"
    assert developer.posts == []
    developer.gate.set()
    shop.engine.stopping.set()
    await calling


async def test_a_million_that_nobody_wants_to_hear_of_leave_no_row(tells: Tells) -> None:
    """Another Channel, without callbacks: the ledger writes nothing into the outbox."""
    await tells.shop.knows(person("ann", app=["rid-ann"]))
    await tells.shop.sends({"broadcast": True}, "ops")
    await tells.shop.works()

    assert await fetch(connection(), "SELECT id FROM callback") == []


async def test_dead_letters_go_with_their_message(tells: Tells) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await execute(connection(), "UPDATE message SET deleted_at = 1 WHERE id IN (SELECT id FROM ROWS($1: id int) AS l)",
                  rows([[message.id]]))  # fmt: skip

    while await expire(shop.engine):
        pass

    assert await fetch(connection(), "SELECT id FROM callback") == []
