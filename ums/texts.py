"""The texts that people read in the content of a message: not its keys, its links, its markup or its variables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from ums.documents import Path
from ums.vocabulary import PLACEHOLDER

APART = "\ue000"
"""Stands where something was that is no text, so that what is left and right of it never becomes one word."""

# Of the characters that a URL is written in, quotes aside: what follows it in Chinese, without a space, is text again.
_LINK = re.compile(r"https?://[!#-&(-;=?-~]+", re.IGNORECASE)

_HTML_FIELDS: Mapping[str, Sequence[Path]] = {"email": [("text",)], "wecom": [("mpnews", "articles", "content")]}
"""By content type the fields whose text is HTML."""


def is_html(kind: str, at: Path) -> bool:
    """Whether the text that stands there, in content of this type, is HTML."""
    names = tuple(key for key in at if isinstance(key, str))
    return any(names[-len(field) :] == field for field in _HTML_FIELDS.get(kind, ()))


_NO_TEXTS = frozenset({"platform", "msgtype"})
"""Keys whose values are words of a provider, which nobody reads."""


def texts(kind: str, value: Any, at: Path = (), *, template: bool = False) -> Iterator[tuple[Path, str]]:
    """Every text in the content of one channel type, and where it stands; links are `APART`.

    Of a template variables are, too; in what is sent double braces are read by people like all the rest.
    """
    if isinstance(value, str):
        read = _visible(value) if is_html(kind, at) else value
        apart = _LINK.sub(APART, read)
        yield at, PLACEHOLDER.sub(APART, apart) if template else apart
        return
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        if key not in _NO_TEXTS:
            yield from texts(kind, child, (*at, key), template=template)


def _visible(html: str) -> str:
    page = _Page()
    page.feed(html)
    page.close()
    return "".join(page.found)


# https://html.spec.whatwg.org/multipage/text-level-semantics.html: these stand inside a line, the others begin one.
_INSIDE_A_LINE = frozenset(
    ("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q",
     "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr")
)  # fmt: skip
_SEEN_ATTRIBUTES = ("alt", "title")


class _Page(HTMLParser):
    """What a reader sees of HTML: `lot<b>tery</b>` is one word, two paragraphs are not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self._hidden = tag
        if tag not in _INSIDE_A_LINE:
            self.found.append("\n")
        for name, value in attrs:
            if name in _SEEN_ATTRIBUTES and value:
                self.found.append(f"{APART}{value}{APART}")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if tag not in _INSIDE_A_LINE:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
