"""The http(s) links in a rendered content on which a click can be seen, found and replaced.

A link's number is its position here, and links are out there for days: places are only ever added behind the others
of their form. What a link shows (a picture) or opens besides a web page (a mini program, a phone call) is no click.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from html.entities import html5
from itertools import count
from typing import Any

from ums.messaging.delivering.links import MOST
from ums.vocabulary import ChannelType

Change = Callable[[str], str]
"""From the link that stands there to the one that is to stand there."""
Path = tuple[str, ...]
"""Keys from the content down, `*` for every item of a list."""
Form = Callable[[Any, Change], Any]
"""How links are written in the value at a place; gives the value with every link changed."""


def urls(kind: ChannelType, content: Mapping[str, Any]) -> list[str]:
    """Every link on which a click can be seen, at most as many as tokens can number."""
    found: list[str] = []

    def note(url: str) -> str:
        found.append(url)
        return url

    _changed(kind, content, note)
    return found[:MOST]


def replaced(kind: ChannelType, content: Mapping[str, Any], new: Callable[[int], str]) -> Mapping[str, Any]:
    """A copy of `content` with link n of `urls` replaced by `new(n)`."""
    numbers = count()

    def change(url: str) -> str:
        n = next(numbers)
        return new(n) if n < MOST else url

    return _changed(kind, content, change)


def _changed(kind: ChannelType, content: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    changed = content
    for path, form in _places(kind, content):
        changed = _at(changed, path, form, change)
    return changed


def _places(kind: ChannelType, content: Mapping[str, Any]) -> Sequence[tuple[Path, Form]]:
    """Where the platform looks for links in this content."""
    if kind is ChannelType.WECHAT_OA:
        # Where there is a mini program, that is what opens:
        # https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
        field = "page" if content["type"] == 1 else "url"
        return () if "miniprogram" in content else (((field,), _whole),)
    if kind is ChannelType.DINGTALK:
        return _DINGTALK.get(content["msg"]["msgtype"], ())
    if kind is ChannelType.WECOM:
        return _WECOM.get(content["msgtype"], ())
    return _FIXED.get(kind, ())


def _at(value: Any, path: Path, form: Form, change: Change) -> Any:
    """`value` with what stands at `path` changed; without anything there it stays as it is."""
    if not path:
        return form(value, change)
    key, *rest = path
    if key == "*" and isinstance(value, list):
        return [_at(item, tuple(rest), form, change) for item in value]
    if isinstance(value, Mapping) and key in value:
        return {**value, key: _at(value[key], tuple(rest), form, change)}
    return value


_LINK = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_BARE = re.compile(r"(?<![A-Za-z0-9])https?://[A-Za-z0-9\[][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*", re.IGNORECASE)
_TITLE = r"\[(?:!\[[^\]]*\]\([^)\s]*\)|[^\[\]])*+\]"  # of a Markdown link; a picture may stand in it
_MARKDOWN = re.compile(rf"(?<![!\\]){_TITLE}\(\s*<?(https?://(?:[^\s()<>]|\([^\s()<>]*\))+)(?=[\s>)])", re.IGNORECASE)

# Attributes as browsers tell them apart: https://html.spec.whatwg.org/multipage/parsing.html#before-attribute-name-state
# What is not closed reaches to the end, so each character is looked at once.
_VALUE = r"""(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\s>]*+)"""
_ATTRIBUTE = rf"[\s/]*+(?P<name>[^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?P<value>{_VALUE}))?+"
_HREF = re.compile(_ATTRIBUTE)
_TAG = rf"<a(?=[\s/])(?:{_ATTRIBUTE})*+[\s/]*+(?P<end>>|\Z)"
_COMMENT = r"<!--(?:-?>|.*?(?:--!?>|\Z))"
_MARKUP = re.compile(
    rf"{_COMMENT}|<(?P<raw>script|style)\b.*?(?:</(?P=raw)\b|\Z)|(?P<tag>{_TAG})", re.IGNORECASE | re.DOTALL
)
_TEXT = re.compile(rf"{_TAG}.*?(?:</a\s*>|\Z)|(?P<bare>{_BARE.pattern})", re.IGNORECASE | re.DOTALL)
_REFERENCE = re.compile(r"&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")


def _whole(value: Any, change: Change) -> Any:
    """A field that is a link, or something else altogether."""
    return change(value.strip()) if isinstance(value, str) and _LINK.fullmatch(value.strip()) else value


def _bare(value: str, change: Change) -> str:
    """Links in plain text: they end before what RFC 3986 does not allow, and before the sentence's own punctuation."""
    return _BARE.sub(lambda found: _trimmed(found[0], change), value)


def _trimmed(found: str, change: Change) -> str:
    url = found
    while url[-1] in ".,;:!?'" or any(url[-1] == b and url.count(b) > url.count(a) for a, b in ("()", "[]")):
        url = url[:-1]
    return change(url) + found[len(url) :]


def _text(value: str, change: Change) -> str:
    """Plain text in which `<a href>` is allowed."""
    return _TEXT.sub(lambda found: _trimmed(found[0], change) if found["bare"] else _markup(found[0], change), value)


def _markdown(value: str, change: Change) -> str:
    """`[words](link)`; a picture is none."""
    return _MARKDOWN.sub(lambda found: found[0].removesuffix(found[1]) + change(found[1]), value)


def _markup(value: str, change: Change) -> str:
    """The `href` of every `<a>` in HTML; nothing else is touched."""
    between, links = _cut(value)
    changed = (f'"{html.escape(change(link))}"' for link in links)
    return between[0] + "".join(link + after for link, after in zip(changed, between[1:], strict=True))


@lru_cache(maxsize=64)  # each of a thousand mails of one message has links of its own
def _cut(value: str) -> tuple[list[str], list[str]]:
    """What stands between the links, and the links."""
    between, links, end = [], [], 0
    for tag in _MARKUP.finditer(value):
        first, last, link = _href(tag)
        if link:
            between.append(value[end:first])
            links.append(link)
            end = last
    return [*between, value[end:]], links


def _href(tag: re.Match[str]) -> tuple[int, int, str]:
    """Where the value of the tag's `href` stands, its quotes included, and the link that it is; or none."""
    for found in _HREF.finditer((tag["end"] and tag["tag"]) or "", 2):  # whoever reads it drops a tag without an end
        if found["name"].lower() == "href":
            link = _REFERENCE.sub(_meant, _unquoted(found["value"] or "")).strip()
            first, last = found.span("value")
            return tag.start() + first, tag.start() + last, link if _LINK.fullmatch(link) else ""
    return 0, 0, ""


def _unquoted(value: str) -> str:
    return value[1:].removesuffix(value[0]) if value[:1] in {'"', "'"} else value


def _meant(reference: re.Match[str]) -> str:
    known = reference[1].startswith("#") or f"{reference[1]};" in html5
    return html.unescape(reference[0]) if known else reference[0]


def _article(value: Any, change: Change) -> Any:
    """WeCom news: a mini program comes before the link."""
    return value if "pagepath" in value and "appid" in value else _at(value, ("url",), _whole, change)


def _jump(value: Any, change: Change) -> Any:
    """A part of a WeCom card that opens a link when its type is 1."""
    return _at(value, ("url",), _whole, change) if isinstance(value, Mapping) and value.get("type") == 1 else value


_FIXED: Mapping[ChannelType, Sequence[tuple[Path, Form]]] = {
    ChannelType.SMS: [(("temp_para", "url"), _whole), (("content",), _bare)],
    ChannelType.EMAIL: [(("text",), _markup)],
    ChannelType.ALIPAY_LIFE: [(("context", "url"), _whole)],
}

# https://open.dingtalk.com/document/development/message-types-and-data-format
_DINGTALK: Mapping[str, Sequence[tuple[Path, Form]]] = {
    "link": [(("msg", "link", "messageUrl"), _whole)],
    "markdown": [(("msg", "markdown", "text"), _markdown)],
    "action_card": [
        (("msg", "action_card", "single_url"), _whole),
        (("msg", "action_card", "btn_json_list", "*", "action_url"), _whole),
        (("msg", "action_card", "markdown"), _markdown),
    ],
    "oa": [(("msg", "oa", "message_url"), _whole), (("msg", "oa", "pc_message_url"), _whole)],
}

# https://developer.work.weixin.qq.com/document/path/90236
# Cards: https://developer.work.weixin.qq.com/document/path/101032
_WECOM: Mapping[str, Sequence[tuple[Path, Form]]] = {
    "text": [(("text", "content"), _text)],
    "markdown": [(("markdown", "content"), _markdown)],
    "textcard": [(("textcard", "url"), _whole)],
    "news": [(("news", "articles", "*"), _article)],
    "mpnews": [(("mpnews", "articles", "*", "content_source_url"), _whole)],
    "template_card": [
        (("template_card", "card_action"), _jump),
        (("template_card", "jump_list", "*"), _jump),
        (("template_card", "quote_area"), _jump),
        (("template_card", "image_text_area"), _jump),
        (("template_card", "horizontal_content_list", "*"), _jump),
        (("template_card", "button_list", "*"), _jump),
    ],
}
