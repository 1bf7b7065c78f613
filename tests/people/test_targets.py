"""Which address is used: the rules of binding, through a real send."""

from tests.shop import Shop
from ums.people.users import Bindings, Upload
from ums.vocabulary import ChannelType, State

SMS, APP = ChannelType.SMS, ChannelType.APP
TEXT = {"content": {"sms": {"temp_id": 7}}}


async def test_the_phone_bound_to_the_channel_comes_before_the_one_for_all(shop: Shop) -> None:
    both = Bindings((), ((SMS, "all", ["13800000001"]), (SMS, "shop", ["13800000002"])))
    await shop.knows(Upload("ann", set=both), Upload("bob", set=Bindings((), ((SMS, "all", ["13800000003"]),))))

    await shop.sends({"users": {"userIds": ["ann", "bob"]}}, **TEXT)
    await shop.works()

    assert sorted(shop.sandbox.record("jsms").addresses) == ["13800000002", "13800000003"]


async def test_the_phone_of_another_channel_is_never_used(shop: Shop) -> None:
    await shop.knows(Upload("ann", set=Bindings((), ((SMS, "ops", ["13800000001"]),))))

    message = await shop.sends({"users": {"userIds": ["ann"]}}, **TEXT)
    await shop.works()

    assert await shop.states(message) == {"ann": State.LOST}


async def test_an_app_address_serves_only_the_delivery_channel_it_is_bound_to(shop: Shop) -> None:
    await shop.knows(Upload("ann", set=Bindings((), ((APP, "sms", ["rid"]),))))

    message = await shop.sends({"users": {"userIds": ["ann"]}})
    await shop.works()

    assert await shop.states(message) == {"ann": State.LOST}


async def test_the_channels_own_tag_hides_the_one_for_all(shop: Shop) -> None:
    for name, bind in (("ann", "shop"), ("bob", "all"), ("eve", "ops")):
        await shop.knows(Upload(name, set=Bindings(((bind, ["vip"]),), ((APP, "app", [f"rid-{name}"]),))))

    message = await shop.sends({"users": {"tags": ["vip"]}})
    await shop.works()

    assert await shop.states(message) == {"ann": State.SUBMITTED}


async def test_without_a_tag_of_its_own_the_channel_uses_the_one_for_all(shop: Shop) -> None:
    for name, bind in (("bob", "all"), ("eve", "ops")):
        await shop.knows(Upload(name, set=Bindings(((bind, ["vip"]),), ((APP, "app", [f"rid-{name}"]),))))

    message = await shop.sends({"users": {"tags": ["vip"]}})
    await shop.works()

    assert await shop.states(message) == {"bob": State.SUBMITTED}
