"""Templates and signatures as a Channel sees them: what it declares, and what else its accounts have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ums.provider_objects.known import Known, Place
from ums.provider_templates.sync import KINDS
from ums.providers.keeper import Kept
from ums.reconcile.export import as_yaml
from ums.snapshot import Body, Snapshot
from ums.vocabulary import ObjectState, Review


@dataclass(frozen=True)
class Listed:
    """One of them."""

    kind: str
    delivery_channel: str
    provider_id: str
    """Empty: the provider has not made it yet."""
    name: str
    """Of the document that declares it; empty where none does."""
    title: str
    text: str
    state: ObjectState | None
    """None: nobody has asked the provider yet."""
    review: Review | None
    reason: str
    """Why it is invalid, unknown or rejected, or why the provider has not what the document says."""
    keywords: tuple[str, ...] = ()
    checked_at: int | None = None


def listed(snapshot: Snapshot, channel: Body) -> list[Listed]:
    """Those of the DeliveryChannels that this Channel is granted, and those that its documents declare anywhere."""
    found = [*_declared(snapshot, channel)]
    seen = {*_places(snapshot)}  # what another Channel declares is that Channel's
    granted = {grant["name"] for grant in channel["deliveryChannels"]}
    found += [
        _of(known, "", known.reason)
        for place, known in snapshot.kept.objects.items()
        if place not in seen and known.delivery_channel in granted
    ]
    return sorted(found, key=lambda one: (one.delivery_channel, one.kind, not one.name, one.name, one.provider_id))


def _declared(snapshot: Snapshot, channel: Body) -> Iterator[Listed]:
    for kind in KINDS:
        for identity, body in snapshot.all(kind).items():
            if body["channel"] == channel["name"]:
                yield _one(snapshot, kind, identity, body)


def _places(snapshot: Snapshot) -> Iterator[Place]:
    """Of what documents of any Channel declare."""
    for kind in KINDS:
        for identity, body in snapshot.all(kind).items():
            yield kind, body["deliveryChannel"], snapshot.kept.provider_id(kind, identity, body)


def _one(snapshot: Snapshot, kind: str, identity: str, body: Body) -> Listed:
    code, provider_id = body["deliveryChannel"], snapshot.kept.provider_id(kind, identity, body)
    known, problem = snapshot.kept.objects.get((kind, code, provider_id)), snapshot.kept.problem(kind, identity)
    if elsewhere := _not_granted(snapshot, body):
        review = known.review if known else None
        return Listed(
            kind, code, provider_id, body["name"], body["title"], body.get("text", ""), ObjectState.UNKNOWN, review,
            elsewhere,
        )  # fmt: skip
    if known:
        return _of(known, body["name"], problem or known.reason)
    title, text, keywords = body["title"], body.get("text", ""), tuple(body.get("keywords", ()))
    return Listed(kind, code, provider_id, body["name"], title, text, None, None, problem, keywords)


def _not_granted(snapshot: Snapshot, body: Body) -> str:
    owner, code = snapshot.all("Channel")[body["channel"]], body["deliveryChannel"]
    granted = any(grant["name"] == code for grant in owner["deliveryChannels"])
    return "" if granted else f"{code} is not granted to Channel {body['channel']}"


def _of(known: Known, name: str, reason: str) -> Listed:
    return Listed(
        known.kind, known.delivery_channel, known.provider_id, name, known.title or name, known.text, known.state,
        known.review, reason, tuple(known.said.get("keywords", ())), known.checked_at or None,
    )  # fmt: skip


def document(channel: str, code: str, kept: Kept) -> str:
    """The YAML that declares what is at the provider, by its id alone: UMS changes and deletes nothing of it then."""
    kind, provider_id = kept.object
    sign = re.sub(r"[^A-Za-z0-9_-]", "", provider_id)[:20]
    known: dict[str, Any] = {"apiVersion": "ums/v1", "kind": kind, "channel": channel, "name": f"{code}-{sign}"}
    if 0 < len(kept.title) <= _LONGEST_TITLE:
        known["title"] = kept.title
    numbered = "type" in kept.said or kind == "Signature"
    known |= {"deliveryChannel": code, "id": int(provider_id) if numbered else provider_id}
    if "keywords" in kept.said:
        known["keywords"] = list(kept.said["keywords"])
    return as_yaml(known) + (_words(kept.said) if "type" in kept.said else "")


_LONGEST_TITLE = 30


def _words(said: Body) -> str:
    lines = yaml.safe_dump(dict(said), allow_unicode=True, sort_keys=False, width=120).splitlines()
    return "\n".join([_TAKE_OVER, *(f"# {line}" for line in lines), ""])


_TAKE_OVER = "# Known by its id alone, so UMS changes and deletes nothing of it. To have it taken over, add:"
