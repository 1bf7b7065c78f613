"""What providers say they keep, against what is known here."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.provider_templates.conftest import DOCUMENTS, applies, performs
from tests.provider_templates.test_make import at_jsms, made, refusal
from tests.shop import Shop, person
from ums.errors import CallerRefused, ProviderBusy
from ums.models import DeliveryChannelStatus, ProviderObject
from ums.provider_templates.accounts import reached
from ums.provider_templates.importing import import_object
from ums.provider_templates.listing import Listed, listed
from ums.provider_templates.sync import Synced, sync
from ums.providers.contract import Provider
from ums.providers.keeper import ObjectId
from ums.providers.wechat.official_account import Wechatoa
from ums.sandbox.wechat.library import SAMPLE
from ums.vocabulary import ObjectState, Review

OFFICIAL = """---
apiVersion: ums/v1
kind: DeliveryChannel
name: oa
title: Shop OA
platform: wechatoa
credentials: {appId: wx0123456789abcdef, appSecret: {env: OA_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: life
title: Shop life
platform: alipaylife
credentials: {appId: "2014072300007148", privateKey: {env: LIFE_KEY}, alipayPublicKey: {env: ALIPAY_KEY}}
---
apiVersion: ums/v1
kind: Channel
name: news
masterSecret: {env: NEWS_SECRET}
deliveryChannels: [oa, life]
"""


@pytest.fixture
def more_declared() -> str:
    return DOCUMENTS + OFFICIAL


async def asked(shop: Shop, code: str = "sms") -> Provider:
    found = await reached(shop.engine.connections, await shop.engine.snapshots.newest(), code, shop.time())
    shop.engine.snapshots.look_again()
    return found


async def shows(shop: Shop, channel: str = "shop") -> list[Listed]:
    shop.engine.snapshots.look_again()
    snapshot = await shop.engine.snapshots.newest()
    return listed(snapshot, {**snapshot.all("Channel")[channel], "name": channel})


def states(found: Sequence[Listed]) -> dict[str, tuple[Any, Any]]:
    return {one.name: (one.state, one.review) for one in found}


async def test_a_sync_brings_the_reviews(shop: Shop, reviewed: None) -> None:
    shop.plays("jsms", refuse=["ShopNews"])
    await performs(shop)

    assert await sync(await asked(shop), shop.time) == Synced(there=2, new=0, gone=0)

    assert states(await shows(shop)) == {
        "login-code": (ObjectState.NORMAL, Review.APPROVED),
        "shop": (ObjectState.NORMAL, Review.REJECTED),
    }


async def test_what_was_deleted_there_is_invalid_and_stays(shop: Shop, reviewed: None) -> None:
    await shop.knows(person("ann", phone="13800000001"))
    await performs(shop)
    provider = await asked(shop)
    await provider.discard(ObjectId("ProviderTemplate", await made()))

    assert (await sync(provider, shop.time)).gone == 1

    assert states(await shows(shop))["login-code"][0] is ObjectState.INVALID
    assert "is invalid: the provider has none of this id any more; it was deleted there" in await refusal(shop)


async def test_what_another_account_has_not_is_unknown(shop: Shop, reviewed: None) -> None:
    await performs(shop)
    file = shop.engine.settings.config / "shop.yaml"
    own = file.read_text()
    file.write_text(own.replace("appKey: sms-key", "appKey: other-key"))

    await applies(shop, DOCUMENTS + OFFICIAL)
    assert {state for state, _ in states(await shows(shop)).values()} == {ObjectState.UNKNOWN}

    file.write_text(own)
    await applies(shop, DOCUMENTS + OFFICIAL)
    assert {state for state, _ in states(await shows(shop)).values()} == {ObjectState.NORMAL}


async def test_what_is_kept_on_a_delivery_channel_that_is_not_granted_any_more_is_unknown(shop: Shop) -> None:
    await performs(shop)
    snapshot = await shop.engine.snapshots.newest()
    body = {**snapshot.all("Channel")["shop"], "deliveryChannels": []}
    bodies = {**snapshot.bodies, "Channel": {"shop": body}}

    found = listed(type(snapshot)(1, bodies, kept=snapshot.kept), {**body, "name": "shop"})

    assert {(one.state, one.reason) for one in found} == {(ObjectState.UNKNOWN, "sms is not granted to Channel shop")}


async def test_an_official_accounts_templates_are_listed_although_nobody_declared_them(shop: Shop) -> None:
    provider = await asked(shop, "oa")
    assert isinstance(provider, Wechatoa)
    picked = await provider.library.pick(1001, [1, 2], "Orders")

    assert await sync(provider, shop.time) == Synced(there=2, new=2, gone=0)
    found = {one.provider_id: one for one in await shows(shop, "news")}
    assert found[picked].keywords == ("character_string1", "thing2")
    assert (found[SAMPLE["template_id"]].title, found[SAMPLE["template_id"]].name) == ("Order shipped", "")

    await provider.library.delete(picked)
    assert await sync(provider, shop.time) == Synced(there=1, new=0, gone=1)
    assert {one.provider_id: one.state for one in await shows(shop, "news")}[picked] is ObjectState.INVALID


async def test_alipay_tells_of_no_templates(shop: Shop) -> None:
    with pytest.raises(CallerRefused, match="alipaylife tells nobody which templates an account has"):
        await sync(await asked(shop, "life"), shop.time)


async def test_a_closed_delivery_channel_is_left_alone(shop: Shop) -> None:
    await DeliveryChannelStatus.create(
        delivery_channel="sms", next_at=0, closed_until=shop.time() + 9_000, failures=0, code="45009", words="quota"
    )

    with pytest.raises(ProviderBusy, match="makes no call for another 9 s: quota"):
        await asked(shop)


async def test_what_is_imported_is_a_document_that_can_be_committed(shop: Shop, reviewed: None) -> None:
    provider = await asked(shop)
    template = await provider.make("ProviderTemplate", {"text": "Good day", "type": "notice", "remark": "To all"})

    text = await import_object(provider, "shop", ObjectId("ProviderTemplate", template), shop.time)

    assert text.splitlines() == [
        "apiVersion: ums/v1",
        "kind: ProviderTemplate",
        "channel: shop",
        f"name: sms-{template}",
        "deliveryChannel: sms",
        f"id: {template}",
        "# Known by its id alone, so UMS changes and deletes nothing of it. To have it taken over, add:",
        "# text: Good day",
        "# type: notice",
        "# remark: To all",
    ]
    assert (await ProviderObject.get(provider_id=template)).review == "approved"
    await applies(shop, DOCUMENTS + OFFICIAL + "---\n" + text)
    assert f"sms-{template}" in states(await shows(shop))


async def test_a_template_of_wechat_is_imported_with_its_keys(shop: Shop) -> None:
    text = await import_object(
        await asked(shop, "oa"), "news", ObjectId("ProviderTemplate", SAMPLE["template_id"]), shop.time
    )

    assert "title: Order shipped\ndeliveryChannel: oa\n" in text
    assert text.endswith("keywords:\n- character_string1\n- thing2\n")
    await applies(shop, DOCUMENTS + OFFICIAL + "---\n" + text)


async def test_what_is_not_there_is_not_imported(shop: Shop) -> None:
    with pytest.raises(CallerRefused, match="the account of sms has no ProviderTemplate '7'"):
        await import_object(await asked(shop), "shop", ObjectId("ProviderTemplate", "7"), shop.time)


async def test_what_reviewers_said_outlives_a_sync(shop: Shop, reviewed: None) -> None:
    await performs(shop)
    template = await made()
    shop.plays("jsms", refuse=["code is"])
    await ProviderObject.filter(provider_id=template).update(review="rejected", reason="too vague")

    await sync(await asked(shop), shop.time)

    assert (await ProviderObject.get(provider_id=template)).reason == "too vague"
    assert template in await at_jsms(shop)
