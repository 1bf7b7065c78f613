"""The files in a message of WeCom: https://developer.work.weixin.qq.com/document/path/90253"""

from collections.abc import Iterator, Mapping
from typing import Any

from ums.providers.media import Slot

LIVES = 3 * 86_400.0
"""Seconds in which WeCom knows a media_id."""
GONE = frozenset({40007, 41006})
"""What a message is answered whose media_id is not known any more."""
REFUSALS = frozenset({40004, 40005, 40006, 40007, 40009, 40011, 41006, 44001, 45001, 301016, 301017})
"""What an upload is answered whose file is of a wrong kind, or too small or too large."""
_FORMS = ("image", "voice", "video", "file")


def slots(content: Mapping[str, Any]) -> Iterator[Slot]:
    """Where the URLs of files stand; every other message names none, or names a media_id itself."""
    form = content["msgtype"]
    body = content[form]
    if form in _FORMS and "url" in body:
        yield Slot(form, body, (form,))
    for n, article in enumerate(body.get("articles", ()) if form == "mpnews" else ()):
        if "thumb_url" in article:
            yield Slot("image", article, (form, "articles", n), "thumb_url", "thumb_media_id")
