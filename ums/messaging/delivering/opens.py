"""A picture of one dot at the end of a mail: whoever shows it has the mail.

That proves that it was delivered, and no more: many programs show no pictures, some fetch them before anybody looks.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ums.database import fetch, rows, transaction
from ums.messaging.delivering.clicks import Personal
from ums.messaging.delivering.links import LinkInvalid, former_keys, make, read, signing_key
from ums.messaging.delivering.receipts import COUNTED
from ums.messaging.engine import Engine
from ums.messaging.ledger import Entry, note_opens, record
from ums.providers.contract import Target
from ums.vocabulary import State

DOT = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
"""A transparent GIF."""

_END = re.compile(r"</body\s*>|\Z", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")


def with_dot(engine: Engine, content: Mapping[str, Any], own: Personal | None) -> Personal | None:
    """The content of each target with a dot of his own; unchanged when it is no HTML. Raises SecretMissing."""
    if not _TAG.search(content["text"]):
        return own
    key, door = dot_key(signing_key(engine.settings)), f"{engine.settings.public_url}/o/"

    def content_of(target: Target) -> Mapping[str, Any]:
        said = own(target) if own else content
        dot = f'<img src="{door}{make(key, target.id, 0)}.gif" width="1" height="1" alt="">'
        return {**said, "text": _END.sub(lambda end: dot + end[0], said["text"], count=1)}

    return content_of


async def opened(engine: Engine, token: str) -> None:
    """Somebody shows the dot; a token that was not made here is nobody's."""
    with suppress(LinkInvalid):
        former = [dot_key(key) for key in former_keys(engine.settings)]
        delivery_id, _ = read(dot_key(signing_key(engine.settings)), token, former)
        await engine.together(_opened, delivery_id)


async def _opened(engine: Engine, delivery_ids: Sequence[int]) -> Sequence[None]:
    """Of those that still count."""
    now, given = engine.clock(), rows([n] for n in sorted(set(delivery_ids)))
    async with transaction() as tx:
        fresh = [row["id"] for row in await fetch(tx, _FRESH, given, now - COUNTED)]
        await record(tx, [Entry(n, State.DELIVERED, now) for n in fresh], now)
        await note_opens(tx, fresh, now)
    return [None] * len(delivery_ids)


def dot_key(key: bytes) -> bytes:
    """Another than that of click links: neither token is good for the other."""
    return hashlib.sha256(b"open\0" + key).digest()


_FRESH = """
SELECT d.id FROM ROWS($1: id bigint) AS listed JOIN delivery d ON d.id = listed.id
WHERE d.opened_at IS NULL AND coalesce(d.submitted_at, d.planned_at) >= $2"""
