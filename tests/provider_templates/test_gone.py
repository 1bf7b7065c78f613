"""A template that a provider says is not there, when something is sent with it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.provider_templates.conftest import applies
from tests.shop import Shop
from ums.errors import CallerRefused
from ums.models import Delivery, Message, ProviderObject
from ums.vocabulary import State

LIFE = """apiVersion: ums/v1
kind: DeliveryChannel
name: life
title: Shop life
platform: alipaylife
credentials: {{appId: "2014072300007148", privateKey: {{env: LIFE_KEY}}, alipayPublicKey: {{env: ALIPAY_KEY}}}}
---
apiVersion: ums/v1
kind: Channel
name: news
masterSecret: {{env: NEWS_SECRET}}
deliveryChannels: [life]
---
apiVersion: ums/v1
kind: ProviderTemplate
channel: news
name: offer
deliveryChannel: life
id: {0}
keywords: [keyword1]
---
apiVersion: ums/v1
kind: Template
channel: news
name: offer
content:
  alipayLife:
    template: offer
    context: {{head_color: "#85be53", url: "https://shop.example", action_name: Go, keyword1: {{value: x}}}}
"""
GONE, THERE = "TM000000116", "MDI4YzIx"
FOLLOWERS = [f"2088{number:012}" for number in range(1, 61)]


@pytest.fixture
def more_declared() -> str:
    return LIFE.format(GONE)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("LIFE_KEY", text)


async def sends(shop: Shop, *followers: str, **how: Any) -> Message:
    audience = {"addresses": [{"type": "alipayLife", "addresses": list(followers)}]}
    return await shop.sends(audience, "news", template="offer", **how)


async def refusal(shop: Shop) -> str:
    shop.engine.snapshots.look_again()
    with pytest.raises(CallerRefused) as refused:
        await sends(shop, FOLLOWERS[0])
    return str(refused.value)


async def test_the_first_refusal_stops_every_further_send(shop: Shop) -> None:
    await sends(shop, FOLLOWERS[0])
    await shop.works()

    words = await refusal(shop)

    assert "Template offer cannot be used now: template TM000000116 of life is invalid: a send was refused:" in words
    assert "MSG_TEMPLATE_NOT_EXIST" in words
    reasons = (await shop.engine.snapshots.newest()).invalid("news")
    assert {kind for kind, _ in reasons} == {"Template", "ProviderTemplate"}


async def test_an_apply_with_another_template_lets_sends_through(shop: Shop) -> None:
    await sends(shop, FOLLOWERS[0])
    await shop.works()

    await applies(shop, LIFE.format(THERE))
    message = await sends(shop, FOLLOWERS[0])
    await shop.works()

    assert await shop.deliveries(message) == [("life", FOLLOWERS[0], State.DELIVERED)]


async def test_an_apply_that_changes_the_document_gives_the_same_template_another_try(shop: Shop) -> None:
    await sends(shop, FOLLOWERS[0])
    await shop.works()

    await applies(shop, LIFE.format(GONE).replace("keywords: [keyword1]", "keywords: [keyword1, keyword2]"))

    assert await ProviderObject.all().count() == 0
    await sends(shop, FOLLOWERS[0])


async def test_the_batches_behind_the_refused_one_are_not_even_tried(shop: Shop) -> None:
    message = await sends(shop, *FOLLOWERS)
    object.__setattr__(shop.engine, "capacity", 1)
    for _ in range(8):
        shop.time.passes(1_000)
        await shop.works()

    rows = await Delivery.filter(id__gt=message.id << 32, id__lt=(message.id + 1) << 32)
    assert {State(row.state) for row in rows} == {State.REFUSED}
    assert {row.code for row in rows} == {"PUB.MSG_TEMPLATE_NOT_EXIST", "template_gone"}


async def test_what_was_scheduled_with_it_fails_with_the_reason(shop: Shop) -> None:
    scheduled = await sends(shop, FOLLOWERS[1], send_at=shop.time() + 60_000)
    await sends(shop, FOLLOWERS[0])
    await shop.works()
    shop.time.passes(61_000)
    await shop.works()

    failed = await Message.get(id=scheduled.id)
    assert failed.state == "failed"
    assert "template TM000000116 of life is invalid" in failed.failure
