"""YAML as UMS reads it: strict, bounded, and every value knows its place.

Whatever the bytes are, the answer is documents and problems, never an exception. `no`, `1:30`, `0755` and
dates stay text: only `true` and `false` are booleans, and only plain decimal numbers are numbers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ums.errors import Problem

Path = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_ALIASES = 200
MAX_VALUES = 200_000
"""Values in a file once its aliases are followed: a few nested aliases can stand for billions."""

_TAG = "tag:yaml.org,2002:"
# At most 17 digits: what is longer is an identifier, not a number that JSON and databases keep exactly.
_SCALARS = {
    "bool": re.compile(r"(?:true|false)\Z"),
    "int": re.compile(r"-?(?:0|[1-9][0-9]{0,16})\Z"),
    "float": re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,8}\Z"),
    "null": re.compile(r"(?:~|null|)\Z"),
}
_FIRST = {"bool": "tf", "int": "-0123456789", "float": "-0123456789", "null": ["~", "n", ""]}
_TAGS = {_TAG + name for name in (*_SCALARS, "str", "seq", "map", "merge")}


class _Loader(yaml.CSafeLoader):
    """PyYAML's own rules (YAML 1.1) would read `no` as false, `1:30` as 90 and choke on `=`."""


_Loader.yaml_implicit_resolvers = {"<": [(f"{_TAG}merge", re.compile(r"<<\Z"))]}
for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, list(_FIRST[_name]))


@dataclass(frozen=True)
class Document:
    """One YAML document: its values, and where in the file each of them stands."""

    file: str
    body: Any
    node: yaml.Node | None = field(default=None, repr=False, compare=False)

    def place(self, path: Path = (), *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path` or of its key; else of its nearest parent."""
        node, _ = self._nearest(path, key=key)
        return (node.start_mark.line + 1, node.start_mark.column + 1) if node else (0, 0)

    def problem(self, path: Path, message: str, *, code: str = "invalid", key: bool = False) -> Problem:
        """A Problem at the value at `path`; what a default put there speaks from its nearest parent."""
        node, found = self._nearest(path, key=key)
        line, column = self.place(path, key=key)
        return Problem(self.file, line, column, json_path(found if node else path), code, message)

    def _nearest(self, path: Path, *, key: bool) -> tuple[yaml.Node | None, Path]:
        node, found = self.node, 0
        for step in path:
            pair = _child(node, step)
            if pair is None:
                break
            found += 1
            node = pair[0] if key and found == len(path) else pair[1]
        return node, path[:found]


NOWHERE = Document("", None)
"""Stands in for the document where a value has none, as in an API input."""


def json_path(path: Path) -> str:
    """`$.steps[1].when`, with keys that are no plain words in brackets."""
    return "$" + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[A-Za-z_][\w-]*", step) else f"['{step}']"


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value node of one step down; a sequence's items are their own keys."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        # Constructing has put merged pairs (`<<`) in front of the mapping's own: the last one counts.
        return next(((key, value) for key, value in reversed(node.value) if key.value == step), None)
    return None


def read(file: str, content: bytes) -> tuple[list[Document], list[Problem]]:
    """All documents of one file that hold anything, and all that is wrong with its YAML.

    `file` is only a name, for the places. A file with problems gives the documents before the first of them.
    """
    if len(content) > MAX_BYTES:
        return [], [
            Problem(file, 1, 1, message=f"found {len(content)} bytes, expected at most {MAX_BYTES}; split it")
        ]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [
            _unreadable(
                file, content[: error.start].decode(), "found bytes that are not UTF-8; save it as UTF-8"
            )
        ]
    try:
        return _documents(file, text)
    except yaml.MarkedYAMLError as error:
        return [], [_marked(file, error)]
    except yaml.reader.ReaderError as error:
        message = f"found the control character #x{error.character:04x}; remove it"
        return [], [_unreadable(file, text[: error.position], message)]


def _unreadable(file: str, before: str, message: str) -> Problem:
    line = before.rpartition("\n")[2]
    return Problem(file, before.count("\n") + 1, len(line) + 1, message=message)


def _marked(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    context = f" {error.context}" if error.context else ""
    return _at(file, mark, f"not YAML{context}: {error.problem}")


def _at(file: str, mark: Any, message: str) -> Problem:
    return (
        Problem(file, mark.line + 1, mark.column + 1, message=message)
        if mark
        else Problem(file, 1, 1, message=message)
    )


def _documents(file: str, text: str) -> tuple[list[Document], list[Problem]]:
    if too_much := _bounds(file, text):
        return [], [too_much]
    documents: list[Document] = []
    loader = _Loader(text)
    try:
        while loader.check_node() and (node := loader.get_node()):
            problems = sorted(_Inspection(file).problems(node))
            if problems:
                return documents, problems
            body = loader.construct_document(node)
            documents += [Document(file, body, node)] if body is not None else []
    finally:
        loader.dispose()
    return documents, []


def _bounds(file: str, text: str) -> Problem | None:
    """A pass over the bare events: composing recurses in C, and a file of brackets would end the process."""
    depth = aliases = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        for number, limit, what in ((depth, MAX_DEPTH, "nested levels"), (aliases, MAX_ALIASES, "aliases")):
            if number > limit:
                return _at(file, event.start_mark, f"found more than {limit} {what}; write it flatter")
    return None


class _Inspection:
    """One look at every node of a document, before any value is made of it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.sizes: dict[int, int] = {}
        self.above: set[int] = set()
        self.found: list[Problem] = []

    def problems(self, root: yaml.Node) -> list[Problem]:
        if self._size(root) > MAX_VALUES:
            self._add(root, f"found more than {MAX_VALUES} values behind aliases; write fewer")
        return self.found

    def _add(self, node: yaml.Node, message: str) -> None:
        self.found.append(_at(self.file, node.start_mark, message))

    def _size(self, node: yaml.Node) -> int:
        """How many values `node` stands for; what an alias repeats is counted again, but looked at once."""
        known = self.sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self.above:
            self._add(node, "found an alias inside the value that it repeats; write the value out")
            return 1
        self.above.add(id(node))
        size = 1 + sum(map(self._size, self._children(node)))
        self.above.remove(id(node))
        self.sizes[id(node)] = size
        return size

    def _children(self, node: yaml.Node) -> Iterator[yaml.Node]:
        if node.tag not in _TAGS:
            self._add(node, f"found the tag {node.tag!r}; remove it, UMS reads plain values only")
        elif isinstance(node, yaml.ScalarNode):
            self._look_at_scalar(node)
        elif isinstance(node, yaml.MappingNode):
            self._look_at_keys([key for key, _ in node.value])
            yield from (part for pair in node.value for part in pair)
        else:
            yield from node.value

    def _look_at_scalar(self, node: yaml.ScalarNode) -> None:
        written = _SCALARS.get(node.tag.removeprefix(_TAG))
        if written and not written.match(node.value):
            self._add(node, f"found {node.value!r} tagged as {node.tag.removeprefix(_TAG)}; remove the tag")
        # JSON can say it, PostgreSQL cannot keep it.
        if "\0" in node.value:
            self._add(node, "found a NUL character; remove it")

    def _look_at_keys(self, keys: Sequence[yaml.Node]) -> None:
        seen: set[str] = set()
        for key in keys:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in {f"{_TAG}str", f"{_TAG}merge"}:
                self._add(key, "found a key that is not text; put it in quotes")
            elif key.value in seen:
                self._add(key, f"found the key {key.value!r} twice; remove one")
            else:
                seen.add(key.value)
