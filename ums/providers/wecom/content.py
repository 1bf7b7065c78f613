"""What WeCom would cut off, told before it is sent: https://developer.work.weixin.qq.com/document/path/90236"""

from collections.abc import Iterator, Mapping
from typing import Any

_HEADED = {"title": 128, "description": 512}
LIMITS: Mapping[str, Mapping[str, int]] = {
    "text": {"content": 2048},
    "markdown": {"content": 2048},
    "video": _HEADED,
    "textcard": _HEADED | {"url": 2048},
    "news": _HEADED | {"url": 2048},
    "mpnews": {"title": 128, "author": 64, "digest": 512, "content": 666 * 1024},
}
"""Form -> field -> bytes in UTF-8. A schema counts characters, and before the variables are filled in."""


def oversized(content: Mapping[str, Any]) -> str:
    """The first field of a rendered message that is too long, and by how much; empty when there is none."""
    limits = LIMITS.get(content["msgtype"], {})
    for place, part in _parts(content):
        for name, limit in limits.items():
            size = len(str(part.get(name, "")).encode())
            if size > limit:
                return f"{place}.{name} has {size} bytes; WeCom takes {limit}"
    return ""


def _parts(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The message itself, or each of its articles."""
    form = content["msgtype"]
    body = content[form]
    if "articles" not in body:
        yield form, body
    for number, article in enumerate(body.get("articles", ())):
        yield f"{form}.articles[{number}]", article
