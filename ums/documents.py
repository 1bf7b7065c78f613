"""YAML as UMS reads it: strict, bounded, and every value knows its place.

Whatever the bytes are, the answer is documents and problems, never an exception. `no`, `1:30`, `0755` and
dates stay text: only `true` and `false` are booleans, and only plain decimal numbers are numbers.
"""

import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from ums.errors import Problem

Path = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_VALUES = 200_000
"""Values in a file once its aliases are followed: a few nested aliases can stand for billions."""

_TAG = "tag:yaml.org,2002:"
# At most 17 digits: what is longer is an identifier, not a number that JSON and databases keep exactly.
_SCALARS = {
    "bool": (r"(?:true|false)\Z", "tf"),
    "int": (r"-?(?:0|[1-9][0-9]{0,16})\Z", "-0123456789"),
    "float": (r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,8}\Z", "-0123456789"),
    "null": (r"(?:~|null|)\Z", ["~", "n", ""]),
    "merge": (r"<<\Z", "<"),
}


class _Loader(yaml.CSafeLoader):
    """PyYAML's own rules (YAML 1.1) would read `no` as false, `1:30` as 90 and choke on `=`."""


_Loader.yaml_implicit_resolvers = {}
for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))


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
        if key.tag == f"{_TAG}merge":
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
        Problem(file, mark.line + 1, mark.column + 1, message=message) if mark else Problem(file, 1, 1, message=message)
    )


def _documents(file: str, text: str) -> tuple[list[Document], list[Problem]]:
    aliases, problems = _events(file, text)
    if problems:
        return [], problems
    documents: list[Document] = []
    source, loader, number = _Source(text), _Loader(text), 0
    try:
        while loader.check_node() and (node := loader.get_node()):
            if problems := sorted(_look(file, node, aliases=aliases)):
                break
            body = loader.construct_document(node)
            documents += [Document(file, body, source, number)] if body is not None else []
            number += 1
    finally:
        loader.dispose()
    return documents, problems


def _events(file: str, text: str) -> tuple[bool, list[Problem]]:
    """Whether there are aliases, and what is wrong with the file before any value is made of it.

    Composing recurses in C, and a file of nothing but brackets would end the process; events are flat.
    """
    depth = aliases = 0
    problems = []
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > MAX_DEPTH:
            return False, [_at(file, event.start_mark, f"found more than {MAX_DEPTH} levels; write it flatter")]
        if tag := getattr(event, "tag", None):
            problems.append(
                _at(file, event.start_mark, f"found the tag {tag!r}; remove it, UMS reads plain values only")
            )
        # JSON can say it, PostgreSQL cannot keep it.
        if isinstance(event, yaml.ScalarEvent) and "\0" in event.value:
            problems.append(_at(file, event.start_mark, "found a NUL character; remove it"))
    return aliases > 0, problems


def _look(file: str, root: yaml.Node, *, aliases: bool) -> Iterator[Problem]:
    """What is wrong with the nodes of a document."""
    if aliases and (too_much := _unfolded(file, root)):
        yield too_much
        return
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            yield from _look_at_keys(file, [key for key, _ in node.value])
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _look_at_keys(file: str, keys: Sequence[yaml.Node]) -> Iterator[Problem]:
    seen: set[str] = set()
    for key in keys:
        if key.tag not in _KEYS:
            yield _at(file, key.start_mark, "found a key that is not text; put it in quotes")
        elif key.value in seen:
            yield _at(file, key.start_mark, f"found the key {key.value!r} twice; remove one")
        else:
            seen.add(key.value)


_KEYS = {f"{_TAG}str", f"{_TAG}merge"}


def _unfolded(file: str, root: yaml.Node) -> Problem | None:
    """A problem when the values that `root` stands for, each alias followed, are endless or too many."""
    sizes: dict[int, float] = {}
    above: set[int] = set()

    def size(node: yaml.Node) -> float:
        if id(node) in above:
            return math.inf
        if id(node) not in sizes and isinstance(node, yaml.CollectionNode):
            above.add(id(node))
            sizes[id(node)] = 1 + sum(map(size, _parts(node)))
            above.remove(id(node))
        return sizes.get(id(node), 1)

    if size(root) > MAX_VALUES:
        return _at(file, root.start_mark, f"found aliases that stand for more than {MAX_VALUES} values; write fewer")
    return None


def _parts(node: yaml.CollectionNode) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)
