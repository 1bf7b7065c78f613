"""Callbacks: developers are told what became of each target."""

import base64
import hashlib
import hmac

import pytest

from tests.developers import Tells, left, redeclared
from tests.shop import APP, MINUTE, SECOND, person
from ums.database import connection, execute, fetch, rows
from ums.errors import CallerRefused
from ums.messaging.after.recall import recall
from ums.messaging.after.take_back import take_back
from ums.messaging.calling import dead_letters
from ums.messaging.calling.callbacks import MOST, RETRIES
from ums.messaging.calling.dead_letters import CallbackState
from ums.messaging.delivering.receipts import apply
from ums.messaging.expanding.look import look
from ums.messaging.keeping.retention import expire
from ums.messaging.outbox import PATIENCE
from ums.models import Attempt
from ums.providers.contract import Receipt, Via
from ums.vocabulary import AppPlatform, AppSender, Priority, State, Told

SECRET = "sandbox-shop-master-secret"


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


@pytest.mark.parametrize(
    ("via", "way"),
    [
        (Via(AppPlatform.ANDROID, AppSender.XIAOMI), {"app_platform": 0, "app_sender": 4}),
        (Via(AppPlatform.IOS, AppSender.APNS), {"app_platform": 1, "app_sender": 8}),
        (Via(AppPlatform.HMOS, AppSender.HMPNS), {"app_platform": 4}),
        (None, {}),
    ],
)
async def test_what_happened_on_a_device_is_told_with_the_way_there(
    tells: Tells, via: Via | None, way: dict[str, int]
) -> None:
    shop = tells.shop
    await shop.knows(person("ann", app=["rid-ann"]))
    await shop.sends({"broadcast": True})
    await shop.works()
    (attempt,) = await Attempt.all()
    await tells.call()

    told = Receipt(str(attempt.provider_id), "rid-ann", State.DELIVERED, shop.time(), via=via)
    await apply(shop.engine, "app", [told])
    await tells.call()

    names = ("type", "sender", "app_platform", "app_sender")
    found = [{name: item[name] for name in names if name in item} for item in tells.developer.items]
    assert found == [{"type": 0, "sender": 1}, {"type": 2, "sender": 1}, {"type": 4, "sender": 1, **way}]


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


async def test_nothing_is_posted_before_the_receiver_has_shown_that_it_is_the_one(tells: Tells) -> None:
    shop, developer = tells.shop, tells.developer
    developer.echoes = False
    await shop.knows(person("ann", app=["rid-ann"]))
    message = await shop.sends({"broadcast": True})
    await shop.works()
    await tells.call()
    waiting = await dead_letters.page("shop", CallbackState.WAITING, first=10, after_id=None)
    posted = len(developer.posts)

    developer.echoes = True
    await shop.hears(message, State.DELIVERED, "rid-ann")
    await tells.call(RETRIES[0] * SECOND)
    await shop.hears(message, State.CLICKED, "rid-ann")
    await tells.call()

    failure = "not validated: expected the echostr as the answer, found 'whose echo?'"
    assert ({row["failure"] for row in waiting}, posted) == ({failure}, 0)
    assert (developer.told("ann"), developer.asked) == ([0, 2, 4, 6], 2)


async def test_an_address_must_be_declared(tells: Tells) -> None:
    with pytest.raises(CallerRefused) as caught:
        await tells.shop.sends({"broadcast": True}, callback={"url": "https://evil.example/in"})

    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unknown_callback", "input.callback.url")
    assert tells.developer.url in problem.message


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
