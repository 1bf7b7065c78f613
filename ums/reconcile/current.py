"""What is live now, and what somebody changed behind the back of the last apply."""

from typing import Any

import orjson

from ums import held_versions
from ums.database import connection, fetch
from ums.errors import SecretMissing
from ums.models import Override, Resource, Revision, StoredSecret
from ums.reconcile.change import Change, Switched, fingerprint, value_at
from ums.reconcile.kinds import Body, Key
from ums.reconcile.plan import Live
from ums.reconcile.reviews import Waiting
from ums.settings import Settings, unseal

_WRITTEN = """SELECT v.kind, v.name, v.body, v.hash FROM resource_version v
WHERE v.revision = (SELECT max(w.revision) FROM resource_version w WHERE w.kind = v.kind AND w.name = v.name)"""

# The database compares: of ten thousand objects only those that differ come here.
_DRIFT = f"""
SELECT w.kind, w.name, w.body AS before, r.body AS after FROM ({_WRITTEN}) AS w
LEFT JOIN resource r ON r.kind = w.kind AND r.name = w.name
WHERE (w.body IS NULL AND r.id IS NOT NULL)
   OR (w.body IS NOT NULL AND (r.id IS NULL OR r.hash <> w.hash OR r.body <> w.body))
UNION ALL
SELECT r.kind, r.name, NULL AS before, r.body AS after FROM resource r
WHERE NOT EXISTS (SELECT 1 FROM resource_version v WHERE v.kind = r.kind AND v.name = r.name)
ORDER BY 1, 2
"""  # noqa: S608  # SQL made of SQL: constants, never input


async def current() -> Live:
    """Every object in the open database, as of its latest revision."""
    # The revision first: what is applied in between is then too new, and applying such a plan is refused.
    number = await latest()
    rows = await Resource.all()
    bodies: dict[Key, Body] = {(row.kind, row.name): row.body for row in rows}
    changes = tuple(await drift())
    hashes = {(row.kind, row.name): row.hash for row in rows}
    # Whoever changed a body by hand may have left its hash.
    hashes.update({one.key: fingerprint(bodies[one.key]) for one in changes if one.key in bodies})
    return Live(number, bodies, hashes, changes, tuple(await switched()), tuple(await waiting()))


async def latest() -> int:
    """The number of the latest revision; 0 before the first."""
    newest = await Revision.all().order_by("-number").first()
    return newest.number if newest else 0


async def drift() -> list[Change]:
    """From what the last apply wrote to what is there, where that is not the same."""
    return [
        Change(row["kind"], row["name"], _body(row["before"]), _body(row["after"]))
        for row in await fetch(connection(), _DRIFT)
    ]


async def switched() -> list[Switched]:
    """What is switched at runtime, where that is not what the body says by now."""
    found = []
    for row in await Override.all().order_by("kind", "name", "path"):
        resource = await Resource.get_or_none(kind=row.kind, name=row.name)
        declared = value_at(resource.body, row.path) if resource else None
        if declared not in (None, row.value):
            found.append(Switched(row.kind, row.name, row.path, orjson.dumps(row.value).decode(), row.author))
    return found


async def waiting() -> list[Waiting]:
    """What is declared and not approved."""
    found = await held_versions.read()
    return [Waiting(*key, one.ticket, one.rejected, one.in_use is not None) for key, one in found.items()]


async def generated_secret(settings: Settings, kind: str, name: str, path: str) -> str:
    """A secret that UMS made, for the operator; raises SecretMissing where there is none."""
    stored = await StoredSecret.get_or_none(kind=kind, name=name, path=path)
    if stored is None:
        message = f"{kind}/{name} has no generated {path}; UMS keeps no secret that comes from elsewhere"
        raise SecretMissing(message)
    return unseal(settings, stored.ciphertext)


def _body(value: Any) -> Body | None:
    found: Body | None = orjson.loads(value) if isinstance(value, str | bytes) else value
    return found
