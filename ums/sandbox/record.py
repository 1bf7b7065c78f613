"""What a stand-in really accepted, and which receipts it posted: the truth to compare with."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

KEPT = 20_000
"""Submissions and receipt posts that are kept; the totals go on."""


@dataclass
class Record:
    submissions: int = 0
    """Accepted ones."""
    targets: int = 0
    """Addresses in them."""
    turned_away: int = 0
    """Submissions that were refused or failed: nothing was accepted."""
    receipts_posted: int = 0
    receipts_lost: int = 0
    """Given up: the receiver was away for too long."""
    accepted: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The newest submissions, oldest first, each with its `targets` and when it came: `at`, epoch ms."""
    receipts: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The newest receipts that the receiver took, oldest first."""

    recalled: list[str] = field(default_factory=list)
    """The provider's message ids, as they were recalled."""

    def accept(self, targets: Sequence[str], **details: object) -> None:
        self.submissions += 1
        self.targets += len(targets)
        self.accepted.append({"targets": targets, "at": time.time_ns() // 1_000_000, **details})

    def posted(self, receipts: Sequence[Mapping[str, Any]]) -> None:
        self.receipts_posted += len(receipts)
        self.receipts.extend(dict(receipt) for receipt in receipts)

    @property
    def addresses(self) -> list[str]:
        """Every address of the kept submissions, as often as it was accepted."""
        return [address for submission in self.accepted for address in submission["targets"]]

    def clear(self) -> None:
        """Start again, in place: others hold this record."""
        for each in fields(self):
            value = getattr(self, each.name)
            setattr(self, each.name, 0) if isinstance(value, int) else value.clear()

    def as_json(self, *, newest: int | None = None) -> dict[str, Any]:
        """All of it, or the totals with the `newest` entries of each list."""
        whole = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value if isinstance(value, int) else _last(list(value), newest) for name, value in whole.items()}


def _last(entries: list[Any], newest: int | None) -> list[Any]:
    return entries if newest is None else entries[max(0, len(entries) - newest) :]
