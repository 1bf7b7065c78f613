"""From the events of a YAML parser to plain values: one flat pass, several times as fast as composing nodes first.

`no`, `1:30`, `0755` and dates stay text: only `true` and `false` are booleans, only plain decimal numbers are numbers.
"""

import re
from typing import Any

import yaml

MAX_DEPTH = 40
MAX_VALUES = 200_000
"""Values in a document once its aliases are followed: a few nested aliases can stand for billions."""

_MERGE = "<< without quotes"


TOO_DEEP = f"found more than {MAX_DEPTH} levels; write it flatter"


class Refused(Exception):
    """A file that must not be looked at any further; with the mark and the message.

    Composing it for places would recurse in C, and a file of nothing but brackets would end the process.
    """


class _Open:
    """A collection whose end has not come."""

    __slots__ = ("anchor", "before", "key", "mark", "merged", "value")

    def __init__(self, value: Any, event: Any, before: int) -> None:
        self.value, self.anchor, self.mark, self.before = value, event.anchor, event.start_mark, before
        self.key: Any = None
        """Of a mapping: the key whose value comes next."""
        self.merged: list[Any] = []


class ValueBuilder:
    """Takes one event after the other; at the end of a document `value` and `breaches` speak of it."""

    def __init__(self) -> None:
        self.value: Any = None
        """The last document's."""
        self.breaches: list[tuple[Any, str]] = []
        """Mark and message."""
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        """Value and size; 0 while it is still open."""
        self._size = 0
        self._start: Any = None

    def take(self, event: Any) -> bool:
        """Whether this was the end of a document."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._begin(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self.value, self._anchors, self._size, self._start = None, {}, 0, event.end_mark
        return kind is yaml.DocumentEndEvent

    def _scalar(self, event: Any) -> None:
        value = event.value
        if event.style == '"' and "\0" in value:
            # JSON can say it, PostgreSQL cannot keep it.
            self._refuse(event, "found a NUL character; remove it")
        if event.tag:
            self._refuse(event, f"found the tag {event.tag!r}; remove it, UMS reads plain values only")
        plain = event.implicit[0]
        if plain and value == "<<" and self._wants_key():
            value = _MERGE
        elif plain:
            value = _plain(value)
        self._size += 1
        if event.anchor:
            self._anchor(event, value, 1)
        self._add(value, event.start_mark)

    def _begin(self, event: Any, value: Any) -> None:
        if event.tag:
            self._refuse(event, f"found the tag {event.tag!r}; remove it, UMS reads plain values only")
        if event.anchor:
            self._anchor(event, value, 0)
        if len(self._open) == MAX_DEPTH:
            raise Refused(event.start_mark, TOO_DEEP)
        self._open.append(_Open(value, event, self._size))
        self._size += 1

    def _end(self) -> None:
        done = self._open.pop()
        if done.merged:
            own = dict(done.value)
            done.value.clear()
            for mapping in reversed(done.merged):
                done.value.update(mapping)
            done.value.update(own)
        if done.anchor:
            self._anchors[done.anchor] = done.value, self._size - done.before
        self._add(done.value, done.mark)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise yaml.composer.ComposerError(None, None, "found undefined alias", event.start_mark)
        value, size = self._anchors[event.anchor]
        self._size += size or MAX_VALUES
        if self._size > MAX_VALUES:
            message = f"found aliases that stand for more than {MAX_VALUES} values; write fewer"
            raise Refused(self._start, message)
        self._add(value, event.start_mark)

    def _anchor(self, event: Any, value: Any, size: int) -> None:
        if event.anchor in self._anchors:
            self._refuse(event, f"found the anchor {event.anchor!r} twice; rename one")
        self._anchors[event.anchor] = value, size

    def _wants_key(self) -> bool:
        return bool(self._open) and type(self._open[-1].value) is dict and self._open[-1].key is None

    def _add(self, value: Any, mark: Any) -> None:
        if not self._open:
            self.value = value
            return
        parent = self._open[-1]
        if type(parent.value) is list:
            parent.value.append(value)
        elif parent.key is None:
            parent.key = self._key(parent, value, mark)
        else:
            self._put(parent, value, mark)
            parent.key = None

    def _key(self, parent: _Open, value: Any, mark: Any) -> str:
        if type(value) is not str:
            self.breaches.append((mark, "found a key that is not text; put it in quotes"))
            return ""
        if value in parent.value or (value is _MERGE and parent.merged):
            self.breaches.append((mark, f"found the key {'<<' if value is _MERGE else value!r} twice; remove one"))
        return value

    def _put(self, parent: _Open, value: Any, mark: Any) -> None:
        if parent.key is not _MERGE:
            parent.value[parent.key] = value
            return
        parent.merged = value if type(value) is list else [value]
        if not all(type(mapping) is dict for mapping in parent.merged):
            self.breaches.append((mark, "found no mapping behind '<<', expected one, or a list of them"))
            parent.merged = []

    def _refuse(self, event: Any, message: str) -> None:
        self.breaches.append((event.start_mark, message))


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
# At most 17 digits: what is longer is an identifier, not a number that JSON and databases keep exactly.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,16})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,8}\Z")


def _plain(text: str) -> Any:
    """The value of a scalar without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-0123456789":
        return text
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _DECIMAL.match(text) else text
