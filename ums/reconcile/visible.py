"""The history as one Channel may see it: the revisions that changed something of its own, and how much of that."""

from dataclasses import dataclass

from ums.database import connection, fetch, rows
from ums.snapshot import Body


@dataclass(frozen=True)
class Change:
    """One revision, as far as it concerns the Channel."""

    number: int
    created_at: int
    author: str
    commit: str
    message: str
    created: int
    updated: int
    deleted: int


async def visible_history(channel: Body, first: int) -> list[Change]:
    """The latest revisions that changed the Channel, what it owns, or a DeliveryChannel granted to it."""
    codes = rows([grant["name"]] for grant in channel["deliveryChannels"])
    found = await fetch(connection(), _HISTORY, channel["name"], f"{channel['name']}/", codes, first)
    return [Change(**row) for row in found]


_OWN = """(v.kind = 'Channel' AND v.name = $1) OR substr(v.name, 1, length($2)) = $2
    OR (v.kind = 'DeliveryChannel' AND v.name IN (SELECT code FROM ROWS($3: code text) AS granted))"""

_HISTORY = f"""
SELECT r.number, r.created_at, r.author, r."commit", r.message,
       sum(CASE WHEN v.body IS NOT NULL AND b.id IS NULL THEN 1 ELSE 0 END) AS created,
       sum(CASE WHEN v.body IS NOT NULL AND b.id IS NOT NULL THEN 1 ELSE 0 END) AS updated,
       sum(CASE WHEN v.body IS NULL THEN 1 ELSE 0 END) AS deleted
FROM (SELECT DISTINCT v.revision FROM resource_version v WHERE {_OWN} ORDER BY v.revision DESC LIMIT $4) AS page
JOIN revision r ON r.number = page.revision
JOIN resource_version v ON v.revision = page.revision AND ({_OWN})
LEFT JOIN resource_version b ON b.kind = v.kind AND b.name = v.name AND b.body IS NOT NULL AND b.revision = (
    SELECT max(w.revision) FROM resource_version w
    WHERE w.kind = v.kind AND w.name = v.name AND w.revision < v.revision)
GROUP BY r.number, r.created_at, r.author, r."commit", r.message ORDER BY r.number DESC
"""  # noqa: S608  # SQL made of SQL: constants, never input
