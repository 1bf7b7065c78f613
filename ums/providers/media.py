"""Files that a platform must have before a message can show them: uploaded once, and known there by an id for days."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ums.documents import Path
from ums.errors import UmsError
from ums.providers.contract import Attachment, Named
from ums.providers.tokens import Token, Tokens

PREFIX = "media/"
"""Of the names under which ids are kept among the tokens."""


class Slot(NamedTuple):
    """A place in a message where the URL of a file stands, and where its id is to stand."""

    kind: str
    """As the platform's upload calls it."""
    part: dict[str, Any]
    at: Path
    """Of the part in the content."""
    url_field: str = "url"
    id_field: str = "media_id"


class MediaRefused(UmsError):
    """The sender must act: the platform does not take this file."""

    def __init__(self, code: str, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(f"{code}: {words}")


Upload = Callable[[str, Attachment], Awaitable[Token]]
"""Of a kind and a file; gives its id, and for how long that is good."""


def named(slots: Iterable[Slot]) -> list[Named]:
    """The files, in the order of their places."""
    return [Named((*slot.at, slot.url_field), slot.part[slot.url_field]) for slot in slots]


async def put_ids(
    slots: Sequence[Slot], files: Sequence[Attachment], tokens: Tokens, upload: Upload, spoiled: Sequence[str] = ()
) -> list[str]:
    """Put ids in the places of URLs, and return them; the same file is uploaded once, whoever of the workers needs it.

    `spoiled` are ids, in the order of `slots`, that the platform does not know any more. Raises what `upload` raises.
    """
    ids = []
    old = spoiled or [""] * len(slots)
    for slot, file, gone in zip(slots, files, old, strict=True):
        name = f"{PREFIX}{slot.kind}/{hashlib.sha256(file.content).hexdigest()[:48]}"
        ids.append(await tokens.get(name, partial(upload, slot.kind, file), gone))
        del slot.part[slot.url_field]
        slot.part[slot.id_field] = ids[-1]
    return ids
