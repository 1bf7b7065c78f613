"""Whom a change touches: on the real tables."""

from typing import Any

import pytest

from tests.reconcile.test_plan import APP, HELLO, MAIL, POLICY, SHOP, desired, printed
from ums.models import Address, Message, User
from ums.reconcile.apply import Note, apply
from ums.reconcile.current import current
from ums.reconcile.plan import Options, Plan, plan
from ums.reconcile.radius import with_radius
from ums.reconcile.touched import Touched
from ums.settings import Settings

NOW = 1_800_000_000_000
LATER = NOW + 60_000
SHOP_BY_REFERENCE = SHOP.replace("{generate: true}", "{env: SECRET}")
LIVE = (APP, MAIL, SHOP_BY_REFERENCE, HELLO, POLICY)


@pytest.fixture
async def shop(database: Settings) -> Settings:
    """The shop is live, with three people, and three messages of which two wait for their time."""
    await apply(database, plan(desired(*LIVE), await current()), Note())
    people = [await User.create(user_id=name, created_at=NOW, updated_at=NOW) for name in ("ann", "bob", "cem")]
    for person, kind, bind in zip(people, ("email", "email", "app"), ("all", "shop", "app"), strict=True):
        await Address.create(user=person, type=kind, bind=bind, value=f"{person.user_id}@shop.example")
    await Address.create(user=people[2], type="app", bind="other", value="another app")
    await message("waiting", LATER, "mail")
    await message("waiting", LATER, "app", "mail")
    await message("done", NOW - 1, "app", "mail")
    return database


async def message(state: str, send_at: int, *codes: str) -> None:
    values: dict[str, Any] = {"audience": {}, "content": {}, "created_at": NOW, "priority": 2, "revision": 1}
    await Message.create(
        channel="shop", state=state, send_at=send_at, steps=[{"send": [code]} for code in codes], **values
    )


async def made(*texts: str, prune: bool = False) -> Plan:
    live = await current()
    return await with_radius(plan(desired(*texts), live, Options(prune=prune)), live, NOW)


async def test_a_delivery_channel_touches_who_speaks_sends_waits_and_is_reached_on_it(shop: Settings) -> None:
    assert (
        printed(await made(APP, MAIL.replace("465", "587"), *LIVE[2:]))
        == """
DeliveryChannel
  ~ mail
      credentials.port: 465 -> 587
      touches 1 template (shop/hello), 1 policy (shop/app-then-mail), 2 scheduled messages, 2 users
0 to create, 1 to update, 0 to delete.
"""
    )


async def test_addresses_of_another_app_do_not_count(shop: Settings) -> None:
    changes = await made(APP + "title: App\n", *LIVE[1:])

    touched = changes.touched["DeliveryChannel", "app"]
    assert touched == Touched(policies=("shop/app-then-mail",), scheduled=1, users=1)


async def test_a_grant_that_is_switched_off_says_what_becomes_invalid(shop: Settings) -> None:
    off = SHOP_BY_REFERENCE.replace("[app, mail]", "[app, {name: mail, enabled: false}]")

    changes = await made(APP, MAIL, off, HELLO, POLICY)

    assert changes.touched["Channel", "shop"] == Touched(
        templates=("shop/hello",),
        policies=("shop/app-then-mail",),
        scheduled=2,
        users=2,
        invalid=(
            "SendPolicy/shop/app-then-mail: mail is switched off in Channel shop",
            "Template/shop/hello: Channel shop has no enabled DeliveryChannel for its content: email",
        ),
    )


async def test_a_title_touches_nobody(shop: Settings) -> None:
    changes = await made(APP, MAIL, SHOP_BY_REFERENCE + "title: The shop\n", HELLO, POLICY)

    assert changes.touched == {}


async def test_what_is_new_touches_nobody(shop: Settings) -> None:
    changes = await made(*LIVE, HELLO.replace("hello", "bye"))

    assert (len(changes.changes), changes.touched) == (1, {})


async def test_a_template_touches_itself_alone(shop: Settings) -> None:
    changes = await made(APP, MAIL, SHOP_BY_REFERENCE, HELLO.replace("Hello,", "Hi,"), POLICY)

    assert (len(changes.changes), changes.touched) == (1, {})


async def test_what_stays_when_its_channel_goes_becomes_invalid(shop: Settings) -> None:
    live = await current()
    bodies = {key: body for key, body in live.bodies.items() if key[0] != "Channel"}
    gone = plan(bodies, live, Options(prune=True))

    changes = await with_radius(gone, live, NOW)

    assert changes.touched["Channel", "shop"].invalid == (
        "SendPolicy/shop/app-then-mail: Channel/shop is gone",
        "Template/shop/hello: Channel/shop is gone",
    )
