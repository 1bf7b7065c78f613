"""One object that an apply creates, updates, renames or deletes, and what differs field by field: pure values."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ums.documents import Path, json_path
from ums.reconcile.kinds import Body, Key

_ABSENT = object()
_SHOWN = 60  # characters of a value; the rest is in the files


@dataclass(frozen=True)
class FieldChange:
    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Change:
    """One object that is created, updated or deleted; or renamed, when it was called `moved_from` before."""

    kind: str
    name: str
    before: Body | None
    after: Body | None
    moved_from: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def old_key(self) -> Key:
        """Under which key it is live now."""
        return self.kind, self.moved_from or self.name

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    @property
    def named(self) -> str:
        return f"{self.moved_from} -> {self.name}" if self.moved_from else self.name

    @property
    def fields(self) -> list[FieldChange]:
        """What differs, field by field; nothing for an object that is new or goes."""
        if self.before is None or self.after is None:
            return []
        return list(_differences(self.before, self.after, ()))

    def __str__(self) -> str:
        return f"{self.sign} {self.kind}/{self.named}"


@dataclass(frozen=True)
class Switched:
    """A declared value that was switched at runtime and holds although the body says otherwise."""

    kind: str
    name: str
    path: str
    """In the body, an item of a list by its name: `deliveryChannels.shopsms.enabled`."""
    value: str
    author: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name

    def __str__(self) -> str:
        by = f" by {self.author}" if self.author else ""
        return f"! {self.kind}/{self.name} {self.path}: switched to {self.value}{by} at runtime"


def value_at(value: Any, path: str) -> Any:
    """What stands at such a path; None where there is nothing."""
    for step in path.split("."):
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, dict) and item.get("name") == step), None)
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def fingerprint(body: Body) -> str:
    """SHA-256 of a canonical body, hex: the same for bodies that say the same."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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
