"""What was declared, as one immutable value per revision; every process reads the configuration from here.

A message is pinned to the revision under which it was accepted: what it says and which steps it takes come from there.
How to connect (credentials), who calls the API and what was switched at run time come from the newest.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import orjson

from ums import held_versions
from ums.database import Rows, connection, fetch
from ums.held_versions import Held
from ums.paths import ABSENT, value_at, with_value
from ums.provider_objects import rows as provider_objects
from ums.provider_objects.known import KeptObjects
from ums.provider_objects.names import Names, by_type
from ums.provider_objects.names import channel_type as channel_type
from ums.sensitive import WordSearches
from ums.settings import SecretRef, Settings, unseal
from ums.vocabulary import Clock

Body = Mapping[str, Any]
Key = tuple[str, str]
"""Kind and identity."""

_NOTICE_AFTER = 500  # ms; a new revision is seen within a second
_KEPT = 32  # older revisions in memory, for messages still under way; each costs only what differs from the newest


@dataclass(frozen=True)
class Drift:
    """A value that was switched at run time, against what the files say."""

    kind: str
    name: str
    path: str
    """Where in the body, an item of a list by its name: `deliveryChannels.shopsms.enabled`."""
    declared: Any
    live: Any


@dataclass(frozen=True)
class Snapshot:
    """Everything declared as of one revision. 0 is the empty installation."""

    revision: int = 0
    bodies: Mapping[str, Mapping[str, Body]] = field(default_factory=dict)
    """As they are live: what was switched at run time is in them."""
    sealed: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    """Secrets that UMS made, still encrypted, by kind, name and path."""
    drift: tuple[Drift, ...] = ()
    kept: KeptObjects = field(default_factory=KeptObjects, repr=False, compare=False)
    """What providers keep of it, as far as is known."""
    held: Mapping[Key, Held] = field(default_factory=dict)
    """What is declared and not approved: what was before it is in `bodies`."""
    searches: WordSearches = field(default_factory=WordSearches, repr=False, compare=False)
    """For sensitive words; all snapshots of a process share them."""
    _invalid: dict[str, Mapping[Key, str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def all(self, kind: str) -> Mapping[str, Body]:
        return self.bodies.get(kind, {})

    def channel(self, key: str) -> Body | None:
        """The Channel whose Channel Key this is; its identity is under `name`."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> Mapping[str, Body]:
        return {body["key"]: {**body, "name": name} for name, body in self.all("Channel").items()}

    def delivery_channel(self, code: str) -> Body | None:
        return self.all("DeliveryChannel").get(code)

    def template(self, channel: str, name: str) -> Body | None:
        return self.all("Template").get(f"{channel}/{name}")

    def policy(self, channel: str, name: str) -> Body | None:
        return self.all("SendPolicy").get(f"{channel}/{name}")

    def word_lists(self, channel: Body) -> list[Body]:
        """The SensitiveWords that a Channel's texts are searched for."""
        lists = self.all("SensitiveWords").values() if channel["sensitiveWords"] else ()
        return [body for body in lists if body["channel"] == channel["name"]]

    def granted(self, channel: Body) -> list[str]:
        """Codes of the DeliveryChannels that this Channel may send through now, in the order of the file."""
        return [grant["name"] for grant in channel["deliveryChannels"] if grant["enabled"]]

    def unusable(self, channel: str, codes: Iterable[str]) -> str:
        """Why a Channel, by name, cannot send through all of these DeliveryChannels now; empty when it can."""
        body = self.all("Channel").get(channel)
        if body is None:
            return f"Channel {channel} is not declared any more"
        enabled = {grant["name"]: grant["enabled"] for grant in body["deliveryChannels"]}
        reasons = [
            f"{code} is {'switched off in' if code in enabled else 'not granted to'} Channel {channel}"
            for code in dict.fromkeys(codes)
            if not enabled.get(code)
        ]
        return "; ".join(reasons)

    def invalid(self, channel: str) -> Mapping[Key, str]:
        """What of a Channel's own, by name, cannot be used now, and why: policies, templates, what providers keep."""
        if channel not in self._invalid:
            found = [self._owned(channel, kind, judge) for kind, judge in _JUDGES.items()]
            self._invalid[channel] = {key: reason for judged in found for key, reason in judged.items()}
        return self._invalid[channel]

    def names(self, channel: str) -> Names:
        """What content of a Channel, by name, may name."""
        return Names(self.bodies, self.kept, channel)

    def reaching(self, channel: str) -> dict[str, list[str]]:
        """The DeliveryChannels that a Channel, by name, may send through now, by type of content."""
        body = self.all("Channel").get(channel)
        return by_type(self.all("DeliveryChannel"), self.granted(body) if body else ())

    def _owned(self, channel: str, kind: str, judge: "_Judge") -> dict[Key, str]:
        judged = (
            (name, judge(self, channel, body)) for name, body in self.all(kind).items() if body["channel"] == channel
        )
        return {(kind, name): reason for name, reason in judged if reason}

    def secret(self, settings: Settings, kind: str, name: str, path: str) -> str:
        """The value behind the reference at `path` of a body; raises SecretMissing."""
        reference: Any = self.all(kind)[name]
        for part in path.split("."):
            reference = reference[part]
        if reference.get("generate"):
            return unseal(settings, self.sealed[kind, name, path])
        return settings.resolve(SecretRef.of(reference))


_Judge = Callable[[Snapshot, str, Body], str]
"""Why a body of a Channel, by name, is of no use now; empty when it is."""


def _policy_invalid(snapshot: Snapshot, channel: str, policy: Body) -> str:
    return snapshot.unusable(channel, (code for step in policy["steps"] for code in step["send"]))


def _template_invalid(snapshot: Snapshot, channel: str, template: Body) -> str:
    reach = snapshot.reaching(channel)
    missing = [kind for kind in template["content"] if kind not in reach]
    flaws = [flaw.message for flaw in snapshot.names(channel).flaws(template["content"], reach) if not missing]
    return _NOWHERE.format(channel, ", ".join(missing)) if missing else "; ".join(flaws)


_NOWHERE = "Channel {} has no enabled DeliveryChannel for its content: {}"


def _object_invalid(kind: str, snapshot: Snapshot, channel: str, body: Body) -> str:
    elsewhere = snapshot.unusable(channel, [body["deliveryChannel"]])
    return elsewhere or snapshot.kept.unusable(kind, f"{channel}/{body['name']}", body)


_JUDGES: Mapping[str, _Judge] = {
    "SendPolicy": _policy_invalid,
    "Template": _template_invalid,
    "ProviderTemplate": partial(_object_invalid, "ProviderTemplate"),
    "Signature": partial(_object_invalid, "Signature"),
}


Switched = tuple[str, str, str, Any]
"""Kind, identity, path and value of an Override."""


class Snapshots:
    """The snapshots of one process: the newest, looked after, and older ones as messages need them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = self._declared = Snapshot()
        """With what was switched at run time, and without."""
        self._seen: tuple[Rows, Rows] = ([], [])
        self._seen_kept: Rows = []
        self._looked_at = -_NOTICE_AFTER
        self._older: OrderedDict[int, Snapshot] = OrderedDict()

    async def newest(self) -> Snapshot:
        """The live configuration, at most half a second old."""
        before = self._looked_at
        if self._clock() - before < _NOTICE_AFTER:
            return self._newest
        if self._newest.revision:
            self._looked_at = self._clock()  # meanwhile the others take what is there, and do not ask as well
        try:
            await self._look()
        except BaseException:
            self._looked_at = before
            raise
        self._looked_at = self._clock()
        return self._newest

    def look_again(self) -> None:
        """What this process has just written is seen by the next who asks."""
        self._looked_at = -_NOTICE_AFTER

    async def _look(self) -> None:
        found, waiting = await fetch(connection(), _MARKS), await held_versions.marks()
        kept = await provider_objects.marks(connection())
        if kept != self._seen_kept:
            read_again = await provider_objects.read()
            self._declared, self._newest = (replace(s, kept=read_again) for s in (self._declared, self._newest))
            self._seen_kept = kept
        if (found, waiting) == self._seen:
            return
        if found[0]["number"] != self._declared.revision:
            self._declared = await read(found[0]["number"], self._declared)
        sealed = await _sealed()
        self._declared = replace(self._declared, sealed=sealed)
        overrides = [(r["kind"], r["name"], r["path"], orjson.loads(r["value"])) for r in found if r["kind"]]
        self._newest, self._seen = switched(self._declared, overrides), (found, waiting)
        if waiting:
            back = await held_versions.read()
            self._newest = replace(self._newest, bodies=held_versions.in_use(self._newest.bodies, back), held=back)

    async def at(self, revision: int) -> Snapshot:
        """The configuration as it was declared in `revision`."""
        if revision == self._declared.revision:
            return self._declared
        if revision not in self._older:
            self._older[revision] = await read(revision, self._declared)
            while len(self._older) > _KEPT:
                self._older.popitem(last=False)
        self._older.move_to_end(revision)
        return self._older[revision]


# Whatever is different in these rows means: something changed. Ids of secrets only grow, and a new secret is a new row.
_MARKS = """
SELECT (SELECT coalesce(max(number), 0) FROM revision) AS number, (SELECT max(id) FROM stored_secret) AS secret,
       (SELECT count(*) FROM stored_secret) AS secrets, o.kind, o.name, o.path, o.value
FROM (SELECT 1 AS one) AS always LEFT JOIN override o ON true ORDER BY o.kind, o.name, o.path
"""

_CHANGED = """
SELECT touched.kind, touched.name, v.body FROM (
    SELECT DISTINCT kind, name FROM resource_version WHERE revision > $1 AND revision <= $2) AS touched
LEFT JOIN resource_version v ON v.kind = touched.kind AND v.name = touched.name AND v.revision = (
    SELECT max(w.revision) FROM resource_version w
    WHERE w.kind = touched.kind AND w.name = touched.name AND w.revision <= $3)
ORDER BY touched.kind, touched.name
"""


async def read(revision: int, near: Snapshot | None = None) -> Snapshot:
    """What was declared as of `revision`, from the database; what is the same in `near` is shared with it."""
    near = near or Snapshot()
    first, last = sorted((near.revision, revision))
    bodies: dict[str, dict[str, Body]] = {}
    for row in await fetch(connection(), _CHANGED, first, last, revision):
        kind = row["kind"]
        if kind not in bodies:
            bodies[kind] = dict(near.all(kind))
        body = orjson.loads(row["body"] or "null")
        if body is None:
            bodies[kind].pop(row["name"], None)
        else:
            bodies[kind][row["name"]] = body
    ordered = {kind: dict(sorted(named.items())) for kind, named in bodies.items()}
    whole = dict(sorted((dict(near.bodies) | ordered).items()))
    return Snapshot(revision, whole, await _sealed(), kept=near.kept, searches=near.searches)


async def _sealed() -> dict[tuple[str, str, str], str]:
    rows = await fetch(connection(), "SELECT kind, name, path, ciphertext FROM stored_secret")
    return {(row["kind"], row["name"], row["path"]): row["ciphertext"] for row in rows}


def switched(declared: Snapshot, overrides: Sequence[Switched]) -> Snapshot:
    """`declared` as it is live; an override of what is not declared any more changes nothing."""
    bodies = {kind: dict(named) for kind, named in declared.bodies.items()}
    drift = []
    for kind, name, path, value in overrides:
        body = bodies.get(kind, {}).get(name)
        was = value_at(body, path) if body else ABSENT
        if body and was not in (ABSENT, value):
            bodies[kind][name] = with_value(body, path.split("."), value)
            drift.append(Drift(kind, name, path, was, value))
    return replace(declared, bodies=bodies, drift=tuple(drift)) if drift else declared
