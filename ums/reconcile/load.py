"""From the files of a folder to declared objects, each with its canonical body."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ums.documents import Document, read
from ums.errors import Problem
from ums.reconcile import lists
from ums.reconcile.kinds import BY_NAME, Body, Key, Kind
from ums.schemas import did_you_mean, with_defaults

_NOTHING: Mapping[str, Sequence[Any]] = {}


@dataclass(frozen=True)
class Declared:
    """One object as one document declares it; the document may still be wrong."""

    kind: Kind
    document: Document
    listed: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What the files beside it bring to its lists, by property."""
    problems: Sequence[Problem] = ()
    """Of those files."""

    @cached_property
    def key(self) -> Key:
        return self.kind.name, self.kind.identity(self.document.body)

    @property
    def moved(self) -> Key | None:
        """What it was called before, when its author says that it was renamed."""
        if "moved" not in self.document.body:
            return None
        before = {**self.document.body, "name": self.document.body["moved"]["from"]}
        return self.kind.name, self.kind.identity(before)

    @cached_property
    def body(self) -> Body:
        """The canonical body. Only for a document that its schema accepts."""
        return canonical(self.kind, self.document.body, self.listed)


def load(folder: Path) -> tuple[list[Declared], list[Problem]]:
    """Everything that the YAML files below `folder` declare, and what cannot be read as a declaration at all."""
    if not folder.is_dir():
        message = "found no such folder; make it, or change config in ums.yaml"
        return [], [Problem(shown(folder), 1, 1, message=message)]
    declared: list[Declared] = []
    problems: list[Problem] = []
    for file in _files(folder):
        documents, wrong = _read(file)
        problems += wrong
        for document in documents:
            kind = _kind(document)
            if isinstance(kind, Kind):
                declared.append(_declared(kind, document, file.parent))
            else:
                problems.append(kind)
    return declared, problems


def bodies(declared: Iterable[Declared]) -> dict[Key, Body]:
    """The canonical bodies of declarations without problems, by kind and identity."""
    return {one.key: one.body for one in declared}


def moved(declared: Iterable[Declared]) -> dict[Key, Key]:
    """What was renamed, by its new key."""
    return {one.key: one.moved for one in declared if one.moved}


def canonical(kind: Kind, written: Body, listed: Mapping[str, Sequence[Any]] = _NOTHING) -> Body:
    """The body that is stored and compared: every default filled in, every notation made one."""
    filled: dict[str, Any] = dict(with_defaults(kind.schema, written))
    for part in kind.parts:
        filled[part.property] = with_defaults(f"{part.folder}/{filled[part.by]}", filled[part.property])
    for name, fallback in kind.fallbacks:
        filled.setdefault(name, filled[fallback])
    for one in kind.lists:
        filled.pop(one.file, None)
    for name, entries in listed.items():
        filled[name] = [*filled.get(name, ()), *entries]
    for name in _ASIDE:
        filled.pop(name, None)
    return kind.canonical(filled)


_ASIDE = ("apiVersion", "kind", "moved")
"""About the document or the next apply, not about the object."""


def shown(file: Path) -> str:
    """As a person in the current folder would name it, so that editors and CI find it."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


def _files(folder: Path) -> list[Path]:
    """In one order everywhere. Hidden ones are an editor's, `*.test.yaml` are tests of policies."""
    files = [file for ending in ("*.yaml", "*.yml") for file in folder.rglob(ending)]
    hidden = [file for file in files if any(part.startswith(".") for part in file.relative_to(folder).parts)]
    return sorted(file for file in set(files) - set(hidden) if not file.name.endswith((".test.yaml", ".test.yml")))


def _read(file: Path) -> tuple[list[Document], list[Problem]]:
    try:
        return read(shown(file), file.read_bytes())
    except OSError as error:
        return [], [Problem(shown(file), 1, 1, message=f"cannot be read: {error.strerror}")]


def _declared(kind: Kind, document: Document, folder: Path) -> Declared:
    """With what the files that it names say; a name that is none is for its schema to refuse."""
    listed, problems = {}, list[Problem]()
    for one in kind.lists:
        name = document.body.get(one.file)
        if lists.is_name(name):
            file = folder / name
            if file.is_file():
                listed[one.property], wrong = lists.read(file, shown(file), one.columns)
                problems += wrong
            else:
                problems.append(document.problem((one.file,), f"found no file {name} beside this document"))
    return Declared(kind, document, listed, problems)


def _kind(document: Document) -> Kind | Problem:
    if not isinstance(document.body, dict):
        return document.problem((), "found no mapping, expected a document with apiVersion, kind and name")
    if "kind" not in document.body:
        return document.problem((), f"'kind' is missing; add one of {', '.join(BY_NAME)}", code="unknown_kind")
    name = str(document.body["kind"])
    if name not in BY_NAME:
        return document.problem(("kind",), f"unknown kind {name!r}{did_you_mean(name, BY_NAME)}", code="unknown_kind")
    return BY_NAME[name]
