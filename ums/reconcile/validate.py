"""Everything that is wrong with the declared objects, without a database, a network or a secret."""

from collections.abc import Iterator, Sequence

from ums.errors import Problem
from ums.reconcile.kinds import Key, Part
from ums.reconcile.load import Declared
from ums.reconcile.rules import Bodies
from ums.schemas import check, did_you_mean, names


def validate(declared: Sequence[Declared]) -> list[Problem]:
    """All problems of all documents, by file and line."""
    refused = {id(one): found for one in declared if (found := list(_by_schema(one)))}
    sound = [one for one in declared if id(one) not in refused]
    bodies = {one.key: one.body for one in sound}
    # What its schema refuses is declared all the same: whoever refers to it made no mistake.
    known = {one.key for one in declared}
    problems = [problem for found in refused.values() for problem in found]
    problems += _same_identity(declared)
    for one in sound:
        problems += [*_references(one, known), *_rules(one, bodies)]
    problems += _same_value(sound)
    return sorted(problems)


def _by_schema(one: Declared) -> Iterator[Problem]:
    body = one.document.body
    yield from check(one.kind.schema, body, document=one.document)
    for part in one.kind.parts:
        if isinstance(body.get(part.by), str) and isinstance(body.get(part.property), dict):
            yield from _part(one, part)


def _part(one: Declared, part: Part) -> Iterator[Problem]:
    chosen, known = one.document.body[part.by], names(part.folder)
    if chosen in known:
        value = one.document.body[part.property]
        yield from check(f"{part.folder}/{chosen}", value, document=one.document, within=(part.property,))
    else:
        yield one.document.problem((part.by,), f"unknown {part.by} {chosen!r}{did_you_mean(chosen, known)}")


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


def _place(one: Declared) -> str:
    return f"{one.document.file}:{one.document.place()[0]}"


def _references(one: Declared, known: set[Key]) -> Iterator[Problem]:
    for reference in one.kind.references:
        for path, name in reference.names(one.body):
            if (reference.kind, name) not in known:
                near = did_you_mean(name, [other for kind, other in known if kind == reference.kind])
                message = f"{reference.kind} {name!r} is not declared{near}"
                yield one.document.problem(path, message, code="unknown_reference")


def _rules(one: Declared, bodies: Bodies) -> Iterator[Problem]:
    for rule in one.kind.rules:
        yield from (one.document.problem(path, message) for path, message in rule(one.body, bodies))
