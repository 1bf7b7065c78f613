"""Everything that is wrong with the declared objects, without a database, a network or a secret."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ums.errors import ConfigInvalid, Problem, Severity
from ums.reconcile.kinds import KINDS, Body, Key
from ums.reconcile.load import Declared, bodies, load, moved
from ums.reconcile.rules import Bodies
from ums.schemas import check, did_you_mean, schemas


@dataclass(frozen=True)
class Checked:
    """What a folder declares, without errors."""

    bodies: Mapping[Key, Body] = field(default_factory=dict)
    """Canonical, by kind and identity."""
    warnings: Sequence[Problem] = ()
    moved: Mapping[Key, Key] = field(default_factory=dict)
    """What was renamed: what it is now called, and what it was called before."""
    declared: Sequence[Declared] = ()
    """As the documents have it, with their places."""


def checked(folder: Path) -> Checked:
    """Everything that is declared below `folder`; raises ConfigInvalid with all problems when one is an error."""
    declared, problems = load(folder)
    problems = sorted([*problems, *validate(declared)])
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ConfigInvalid(problems)
    return Checked(bodies(declared), problems, moved(declared), declared)


def validate(declared: Sequence[Declared]) -> list[Problem]:
    """All problems of all documents, by file and line."""
    by_schema = {id(one): list(_by_schema(one)) for one in declared}
    problems = [problem for one in declared for problem in (*one.problems, *by_schema[id(one)])]
    written = [one for one in declared if not by_schema[id(one)]]
    # What a document says by a file that could not be read is not known: only its own words can be held against it.
    sound = [one for one in written if not one.problems]
    bodies = {one.key: one.body for one in sound}
    # What its schema refuses is declared all the same: whoever refers to it made no mistake.
    known = {one.key: one for one in reversed(declared)}
    problems += [*_same_identity(declared), *_same_value(sound), *_same_origin(sound), *_together(sound, bodies)]
    problems += [problem for one in written for problem in _references(one, known)]
    for one in sound:
        problems += [*_rules(one, bodies), *_moved(one, known)]
    return sorted(problems)


def _by_schema(one: Declared) -> Iterator[Problem]:
    body = one.document.body
    yield from check(one.kind.schema, body, document=one.document)
    for part in one.kind.parts:
        name = f"{part.folder}/{body.get(part.by)}"
        if name in schemas() and isinstance(body.get(part.property), dict):
            yield from check(name, body[part.property], document=one.document, within=(part.property,))


def _same_identity(declared: Sequence[Declared]) -> Iterator[Problem]:
    first: dict[Key, Declared] = {}
    for one in declared:
        if "name" not in one.document.body:
            continue
        before = first.setdefault(one.key, one)
        if before is not one:
            kind, name = one.key
            message = f"{kind} {name!r} is already declared in {_place(before)}; rename or remove one"
            yield one.document.problem(("name",), message, code="duplicate")


def _same_value(sound: Sequence[Declared]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str], Declared] = {}
    for one in sound:
        for name in one.kind.unique:
            before = first.setdefault((one.kind.name, name, one.body[name]), one)
            if before.key != one.key:
                message = f"{name} {one.body[name]!r} is taken by {before.key[1]} in {_place(before)}; choose another"
                yield one.document.problem((name,), message, code="duplicate")


def _same_origin(sound: Sequence[Declared]) -> Iterator[Problem]:
    first: dict[Key, Declared] = {}
    for one in sound:
        if one.moved and (before := first.setdefault(one.moved, one)) is not one:
            name = one.document.body["moved"]["from"]
            message = f"{before.key[1]} in {_place(before)} was {name!r} too; one of them only can have been"
            yield one.document.problem(("moved", "from"), message, code="duplicate")


def _place(one: Declared) -> str:
    return f"{one.document.file}:{one.document.place()[0]}"


def _references(one: Declared, known: Mapping[Key, Declared]) -> Iterator[Problem]:
    for reference in one.kind.references:
        for path, name in reference.names(one.body):
            if (reference.kind, name) not in known:
                prefix = f"{one.body.get('channel', one.key[1])}/" if reference.own else ""
                others = [other for kind, other in known if kind == reference.kind and other.startswith(prefix)]
                near = did_you_mean(name.removeprefix(prefix), [other.removeprefix(prefix) for other in others])
                message = f"{reference.kind} {name.removeprefix(prefix)!r} is not declared{near}"
                yield one.document.problem(path, message, code="unknown_reference")


def _rules(one: Declared, bodies: Bodies) -> Iterator[Problem]:
    for rule in one.kind.rules:
        yield from (one.document.problem(path, message) for path, message in rule(one.body, bodies))
    for rule in one.kind.warnings:
        for path, message in rule(one.body, bodies):
            yield replace(one.document.problem(path, message, code="doubtful"), severity=Severity.WARNING)


def _together(sound: Sequence[Declared], bodies: Bodies) -> Iterator[Problem]:
    for kind in KINDS:
        members = [one for one in sound if one.kind is kind] if kind.together else []
        for rule in kind.together:
            for number, path, message in rule([one.body for one in members], bodies):
                yield members[number].document.problem(path, message)


def _moved(one: Declared, known: Mapping[Key, Declared]) -> Iterator[Problem]:
    """A renamed object took a name that nothing else has now, and left one that nothing else has now."""
    if one.moved is None:
        return
    if one.kind.immovable:
        yield one.document.problem(("moved",), f"a {one.kind.name} cannot be renamed: {one.kind.immovable}", key=True)
    elif other := known.get(one.moved):
        there = "this is its name" if other is one else f"it is declared in {_place(other)}"
        message = f"found the old name {one.document.body['moved']['from']!r}, but {there}; remove moved, or the other"
        yield one.document.problem(("moved", "from"), message, code="duplicate")
