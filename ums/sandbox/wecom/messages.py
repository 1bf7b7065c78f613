"""What WeCom makes of a message before it looks at the members: https://developer.work.weixin.qq.com/document/path/90236

Text, titles and descriptions are cut where they are too long, everything else that is out of order is refused.
A `media_id` that was not given here will do, one that was is good for three days.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from ums.errors import UmsError

NEEDED: Mapping[str, tuple[str, ...]] = {
    "text": ("content",),
    "image": ("media_id",),
    "voice": ("media_id",),
    "video": ("media_id",),
    "file": ("media_id",),
    "textcard": ("title", "description", "url"),
    "news": ("title",),
    "mpnews": ("title", "thumb_media_id", "content"),
    "markdown": ("content",),
    "miniprogram_notice": ("appid", "title"),
    "template_card": ("card_type",),
}
"""Form -> what it, or each article in it, cannot do without."""
MISSING = {"content": (44004, "text content is empty"), "media_id": (41006, "media_id missing")}
CUT = {"title": 128, "description": 512, "author": 64, "digest": 512}
"""Bytes."""
LONGEST = {"url": 2048, "content": 666 * 1024}
TEXTS = (*CUT, *LONGEST, *(name for names in NEEDED.values() for name in names), "btntxt")
ARTICLES = 8
TASK_ID = re.compile(r"[\w@-]{1,128}", re.ASCII)
CARDS: Mapping[str, tuple[str, ...]] = {
    "text_notice": ("card_action",),
    "news_notice": ("card_action", "main_title"),
    "button_interaction": ("task_id", "main_title", "button_list"),
    "vote_interaction": ("task_id", "main_title", "checkbox", "submit_button"),
    "multiple_interaction": ("task_id", "main_title", "select_list", "submit_button"),
}
"""Form of a card -> what it cannot do without: https://developer.work.weixin.qq.com/document/path/101032"""


class Refused(UmsError):
    """WeCom's code and words, with what the answer says beside them."""

    def __init__(self, code: int, words: str, **beside: object) -> None:
        self.code, self.words, self.beside = code, words, beside

    def response(self, request: web.Request) -> web.Response:
        """HTTP 200 like everything else."""
        place = f"from ip: {request.remote}, more info at https://open.work.weixin.qq.com/devtool/query?e={self.code}"
        errmsg = f"{self.words}, hint: [{time.time_ns()}], {place}"
        return web.json_response({"errcode": self.code, "errmsg": errmsg, **self.beside})


def shown(message: Mapping[str, Any], *, cards: bool) -> dict[str, Any]:
    """The form of the message and what members see of it; raises Refused."""
    form = str(message.get("msgtype"))
    if form not in NEEDED or (form == "template_card" and not cards):
        raise Refused(40008, "invalid message type")
    agent = message.get("agentid")
    if form != "miniprogram_notice" and (not isinstance(agent, int) or agent < 1):
        raise Refused(40056, "invalid agentid")
    body = message.get(form)
    if not isinstance(body, dict):
        raise Refused(40058, f"invalid Request Parameter: {form}")
    if form == "news" and message.get("safe"):
        raise Refused(40074, "news msg is not supported in safe mode")
    if form in ("news", "mpnews"):
        return {"msgtype": form, form: {"articles": [_part(form, article) for article in _articles(body)]}}
    return {"msgtype": form, form: _part(form, body)}


def media_ids(said: Mapping[str, Any]) -> list[str]:
    """Of the files in what members see."""
    body = said[said["msgtype"]]
    named = [body.get("media_id"), *(article.get("thumb_media_id") for article in body.get("articles", ()))]
    return [media_id for media_id in named if media_id]


def is_replaceable(message: Mapping[str, Any]) -> bool:
    """Whether it is a card that can be another one later, for which WeCom gives out a code."""
    return "task_id" in message.get("template_card", {})


def _articles(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    articles = body.get("articles")
    if not isinstance(articles, list) or not 0 < len(articles) <= ARTICLES:
        raise Refused(45008, "article size out of limit")
    if not all(isinstance(article, dict) for article in articles):
        raise Refused(40058, "invalid Request Parameter: articles")
    return articles


def _part(form: str, part: Mapping[str, Any]) -> dict[str, Any]:
    if odd := next((name for name in TEXTS if not isinstance(part.get(name, ""), str)), ""):
        raise Refused(40058, f"invalid Request Parameter: {form}.{odd}")
    for name in NEEDED[form]:
        if not part.get(name):
            raise Refused(*MISSING.get(name, (40058, f"invalid Request Parameter: {form}.{name}")))
    for name, limit in LONGEST.items():
        if len(part.get(name, "").encode()) > (2048 if form == "markdown" else limit):
            raise Refused(45002, "content size out of limit")
    if wrong := next(_wrong(form, part), ""):
        raise Refused(40058, f"invalid Request Parameter: {form}.{wrong}")
    cut = {"content": 2048} if form == "text" else CUT if form in ("video", "textcard", "news", "mpnews") else {}
    return {name: _cut(value, cut[name]) if name in cut else value for name, value in part.items()}


def _cut(text: str, limit: int) -> str:
    """Whole characters only."""
    return text.encode()[:limit].decode(errors="ignore")


def _wrong(form: str, part: Mapping[str, Any]) -> Iterator[str]:
    """The names of what is out of order in a form of its own rules."""
    if form == "news" and not part.get("url") and not (part.get("appid") and part.get("pagepath")):
        yield "url"
    if form == "textcard" and len(part.get("btntxt", "")) > 4:
        yield "btntxt"
    if form == "miniprogram_notice":
        yield from _wrong_notice(part)
    if form == "template_card":
        yield from _wrong_card(part)


def _wrong_notice(notice: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in ("title", "description") if not 4 <= len(notice.get(name, "four")) <= 12)
    items = notice.get("content_item", [])
    if not isinstance(items, list) or len(items) > 10 or not all(_is_row(item) for item in items):
        yield "content_item"


def _is_row(item: object) -> bool:
    match item:
        case {"key": str() as key, "value": str() as value}:
            return len(key) <= 10 and len(value) <= 30
    return False


def _wrong_card(card: Mapping[str, Any]) -> Iterator[str]:
    if card["card_type"] not in CARDS:
        yield "card_type"
        return
    yield from (name for name in CARDS[card["card_type"]] if not card.get(name))
    title = card.get("main_title")
    if not (isinstance(title, dict) and title.get("title")) and not card.get("sub_title_text"):
        yield "main_title"
    if card["card_type"] == "news_notice" and not card.get("card_image") and not card.get("image_text_area"):
        yield "card_image"
    if ("action_menu" in card or "task_id" in card) and not TASK_ID.fullmatch(str(card.get("task_id", ""))):
        yield "task_id"
