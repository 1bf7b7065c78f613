"""The templates that an account keeps at WeChat, and the public library from which it picks them.

https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/subscribe-message.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from ums.errors import OutcomeUnknown
from ums.providers.wechat.api import WechatApi

PLACEHOLDER = re.compile(r"\{\s*\{\s*(\w+)\.DATA\s*\}\s*\}", re.ASCII)
"""As in `{{thing1.DATA}}`; some copies have blanks between the braces."""
TITLES_AT_ONCE = 30


class Kind(Enum):
    """What a template is for; the numbers are WeChat's."""

    MESSAGE = 0
    """Template messages of an Official Account."""
    ONE_TIME = 2
    """Each consent of a user is good for one message."""
    LONG_TERM = 3


@dataclass(frozen=True)
class WechatTemplate:
    """One that the account has."""

    id: str
    title: str
    content: str
    example: str
    kind: Kind

    @property
    def keys(self) -> list[str]:
        """The names that a message's `data` must have, in the order of the text."""
        return PLACEHOLDER.findall(self.content)


@dataclass(frozen=True)
class Category:
    id: int
    name: str


@dataclass(frozen=True)
class PublicTemplate:
    """A title in the public library."""

    id: int
    title: str
    kind: Kind
    category: int


@dataclass(frozen=True)
class Titles:
    """A page of them."""

    count: int
    """Of all pages."""
    templates: Sequence[PublicTemplate]


@dataclass(frozen=True)
class Keyword:
    """One that a public template offers."""

    id: int
    name: str
    example: str
    rule: str
    """The kind of value it takes, such as `thing`."""

    @property
    def key(self) -> str:
        """Its name in a message's `data`."""
        return f"{self.rule}{self.id}"


@dataclass(frozen=True)
class Industries:
    """What the account's template messages are about; a class and a subclass each."""

    primary: tuple[str, str]
    secondary: tuple[str, str]


class Library:
    """Templates of subscription messages; every call raises ProviderBusy, ProviderRefused or OutcomeUnknown."""

    def __init__(self, api: WechatApi) -> None:
        self._api = api

    async def templates(self) -> list[WechatTemplate]:
        said = await self._api.get("/wxaapi/newtmpl/gettemplate")
        return _each(said.accepted(), "data", _subscription_template)

    async def categories(self) -> list[Category]:
        """Those of the account; titles are listed by them."""
        said = await self._api.get("/wxaapi/newtmpl/getcategory")
        return _each(said.accepted(), "data", lambda entry: Category(int(entry["id"]), str(entry["name"])))

    async def titles(self, categories: Sequence[int], start: int = 0, limit: int = TITLES_AT_ONCE) -> Titles:
        """At most 30 from the one numbered `start`, counted from 0."""
        query = {"ids": ",".join(map(str, categories)), "start": str(start), "limit": str(limit)}
        said = (await self._api.get("/wxaapi/newtmpl/getpubtemplatetitles", query)).accepted()
        templates = _each(said, "data", _public_template)
        count = said.get("count")
        return Titles(count if isinstance(count, int) else start + len(templates), templates)

    async def keywords(self, template: int) -> list[Keyword]:
        """What may be picked of the public template of this id."""
        said = await self._api.get("/wxaapi/newtmpl/getpubtemplatekeywords", {"tid": str(template)})
        return _each(said.accepted(), "data", _keyword)

    async def pick(self, template: int, keywords: Sequence[int], scene: str) -> str:
        """Make a template of the account, with 2 to 5 keywords in this order; the id by which messages name it.

        `scene` says in at most 15 characters what it is for. After OutcomeUnknown, `templates` tells.
        """
        asked = {"tid": str(template), "kidList": list(keywords), "sceneDesc": scene}
        said = (await self._api.post("/wxaapi/newtmpl/addtemplate", asked)).accepted()
        if not said.get("priTmplId"):
            raise OutcomeUnknown("a template was picked, and its id is not in the answer")
        return str(said["priTmplId"])

    async def delete(self, template: str) -> None:
        """Of the account, by the id that messages name."""
        (await self._api.post("/wxaapi/newtmpl/deltemplate", {"priTmplId": template})).accepted()


class TemplateMessages:
    """Templates of template messages, which are picked on WeChat's own pages; the calls raise as those of Library."""

    def __init__(self, api: WechatApi) -> None:
        self._api = api

    async def templates(self) -> list[WechatTemplate]:
        said = await self._api.get("/cgi-bin/template/get_all_private_template")
        return _each(said.accepted(), "template_list", _message_template)

    async def industries(self) -> Industries:
        said = (await self._api.get("/cgi-bin/template/get_industry")).accepted()
        return Industries(_industry(said.get("primary_industry")), _industry(said.get("secondary_industry")))

    async def delete(self, template: str) -> None:
        (await self._api.post("/cgi-bin/template/del_private_template", {"template_id": template})).accepted()


def _subscription_template(entry: Mapping[str, Any]) -> WechatTemplate:
    return WechatTemplate(str(entry["priTmplId"]), *_texts(entry), Kind(int(entry["type"])))


def _message_template(entry: Mapping[str, Any]) -> WechatTemplate:
    return WechatTemplate(str(entry["template_id"]), *_texts(entry), Kind.MESSAGE)


def _texts(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(entry["title"]), str(entry["content"]), str(entry.get("example", ""))


def _public_template(entry: Mapping[str, Any]) -> PublicTemplate:
    return PublicTemplate(int(entry["tid"]), str(entry["title"]), Kind(int(entry["type"])), int(entry["categoryId"]))


def _keyword(entry: Mapping[str, Any]) -> Keyword:
    return Keyword(int(entry["kid"]), str(entry["name"]), str(entry.get("example", "")), str(entry["rule"]))


def _industry(given: object) -> tuple[str, str]:
    named = given if isinstance(given, dict) else {}
    return str(named.get("first_class", "")), str(named.get("second_class", ""))


Entry = TypeVar("Entry")


def _each(said: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], Entry]) -> list[Entry]:
    try:
        return [read(entry) for entry in said[name]]
    except (KeyError, TypeError, ValueError) as error:
        raise OutcomeUnknown(f"an answer whose {name!r} cannot be read: {error!r}") from error
