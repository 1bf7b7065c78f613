"""What was declared, as one immutable value per revision; every process reads the configuration from here.

A message is pinned to the revision under which it was accepted: what it says and which steps it takes come from there.
How to connect (credentials) and who is on the other side of the API come from the newest revision.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ums.database import connection, fetch
from ums.errors import SecretMissing
from ums.providers import providers
from ums.settings import SecretRef, Settings, unseal
from ums.vocabulary import ChannelType, Clock

Body = Mapping[str, Any]

_NOTICE_AFTER = 500  # ms; a new revision is seen within a second
_KEPT = 32  # older revisions in memory, for messages still under way

_AT_REVISION = """
SELECT v.kind, v.name, v.body FROM resource_version v
WHERE v.body IS NOT NULL AND v.revision = (
    SELECT max(w.revision) FROM resource_version w
    WHERE w.kind = v.kind AND w.name = v.name AND w.revision <= $1)
ORDER BY v.kind, v.name
"""


@dataclass(frozen=True)
class Snapshot:
    """Everything declared as of one revision. 0 is the empty installation."""

    revision: int = 0
    bodies: Mapping[str, Mapping[str, Body]] = field(default_factory=dict)
    sealed: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    """Secrets that UMS made, still encrypted, by kind, name and path."""

    def all(self, kind: str) -> Mapping[str, Body]:
        return self.bodies.get(kind, {})

    def channel(self, key: str) -> Body | None:
        """The Channel whose Channel Key this is; its identity is under `name`."""
        for name, body in self.all("Channel").items():
            if body["key"] == key:
                return {**body, "name": name}
        return None

    def delivery_channel(self, code: str) -> Body | None:
        return self.all("DeliveryChannel").get(code)

    def template(self, channel: str, name: str) -> Body | None:
        return self.all("Template").get(f"{channel}/{name}")

    def policy(self, channel: str, name: str) -> Body | None:
        return self.all("SendPolicy").get(f"{channel}/{name}")

    def granted(self, channel: Body) -> list[str]:
        """Codes of the DeliveryChannels that this Channel may send through now, in the order of the file."""
        return [grant["name"] for grant in channel["deliveryChannels"] if grant["enabled"]]

    def secret(self, settings: Settings, kind: str, name: str, path: str) -> str:
        """The value behind the reference at `path` of a body; raises SecretMissing."""
        reference: Any = self.all(kind)[name]
        for part in path.split("."):
            reference = reference[part]
        if reference.get("generate"):
            return unseal(settings, self.sealed[kind, name, path])
        return settings.resolve(SecretRef.of(reference))

    def missing_secrets(self, settings: Settings) -> list[str]:
        """Whose secrets this process has not got, and what to set; a line each."""
        references = [
            ("Channel", name, "masterSecret", body["masterSecret"]) for name, body in self.all("Channel").items()
        ]
        for name, body in self.all("DeliveryChannel").items():
            references += [("DeliveryChannel", name, f"credentials.{key}", v) for key, v in body["credentials"].items()]
        lines = []
        for kind, name, path, reference in references:
            if isinstance(reference, Mapping) and reference.keys() in _REFERENCES:
                try:
                    settings.resolve(SecretRef.of(reference))
                except SecretMissing as missing:
                    lines.append(f"{kind}/{name} {path}: {missing}")
        return lines


_REFERENCES = ({"env"}, {"file"})
"""Keys of a reference to a secret outside the database."""


class Snapshots:
    """The snapshots of one process: the newest, looked after, and older ones as messages need them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = Snapshot()
        self._looked_at = -_NOTICE_AFTER
        self._older: OrderedDict[int, Snapshot] = OrderedDict()

    async def newest(self) -> Snapshot:
        """The live configuration, at most half a second old."""
        if self._clock() - self._looked_at < _NOTICE_AFTER:
            return self._newest
        rows = await fetch(connection(), "SELECT coalesce(max(number), 0) AS number FROM revision")
        if rows[0]["number"] != self._newest.revision:
            self._newest = await self.at(rows[0]["number"])
        self._looked_at = self._clock()
        return self._newest

    async def at(self, revision: int) -> Snapshot:
        """The configuration as of `revision`."""
        if revision == self._newest.revision:
            return self._newest
        if revision not in self._older:
            self._older[revision] = await read(revision)
            while len(self._older) > _KEPT:
                self._older.popitem(last=False)
        self._older.move_to_end(revision)
        return self._older[revision]


async def read(revision: int) -> Snapshot:
    """The configuration as of `revision`, from the database."""
    bodies: dict[str, dict[str, Body]] = {}
    for row in await fetch(connection(), _AT_REVISION, revision):
        bodies.setdefault(row["kind"], {})[row["name"]] = orjson.loads(row["body"])
    sealed = await fetch(connection(), "SELECT kind, name, path, ciphertext FROM stored_secret")
    return Snapshot(revision, bodies, {(row["kind"], row["name"], row["path"]): row["ciphertext"] for row in sealed})


def channel_type(delivery_channel: Body) -> ChannelType:
    """What kind of address a DeliveryChannel reaches."""
    return providers()[delivery_channel["platform"]].type
