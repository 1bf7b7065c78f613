from ums.platforms import PLATFORMS
from ums.providers import providers
from ums.schemas import names, schemas
from ums.vocabulary import ChannelType, Reason, State


def test_the_table_says_of_every_provider_what_it_says_of_itself() -> None:
    for name, provider in providers().items():
        assert provider.type is PLATFORMS[name].type
        assert provider.detects[State.DELIVERED] is PLATFORMS[name].detects[State.DELIVERED]
        assert provider.detects.items() <= PLATFORMS[name].detects.items()


def test_every_channel_type_has_a_platform_and_content_of_its_own() -> None:
    types = {kind.value for kind in ChannelType}

    assert types == {platform.type.value for platform in PLATFORMS.values()}
    assert types == set(names("content"))
    assert types == set(schemas()["template"]["properties"]["content"]["properties"])
    assert types == set(schemas()["parts"]["$defs"]["channelType"]["enum"])


def test_a_mini_program_alone_never_tells_of_a_click() -> None:
    assert {"wechatmp"} == {name for name, one in PLATFORMS.items() if State.CLICKED not in one.detects}


def test_a_gateways_codes_mean_one_of_our_reasons() -> None:
    codes = schemas()["providers/cmpp"]["properties"]["codes"]["additionalProperties"]

    assert set(codes["properties"]["reason"]["enum"]) <= {reason.value for reason in Reason}
