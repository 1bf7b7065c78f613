"""The dot in a mail: shown, it proves that the mail is there, and is not a click."""

import re

import pytest

from tests.messaging.delivering.test_bounces import comes_back
from tests.messaging.delivering.test_clicks import MAIL, written
from tests.shop import Shop, person
from ums.messaging.delivering.links import make, signing_key
from ums.messaging.delivering.opens import opened
from ums.messaging.delivering.receipts import COUNTED
from ums.messaging.reading.history import Funnel
from ums.messaging.reading.lifecycle import lifecycle
from ums.models import Delivery, Message
from ums.reconcile import reconcile
from ums.vocabulary import State

DOT = re.compile(r'<img src="http://localhost:8000/o/([A-Za-z0-9_-]{26})\.gif" width="1" height="1" alt="">')


@pytest.fixture
async def dotted(shop: Shop) -> Shop:
    """With the dot on its mails."""
    declared = shop.engine.settings.config / "shop.yaml"
    declared.write_text(declared.read_text().replace("platform: smtp", "platform: smtp\nopenDot: true"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()
    await shop.knows(person("ann", mail="ann@example.org"), person("bob", mail="bob@example.org"))
    return shop


async def mailed(shop: Shop, text: str = MAIL["email"]["text"]) -> tuple[Message, dict[str, str]]:
    """The token of each person's dot."""
    content = {"email": {"subject": "Hello", "text": text}}
    message = await shop.sends({"users": {"userIds": ["ann", "bob"]}}, content=content)
    await shop.works()
    found = {m["targets"][0]: DOT.search(written(m)) for m in shop.sandbox.record("smtp").accepted}
    return message, {address: dot[1] for address, dot in found.items() if dot}


async def test_each_mail_ends_with_a_dot_of_its_own_and_showing_it_is_noted_once_and_is_no_click(dotted: Shop) -> None:
    message, dots = await mailed(dotted, "<html><body><p>Hello</p></BODY></html>")
    first = dotted.time()
    await opened(dotted.engine, dots["ann@example.org"])
    dotted.time.passes(1000)
    await opened(dotted.engine, dots["ann@example.org"])

    ann, bob = await Delivery.all().order_by("id")
    assert (ann.opened_at, ann.state, bob.opened_at) == (first, State.DELIVERED, None)
    assert (await dotted.numbers(message)).users == Funnel(2, 2, 2, 2, 0)
    [story] = await lifecycle(message, "ann", dotted.time())
    assert "opened" in [event.what for event in story.progress]
    assert written(dotted.sandbox.record("smtp").accepted[0]).endswith('alt=""></BODY></html>')


async def test_a_mail_whose_fate_nobody_knew_or_that_came_back_is_there_when_it_is_shown(dotted: Shop) -> None:
    message, dots = await mailed(dotted)
    await comes_back(dotted, "ann@example.org")
    await Delivery.filter(address="bob@example.org").update(state=int(State.UNKNOWN))

    for dot in dots.values():
        await opened(dotted.engine, dot)

    assert {delivery.state for delivery in await Delivery.all()} == {State.DELIVERED}
    assert (await dotted.states(message))["ann"] is State.DELIVERED


async def test_a_plain_mail_has_none_and_without_the_option_no_mail_has(dotted: Shop) -> None:
    await dotted.sends({"users": {"userIds": ["ann"]}}, content={"email": {"subject": "a", "text": "plain"}})
    await dotted.works()
    assert "/o/" not in dotted.sandbox.record("smtp").accepted[0]["raw"]


async def test_without_the_option_no_mail_has_one(shop: Shop) -> None:
    await shop.knows(person("ann", mail="ann@example.org"), person("bob", mail="bob@example.org"))

    assert (await mailed(shop))[1] == {}


async def test_a_click_link_opens_nothing_and_after_seven_days_nothing_is_noted(dotted: Shop) -> None:
    _, dots = await mailed(dotted)
    delivery = await Delivery.get(address="ann@example.org")
    await opened(dotted.engine, make(signing_key(dotted.engine.settings), delivery.id, 0))
    await opened(dotted.engine, "guessed")
    dotted.time.passes(COUNTED + 1)
    await opened(dotted.engine, dots["ann@example.org"])

    assert (await Delivery.get(id=delivery.id)).opened_at is None
