"""WeChat's public library: titles, what may be picked of one, and the template that is made of that."""

from collections.abc import Sequence
from typing import NamedTuple

from ums.errors import CallerRefused, Problem
from ums.provider_templates.importing import import_object
from ums.providers.contract import Provider
from ums.providers.keeper import ObjectId
from ums.providers.wechat.account import WechatProvider
from ums.providers.wechat.templates import Keyword, Library, Titles
from ums.vocabulary import Clock


async def titles(provider: Provider, start: int, limit: int) -> Titles:
    """At most 30, from the one numbered `start`, of the categories that the account is in.

    Raises CallerRefused where there is no library, ProviderBusy or ProviderRefused.
    """
    library = _library(provider)
    categories = [category.id for category in await library.categories()]
    return await library.titles(categories, start, limit) if categories else Titles(0, [])


async def keywords(provider: Provider, title: int) -> list[Keyword]:
    """Raises as `titles` does."""
    return await _library(provider).keywords(title)


class Choice(NamedTuple):
    """What a template of the account shall be."""

    title: int
    keywords: Sequence[int]
    """2 to 5, in this order."""
    scene: str
    """What it is for, in at most 15 characters."""


async def pick(provider: Provider, channel: str, choice: Choice, clock: Clock) -> str:
    """Make a template of the account; the document to commit.

    Raises as `titles` does, or OutcomeUnknown: a sync tells then whether it is there.
    """
    made = await _library(provider).pick(choice.title, choice.keywords, choice.scene)
    return await import_object(provider, channel, ObjectId("ProviderTemplate", made), clock)


def _library(provider: Provider) -> Library:
    if isinstance(provider, WechatProvider):
        return provider.library
    words = f"{provider.account.code} is on {provider.platform}; only WeChat has a public library"
    raise CallerRefused([Problem(path="deliveryChannel", code="no_library", message=words)])
