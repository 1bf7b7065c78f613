"""Which objects a plan is about: `--only kind/name` and `--label k=v`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ums.errors import ConfigInvalid, Problem
from ums.reconcile.kinds import Body, Key
from ums.schemas import did_you_mean


class SelectionInvalid(ConfigInvalid):
    """The caller must act: what is selected cannot be applied by itself."""


@dataclass(frozen=True)
class Selection:
    """All objects, or those whose `kind/name` one of the globs matches and that have all of the labels."""

    only: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, only: Iterable[str], labels: Iterable[str]) -> "Selection":
        """As a command line says it: `Template/shop/*`, `team=shop`."""
        pairs = [(label, *label.partition("=")) for label in labels]
        wrong = [whole for whole, key, equals, _ in pairs if not (key and equals)]
        if wrong:
            raise SelectionInvalid(
                [Problem(message=f"found the label {one!r}, expected key=value, as in team=shop") for one in wrong]
            )
        return cls(tuple(only), tuple((key, value) for _, key, _, value in pairs))

    def __bool__(self) -> bool:
        return bool(self.only or self.labels)

    def takes(self, key: Key, body: Body) -> bool:
        labels = body.get("labels", {})
        return self._names(key) and all(labels.get(name) == value for name, value in self.labels)

    def _names(self, key: Key) -> bool:
        return not self.only or any(fnmatchcase("/".join(key), glob) for glob in self.only)

    def check(self, objects: Iterable[tuple[Key, Body]]) -> None:
        """Raise SelectionInvalid when a part of it speaks of nothing that there is: rather a slip than a wish."""
        if problems := list(self._idle(list(objects))):
            raise SelectionInvalid(problems)

    def _idle(self, objects: list[tuple[Key, Body]]) -> Iterator[Problem]:
        names = ["/".join(key) for key, _ in objects]
        for glob in self.only:
            if not any(fnmatchcase(name, glob) for name in names):
                yield Problem(message=f"--only {glob} matches nothing{did_you_mean(glob, names)}")
        for key, value in self.labels:
            if not any(body.get("labels", {}).get(key) == value for _, body in objects):
                yield Problem(message=f"--label {key}={value} matches nothing")


EVERYTHING = Selection()
