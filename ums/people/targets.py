"""Which of a person's addresses a DeliveryChannel uses: the rules of binding."""

from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import fetch, rows
from ums.platforms import LINKED, PLATFORMS
from ums.snapshot import Body, channel_type
from ums.vocabulary import ChannelType

ALL = "all"

BOUND_TO_DELIVERY_CHANNEL = {
    ChannelType.APP, ChannelType.WECHAT_OA, ChannelType.WECHAT_MP, ChannelType.ALIPAY_LIFE,
}  # fmt: skip
BOUND_TO_CHANNEL = {ChannelType.SMS, ChannelType.EMAIL}


def is_many(kind: ChannelType, bind: str) -> bool:
    """Whether one person may have several addresses of this type under this bind: devices, linked companies."""
    return kind is ChannelType.APP or bind == LINKED


def binds(delivery_channel: Body, channel_key: str) -> tuple[str, str]:
    """Where to look for an address: first there, and only if there is none, there.

    An app's registration id or an openid belongs to one provider account, hence to one DeliveryChannel; a phone number
    or an e-mail address may be set for one Channel and otherwise serves all; corporate ids are the same everywhere.
    """
    kind, known = channel_type(delivery_channel), PLATFORMS.get(delivery_channel["platform"])
    if known and known.bind:
        return known.bind, known.bind
    if kind in BOUND_TO_DELIVERY_CHANNEL:
        code: str = delivery_channel["name"]
        return code, code
    return (channel_key, ALL) if kind in BOUND_TO_CHANNEL else (ALL, ALL)


def allowed_binds(kind: ChannelType, *, channel_keys: set[str], codes: set[str]) -> set[str]:
    """Every bind that an address of this type may have, given the Channels and DeliveryChannels in question."""
    if kind in BOUND_TO_DELIVERY_CHANNEL:
        return codes
    own = {platform.bind for platform in PLATFORMS.values() if platform.type is kind} - {""}
    return channel_keys | {ALL} if kind in BOUND_TO_CHANNEL else {ALL} | own


async def tag_binds(on: BaseDBAsyncClient, tags: Sequence[str], channel_key: str) -> list[tuple[str, str]]:
    """(tag, bind) for each tag: this Channel's own tag where it has one by that name, else the one bound to all."""
    own = await fetch(on, _OWN_TAGS, rows([tag] for tag in tags), channel_key)
    mine = {row["tag"] for row in own}
    return [(tag, channel_key if tag in mine else ALL) for tag in tags]


_OWN_TAGS = """
SELECT given.tag FROM ROWS($1: tag text) AS given
WHERE EXISTS (SELECT 1 FROM tag t WHERE t.tag = given.tag AND t.bind = $2)"""
