"""Declared versions that wait for a review, or failed it: what was approved before them stays in use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ums.database import Rows, connection, fetch

Body = Mapping[str, Any]
Key = tuple[str, str]
"""Kind and identity."""


@dataclass(frozen=True)
class Held:
    """That the declared version of an object is not approved."""

    ticket: int
    rejected: bool
    in_use: Body | None
    """What is used instead; None: nothing was ever approved."""
    declared: Body

    @property
    def reason(self) -> str:
        """In words."""
        if self.rejected:
            return f"ticket {self.ticket} was rejected; declare it otherwise"
        return f"it waits for approval, ticket {self.ticket}"


async def read() -> dict[Key, Held]:
    """All that is held now, by kind and identity."""
    found = await fetch(connection(), _HELD)
    return {(row["kind"], row["name"]): _held(row) for row in found}


async def marks() -> Rows:
    """Something else whenever something else is held: a new version is a new row."""
    return await fetch(connection(), _MARKS)


def in_use(bodies: Mapping[str, Mapping[str, Body]], held: Mapping[Key, Held]) -> dict[str, dict[str, Body]]:
    """Declarations by kind and identity, with what is used in the place of what is held."""
    found = {kind: dict(named) for kind, named in bodies.items()}
    for (kind, name), one in held.items():
        named = found.get(kind, {})
        if name in named and one.in_use is None:
            del named[name]
        elif name in named and one.in_use is not None:
            named[name] = one.in_use
    return found


def _held(row: Mapping[str, Any]) -> Held:
    return Held(row["ticket_id"], bool(row["rejected"]), _body(row["in_use"]), _body(row["declared"]) or {})


def _body(value: Any) -> Body | None:
    found: Body | None = orjson.loads(value) if isinstance(value, str | bytes) else value
    return found


_HELD = """
SELECT h.kind, h.name, h.ticket_id, h.rejected, h.in_use, r.body AS declared
FROM held_version h JOIN resource r ON r.kind = h.kind AND r.name = h.name ORDER BY h.kind, h.name"""

_MARKS = "SELECT id, rejected FROM held_version ORDER BY id"
