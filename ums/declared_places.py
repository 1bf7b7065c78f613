"""Which file and line declared what is live, or was live as of a revision; see `ums.places`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from ums.database import connection, fetch, rows
from ums.places import Place


async def place(kind: str, name: str, revision: int) -> Place:
    """Where the object was declared that was live as of `revision`."""
    found = await fetch(connection(), _AS_OF, kind, name, revision)
    return _place(found[0]) if found else Place(revision=revision)


async def places(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Place]:
    """Where these live objects, by kind and identity, were declared."""
    found = await fetch(connection(), _LIVE, rows(keys))
    return {(row["kind"], row["name"]): _place(row) for row in found}


def _place(row: Mapping[str, Any]) -> Place:
    found = Place(revision=row["revision"], commit=row["commit"] or "")
    lines = orjson.loads(row["lines"]) if isinstance(row["lines"], str | bytes) else row["lines"]
    return replace(found, file=row["file"], lines=lines) if row["file"] and lines else found


_PLACE = 'v.kind, v.name, v.revision, v.file, v.lines, r."commit"'

_AS_OF = f"""
SELECT {_PLACE} FROM resource_version v LEFT JOIN revision r ON r.number = v.revision
WHERE v.kind = $1 AND v.name = $2 AND v.revision <= $3 ORDER BY v.revision DESC LIMIT 1"""  # noqa: S608  # SQL made of SQL: constants, never input

_LIVE = f"""
SELECT {_PLACE} FROM ROWS($1: kind text, name text) AS given
JOIN resource live ON live.kind = given.kind AND live.name = given.name
JOIN resource_version v ON v.kind = live.kind AND v.name = live.name AND v.revision = live.revision
LEFT JOIN revision r ON r.number = v.revision"""  # noqa: S608  # the same
