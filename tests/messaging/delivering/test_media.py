"""Files in messages of WeCom and DingTalk: named by the URL of a material, uploaded to the platform by UMS."""

from collections.abc import AsyncIterator

from tests.shop import Shop
from ums.messaging.materials import HOUR, Upload, keep
from ums.people.users import Bindings
from ums.people.users import Upload as Person
from ums.vocabulary import ChannelType, State

STAFF = ("ann", "bob", "cat")


async def material(shop: Shop, name: str, content: bytes, channel: str = "staff") -> str:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    return await keep(shop.engine, Upload(channel, name, "application/pdf", len(content), 24), parts())


async def staffed(shop: Shop) -> None:
    kinds = (ChannelType.WECOM, ChannelType.DINGTALK)
    await shop.knows(
        *(Person(name, set=Bindings((), tuple((kind, "all", (name,)) for kind in kinds))) for name in STAFF)
    )


async def test_each_platform_is_given_the_file_that_its_content_names_once(shop: Shop) -> None:
    await staffed(shop)
    menu, plan = await material(shop, "menu.pdf", b"%PDF the menu"), await material(shop, "plan.pdf", b"%PDF the plan!")
    content = {
        "wecom": {"msgtype": "file", "file": {"url": menu}},
        "dingtalk": {"msg": {"msgtype": "file", "file": {"url": plan}}},
    }

    for _ in range(2):
        message = await shop.sends({"users": {"userIds": list(STAFF)}}, "staff", content=content)
        await shop.works()

    wecom, dingtalk = (shop.sandbox.record(platform).accepted for platform in ("wecom", "dingtalk"))
    assert [sent["media"][0]["name"] for sent in (*wecom, *dingtalk)] == ["menu.pdf"] * 2 + ["plan.pdf"] * 2
    assert len({sent["message"]["file"]["media_id"] for sent in wecom}) == 1
    assert set((await shop.states(message)).values()) == {State.DELIVERED}


async def test_a_material_whose_time_is_over_at_delivery_goes_to_nobody(shop: Shop) -> None:
    await staffed(shop)
    url = await material(shop, "menu.pdf", b"%PDF the menu")

    content = {"wecom": {"msgtype": "file", "file": {"url": url}}}
    message = await shop.sends({"users": {"userIds": ["ann"]}}, "staff", content=content)
    shop.time.passes(24 * HOUR)
    await shop.works()

    assert shop.sandbox.record("wecom").submissions == 0
    assert {loss.reason for loss in (await shop.numbers(message)).losses} == {"content"}
