"""Files that were uploaded to a stand-in, each known for a while by the id that it gave."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4


class Uploaded(NamedTuple):
    """What is known of one."""

    kind: str
    name: str
    content_type: str
    size: int
    until: float


class Shelf:
    """Of one platform, all accounts together."""

    def __init__(self, seconds: float, largest: Mapping[str, int]) -> None:
        """`largest` in bytes, by kind; there are no other kinds."""
        self.largest = largest
        self._seconds = seconds
        self._kept: dict[str, Uploaded] = {}

    def put(self, kind: str, name: str, content_type: str, content: bytes) -> str:
        """Its id."""
        media_id = f"@{kind}-{uuid4().hex}"
        self._kept[media_id] = Uploaded(kind, name, content_type, len(content), time.time() + self._seconds)
        return media_id

    def has_lost(self, media_id: str) -> bool:
        """Whether it was given here, and is not known any more; ids from elsewhere will do."""
        return media_id in self._kept and self._kept[media_id].until <= time.time()

    def known(self, media_id: str) -> dict[str, Any]:
        """What to write down of it; nothing of an id from elsewhere."""
        found = self._kept.get(media_id)
        return {"kind": found.kind, "name": found.name, "type": found.content_type, "size": found.size} if found else {}

    def lose(self) -> None:
        """All that is here, as if its time were over."""
        self._kept = {media_id: one._replace(until=0) for media_id, one in self._kept.items()}
