"""The files in a message of DingTalk: https://open.dingtalk.com/document/development/upload-media-files"""

from collections.abc import Iterator, Mapping
from typing import Any

from ums.providers.media import Slot

LIVES = 30 * 86_400.0
"""Seconds after which a file is uploaded anew. DingTalk says that an id may be used again, and not for how long."""
GONE = 40007
"""What a message is answered whose media_id is not known."""
REFUSALS = frozenset({40004, 40005, 40006, 40007, 41005})
"""What an upload is answered whose file is of a wrong kind or too large."""
FORMS = ("image", "voice", "file")


def slots(msg: Mapping[str, Any]) -> Iterator[Slot]:
    """Where the URL of a file stands; every other message names none, or names a media_id itself."""
    form = msg["msgtype"]
    if form in FORMS and "url" in msg[form]:
        yield Slot(form, msg[form], ("msg", form))
