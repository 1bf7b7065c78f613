"""What an apply would change: pure values that sort, compare and print themselves."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ums.documents import Path, json_path
from ums.reconcile.kinds import BY_NAME, KINDS, ORDER, Body, Key

MAX_DELETED_PERCENT = 30
"""Of the live objects of one kind; more is rather a wrong folder than a wish."""
MIN_DELETED = 2
"""One object alone is never too many."""

_ABSENT = object()
_SHOWN = 60  # characters of a value; the rest is in the files


@dataclass(frozen=True)
class Live:
    """What is in the database, as of its latest revision."""

    revision: int = 0
    bodies: Mapping[Key, Body] = field(default_factory=dict)
    hashes: Mapping[Key, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FieldChange:
    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Change:
    """One object that is created, updated or deleted."""

    kind: str
    name: str
    before: Body | None
    after: Body | None

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    @property
    def fields(self) -> list[FieldChange]:
        """What differs, field by field; nothing for an object that is new or goes."""
        if self.before is None or self.after is None:
            return []
        return list(_differences(self.before, self.after, ()))

    def __str__(self) -> str:
        return f"{self.sign} {self.kind}/{self.name}"


@dataclass(frozen=True)
class Plan:
    """The way from a revision to what the files say."""

    base: int
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[Key, ...] = ()
    """Only live, in no file, and left alone."""
    excessive: tuple[str, ...] = ()
    """Why applying it needs to be forced."""

    @property
    def revision(self) -> int:
        """The number of the revision that is live after applying it."""
        return self.base + 1 if self.changes else self.base

    @property
    def summary(self) -> dict[str, int]:
        signs = [change.sign for change in self.changes]
        return {"create": signs.count("+"), "update": signs.count("~"), "delete": signs.count("-")}

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def plan(desired: Mapping[Key, Body], live: Live, *, prune: bool = False) -> Plan:
    """The changes that make `live` what is `desired`; what is only live is deleted with `prune` alone."""
    changed = [
        Change(*key, live.bodies.get(key), body)
        for key, body in sorted(desired.items(), key=_down)
        if live.hashes.get(key) != fingerprint(body)
    ]
    only_live = [key for key in sorted(live.bodies, key=_down_key) if key not in desired]
    kept = _kept(only_live, live) if prune else set(only_live)
    deleted = [Change(*key, live.bodies[key], None) for key in reversed(only_live) if key not in kept]
    unmanaged = tuple(key for key in only_live if key in kept)
    return Plan(live.revision, (*changed, *deleted), unmanaged, tuple(_excessive(deleted, live)))


def fingerprint(body: Body) -> str:
    """SHA-256 of a canonical body, hex: the same for bodies that say the same."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _down_key(key: Key) -> tuple[int, str]:
    # A kind that this version does not know any more refers to anything: it goes first.
    return ORDER.get(key[0], len(ORDER)), key[1]


def _down(item: tuple[Key, Body]) -> tuple[int, str]:
    return _down_key(item[0])


def _kept(only_live: list[Key], live: Live) -> set[Key]:
    """What even `prune` leaves: the protected, and all that they refer to."""
    kept: set[Key] = set()
    needed: set[Key] = set()
    for key in reversed(only_live):
        body = live.bodies[key]
        if body.get("protect") or key in needed:
            kept.add(key)
            needed |= set(_referred(key, body))
    return kept


def _referred(key: Key, body: Body) -> Iterator[Key]:
    kind = BY_NAME.get(key[0])
    for reference in kind.references if kind else ():
        yield from ((reference.kind, name) for _, name in reference.names(body))


def _excessive(deleted: list[Change], live: Live) -> Iterator[str]:
    for kind in KINDS:
        names = [change.name for change in deleted if change.kind == kind.name]
        there = sum(1 for name, _ in live.bodies if name == kind.name)
        if len(names) >= MIN_DELETED and len(names) * 100 > there * MAX_DELETED_PERCENT:
            yield f"it deletes {len(names)} of {there} {kind.name} objects: {', '.join(sorted(names))}"


def _differences(before: Any, after: Any, path: Path) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _differences(before.get(name, _ABSENT), after.get(name, _ABSENT), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, (*path, number))
    elif _flow(before) != _flow(after):
        yield FieldChange(json_path(path).removeprefix("$."), *_shortened(_flow(before), _flow(after)))


def _flow(value: Any) -> str:
    return "(none)" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shortened(before: str, after: str) -> tuple[str, str]:
    """Both, or of long ones the part where they begin to differ."""
    same = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), 0)
    start = max(0, same - _SHOWN // 3) if max(len(before), len(after)) > _SHOWN else 0
    return _window(before, start), _window(after, start)


def _window(text: str, start: int) -> str:
    end = start + _SHOWN
    return ("..." if start else "") + text[start:end] + ("..." if end < len(text) else "")


def _lines(plan: Plan) -> Iterator[str]:
    for kind, changes in groupby(plan.changes, key=lambda change: change.kind):
        yield kind
        for change in changes:
            yield f"  {change.sign} {change.name}"
            yield from (f"      {line}" for line in change.fields)
    if plan.unmanaged:
        yield "Only live, in no file; left alone (--prune deletes what is not protected):"
        yield from (f"    {kind}/{name}" for kind, name in plan.unmanaged)
    if plan.changes:
        yield "{create} to create, {update} to update, {delete} to delete.".format(**plan.summary)
    else:
        yield f"Nothing to change: revision {plan.base} is what the files say."
    yield from (f"Too much to apply without --force: {reason}" for reason in plan.excessive)
