"""YAML as UMS reads it: strict, bounded, and every value knows its place.

Whatever the bytes are, the answer is documents and problems, never an exception. `no`, `1:30`, `0755` and
dates stay text: only `true` and `false` are booleans, and only plain decimal numbers are numbers.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from ums.errors import Problem
from ums.values import TOO_DEEP, Refused, ValueBuilder

Path = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

MAX_BYTES = 1_000_000

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.CSafeLoader):
    """For places alone; values are made in `ums.values`, which knows none of YAML 1.1's surprises."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])


class _Source:
    """The text of a file, composed into nodes when somebody asks for a place; of most files nobody ever does."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def nodes(self) -> list[yaml.Node]:
        found: list[yaml.Node] = []
        with suppress(yaml.MarkedYAMLError):  # the documents before a broken one have places too
            found.extend(yaml.compose_all(self._text, _Loader))
        return found


@dataclass(frozen=True)
class Document:
    """One YAML document: its values, and where in the file each of them stands."""

    file: str
    body: Any
    source: _Source | None = field(default=None, repr=False, compare=False)
    number: int = 0
    """Of the documents in the file."""

    def place(self, path: Path = (), *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path` or of its key; else of its nearest parent."""
        return self._nearest(path, key=key)[:2]

    def problem(self, path: Path, message: str, *, code: str = "invalid", key: bool = False) -> Problem:
        """A Problem at the value at `path`; what a default put there speaks from its nearest parent."""
        line, column, found = self._nearest(path, key=key)
        return Problem(self.file, line, column, json_path(found), code, message)

    def _nearest(self, path: Path, *, key: bool) -> tuple[int, int, Path]:
        if self.source is None:
            return 0, 0, path
        node, found = self.source.nodes[self.number], 0
        for step in path:
            pair = _child(node, step)
            if pair is None:
                break
            found += 1
            node = pair[0] if key and found == len(path) else pair[1]
        return node.start_mark.line + 1, node.start_mark.column + 1, path[:found]


NOWHERE = Document("", None)
"""Stands in for the document where a value has none, as in an API input."""


def json_path(path: Path) -> str:
    """`$.steps[1].when`, with keys that are no plain words in brackets."""
    return "$" + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[A-Za-z_][\w-]*", step) else f"['{step}']"


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value node of one step down; a sequence's items are their own keys."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if not isinstance(node, yaml.MappingNode):
        return None
    own = next(((key, value) for key, value in node.value if key.value == step), None)
    return own or next(filter(None, (_child(merged, step) for merged in _merged(node))), None)


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """The mappings that `<<` brings in, the strongest first."""
    for key, value in node.value:
        if key.tag == _MERGE:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def read(file: str, content: bytes) -> tuple[list[Document], list[Problem]]:
    """All documents of one file that hold anything, and all that is wrong with its YAML.

    `file` is only a name, for the places. A file with problems gives the documents before the first of them.
    """
    if len(content) > MAX_BYTES:
        return [], [Problem(file, 1, 1, message=f"found {len(content)} bytes, expected at most {MAX_BYTES}; split it")]
    content = content.removeprefix(BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return [], [
            _unreadable(file, content[: error.start].decode(), "found bytes that are not UTF-8; save it as UTF-8")
        ]
    try:
        return _documents(file, text)
    except yaml.reader.ReaderError as error:
        message = f"found the control character #x{error.character:04x}; remove it"
        return [], [_unreadable(file, text[: error.position], message)]


def _unreadable(file: str, before: str, message: str) -> Problem:
    line = before.rpartition("\n")[2]
    return Problem(file, before.count("\n") + 1, len(line) + 1, message=message)


def _marked(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    if error.context == "while increasing flow level":  # libyaml has a bound of its own, and looks that far ahead
        return _at(file, mark, TOO_DEEP)
    context = f" {error.context}" if error.context else ""
    return _at(file, mark, f"not YAML{context}: {error.problem}")


def _at(file: str, mark: Any, message: str) -> Problem:
    return (
        Problem(file, mark.line + 1, mark.column + 1, message=message) if mark else Problem(file, 1, 1, message=message)
    )


def _documents(file: str, text: str) -> tuple[list[Document], list[Problem]]:
    source, documents, builder = _Source(text), list[Document](), ValueBuilder()
    number = 0
    try:
        for event in iter(_Loader(text).get_event, None):
            if builder.take(event):
                if builder.breaches:
                    break
                documents += [Document(file, builder.value, source, number)] if builder.value is not None else []
                number += 1
    except yaml.MarkedYAMLError as error:
        return documents, [_marked(file, error)]
    except Refused as error:
        return [], [_at(file, *error.args)]
    return documents, sorted(_at(file, mark, message) for mark, message in builder.breaches)
