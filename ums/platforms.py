"""What every platform of the guide reaches and can tell, whether or not this version has a provider for it yet."""

from collections.abc import Mapping
from dataclasses import dataclass

from ums.vocabulary import ChannelType, Proof, State


@dataclass(frozen=True)
class Platform:
    type: ChannelType
    detects: Mapping[State, Proof]
    """Which of DELIVERED and CLICKED it can tell at all, and what that is worth."""
    clicks_need: str = ""
    """What a message must have so that a click on it is seen; empty: nothing."""
    bind: str = ""
    """Where people's addresses for it stand, apart from the others of its type; empty: with them."""


LINKED = "linked"
"""The bind of ids in linked companies, `CorpId/userid`; a person may have several beside the one in our own."""

_REAL = {State.DELIVERED: Proof.REAL, State.CLICKED: Proof.REAL}
_ACCEPTED = {State.DELIVERED: Proof.ACCEPTED, State.CLICKED: Proof.REAL}

PLATFORMS: Mapping[str, Platform] = {
    "jpush": Platform(ChannelType.APP, _REAL),
    "jpush-private": Platform(ChannelType.APP, _REAL),
    "wechatoa": Platform(ChannelType.WECHAT_OA, _REAL, clicks_need="a url; a jump to a mini program is not seen"),
    # A mini program reports nothing: a request that it takes counts as delivered, and a click is never seen.
    "wechatmp": Platform(ChannelType.WECHAT_MP, {State.DELIVERED: Proof.ACCEPTED}),
    "jsms": Platform(ChannelType.SMS, _REAL, clicks_need="the variable url in its text, and a link in it"),
    "cmpp": Platform(ChannelType.SMS, _REAL, clicks_need="a link in its text"),
    "smtp": Platform(ChannelType.EMAIL, _ACCEPTED),
    "alipaylife": Platform(ChannelType.ALIPAY_LIFE, _ACCEPTED),
    "dingtalk": Platform(ChannelType.DINGTALK, _REAL, clicks_need="the form of a card"),
    "wecom": Platform(ChannelType.WECOM, _ACCEPTED, clicks_need="a link: in text, markdown, news, mpnews or a card"),
    "wecom-linked": Platform(
        ChannelType.WECOM, _ACCEPTED, clicks_need="a link: in text, markdown, news or a card", bind=LINKED
    ),
}
