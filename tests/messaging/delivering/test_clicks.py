"""Links in messages: each person has links of his own, and following one is a click."""

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from tests.shop import Shop, person
from ums.messaging.delivering.clicks import follow
from ums.messaging.delivering.links import LinkInvalid, make, signing_key
from ums.messaging.delivering.receipts import COUNTED
from ums.messaging.reading.history import Funnel
from ums.models import Delivery, Message
from ums.reconcile import reconcile
from ums.vocabulary import State

TEXT = '<p><a href="https://shop.example/a">a</a> <a href="https://b.example">b</a></p>'
MAIL = {"email": {"subject": "Hello", "text": TEXT}}
LINK = re.compile(r"http://localhost:8000/c/([A-Za-z0-9_-]{26})")


def written(stored: Mapping[str, Any]) -> str:
    """The HTML of a mail that the stand-in got."""
    body = message_from_bytes(stored["raw"].encode("latin-1"), policy=default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


async def mailed(shop: Shop) -> tuple[Message, dict[str, list[str]]]:
    """A mail to two people, and the tokens that each of them got."""
    await shop.knows(person("ann", mail="ann@example.org"), person("bob", mail="bob@example.org"))
    message = await shop.sends({"users": {"userIds": ["ann", "bob"]}}, content=MAIL)
    await shop.works()
    stored = shop.sandbox.record("smtp").accepted
    return message, {mail["targets"][0]: LINK.findall(written(mail)) for mail in stored}


async def test_each_person_gets_links_of_his_own_and_each_leads_to_its_place(shop: Shop) -> None:
    _, tokens = await mailed(shop)

    places = [await follow(shop.engine, token, counted=False) for token in tokens["ann@example.org"]]

    assert places == ["https://shop.example/a", "https://b.example"]
    assert not set(tokens["ann@example.org"]) & set(tokens["bob@example.org"])


async def test_following_a_link_is_a_click_and_following_it_again_is_not_another(shop: Shop) -> None:
    message, tokens = await mailed(shop)

    for _ in range(2):
        await follow(shop.engine, tokens["ann@example.org"][0], counted=True)

    assert await shop.states(message) == {"ann": State.CLICKED, "bob": State.DELIVERED}
    assert (await shop.numbers(message)).users == Funnel(2, 2, 2, 2, 1)


async def test_a_click_after_seven_days_leads_on_and_does_not_count(shop: Shop) -> None:
    message, tokens = await mailed(shop)
    shop.time.passes(COUNTED + 1)

    assert await follow(shop.engine, tokens["ann@example.org"][0], counted=True) == "https://shop.example/a"
    assert await shop.states(message) == {"ann": State.DELIVERED, "bob": State.DELIVERED}


async def test_a_link_that_was_not_made_here_leads_nowhere(shop: Shop) -> None:
    await mailed(shop)
    delivery = await Delivery.first()
    assert delivery
    key = signing_key(shop.engine.settings)

    for token in (make(b"another key", delivery.id, 0), make(key, delivery.id, 2), make(key, delivery.id + 99, 0), "x"):
        with pytest.raises(LinkInvalid):
            await follow(shop.engine, token, counted=True)


async def test_links_stay_as_they_are_where_that_is_declared(shop: Shop) -> None:
    file = shop.engine.settings.config / "shop.yaml"
    file.write_text(file.read_text().replace("title: Shop Mail\n", "title: Shop Mail\nclickLinks: false\n"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()

    _, tokens = await mailed(shop)

    assert tokens == {"ann@example.org": [], "bob@example.org": []}


async def test_a_platform_that_says_the_same_to_all_is_called_once_a_person_where_clicks_are_wanted(shop: Shop) -> None:
    file = shop.engine.settings.config / "shop.yaml"
    file.write_text(file.read_text().replace("title: DingTalk of the staff\n", "title: DingTalk\nclickLinks: true\n"))
    await reconcile(shop.engine.settings, write=True)
    shop.engine.snapshots.look_again()
    await shop.knows(person("ann", staff="ann01"), person("bob", staff="bob02"))
    card = {"title": "t", "markdown": "m", "single_title": "more", "single_url": "https://intra.example/1"}
    content = {"dingtalk": {"msg": {"msgtype": "action_card", "action_card": card}}}

    await shop.sends({"users": {"userIds": ["ann", "bob"]}}, "staff", content=content)
    await shop.works()

    found = LINK.findall(str(shop.sandbox.record("dingtalk").accepted))
    assert len(set(found)) == 2


@pytest.fixture
def more_declared() -> str:
    """A Channel that writes over CMPP."""
    return """
apiVersion: ums/v1
kind: Channel
name: texts
masterSecret: {env: TEXTS_SECRET}
deliveryChannels: [gateway]
---
apiVersion: ums/v1
kind: Template
channel: texts
name: parcel
variables: {url: {type: url}}
content: {sms: {content: "Your parcel: {{url}}."}}
"""


async def test_the_url_variable_of_a_text_over_cmpp_is_a_link_of_each_persons_own(shop: Shop) -> None:
    shop.plays("cmpp", receipts=[{"delivered": 1}])
    await shop.knows(person("ann", phone="+8613800000001"), person("bob", phone="+8613800000002"))
    url = "https://shop.example/parcels/7?by=text"
    people = {"users": {"userIds": ["ann", "bob"]}}
    message = await shop.sends(people, "texts", template="parcel", variables={"url": url})
    await shop.works()

    texts = {sent["targets"][0]: sent["text"] for sent in shop.sandbox.record("cmpp").accepted}
    tokens = {number: LINK.fullmatch(text[len("Your parcel: ") : -1]) for number, text in texts.items()}
    assert set(tokens) == {"13800000001", "13800000002"}
    assert len(set(texts.values())) == 2
    assert (found := tokens["13800000002"])
    assert await follow(shop.engine, found[1], counted=True) == url
    assert await shop.states(message) == {"ann": State.SUBMITTED, "bob": State.CLICKED}
