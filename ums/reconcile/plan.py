"""What an apply would change: pure values that sort, compare and print themselves."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType

from ums.errors import Problem
from ums.places import Place
from ums.reconcile.change import Change, Switched, fingerprint, value_at
from ums.reconcile.kinds import BY_NAME, KINDS, ORDER, Body, Key
from ums.reconcile.moves import origins
from ums.reconcile.reviews import Waiting, to_review
from ums.reconcile.selection import EVERYTHING, Selection, SelectionInvalid
from ums.reconcile.touched import Touched, number_of

MAX_DELETED_PERCENT = 30
"""Of the live objects of one kind; more is rather a wrong folder than a wish."""
MIN_DELETED = 2
"""One object alone is never too many."""


@dataclass(frozen=True)
class Live:
    """What is in the database, as of its latest revision."""

    revision: int = 0
    bodies: Mapping[Key, Body] = field(default_factory=dict)
    hashes: Mapping[Key, str] = field(default_factory=dict)
    drift: tuple[Change, ...] = ()
    """From what the last apply wrote to what is there."""
    overrides: tuple[Switched, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True)
class Options:
    """What the caller of a plan or an apply may choose."""

    prune: bool = False
    """Delete what is in no file."""
    force: bool = False
    """Even if that deletes much of a kind."""
    adopt: bool = False
    """End what is switched at runtime: what the files say holds again."""
    selection: Selection = EVERYTHING


DEFAULT = Options()


@dataclass(frozen=True)
class Plan:
    """The way from a revision to what the files say."""

    base: int
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[Key, ...] = ()
    """Only live, in no file, and left alone."""
    excessive: tuple[str, ...] = ()
    """Why applying it needs to be forced."""
    drift: tuple[Change, ...] = ()
    """What was changed behind the back of the last apply, from what that wrote to what is live."""
    overrides: tuple[Switched, ...] = ()
    """What is switched at runtime."""
    ended: tuple[Switched, ...] = ()
    """Those of them that end with this apply."""
    touched: Mapping[Key, Touched] = field(default_factory=dict)
    """By the key of the change."""
    warnings: tuple[Problem, ...] = ()
    places: Mapping[Key, Place] = field(default_factory=dict, compare=False, repr=False)
    """Where the files declare what they declare."""
    waiting: tuple[Waiting, ...] = ()
    """What is declared already and not approved."""
    to_review: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    """By the key of the change, the AuditRules that will make it wait."""

    @property
    def revision(self) -> int:
        """The number of the revision that is live after applying it."""
        return self.base if self.is_empty else self.base + 1

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.ended)

    @property
    def summary(self) -> dict[str, int]:
        signs = [change.sign for change in self.changes]
        return {"create": signs.count("+"), "update": signs.count("~"), "delete": signs.count("-")}

    @property
    def put_back(self) -> frozenset[Key]:
        """Changes that no file asks for: they only undo drift."""
        written = {change.key: change.before for change in self.drift}
        return frozenset(one.key for one in self.changes if one.key in written and written[one.key] == one.after)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def plan(
    desired: Mapping[Key, Body],
    live: Live,
    options: Options = DEFAULT,
    moved: Mapping[Key, Key] = MappingProxyType({}),
) -> Plan:
    """The changes that make `live` what is `desired`; what is only live is deleted with `prune` alone."""
    selection = options.selection
    if selection:
        selection.check([*desired.items(), *live.bodies.items()])
    renamed = origins(desired, live.bodies, moved)
    only_live = _only_live({*renamed.values(), *desired}, live)
    kept = _kept(only_live, live) if options.prune else set(only_live)
    deleted = [Change(*key, live.bodies[key], None) for key in reversed(only_live) if key not in kept]
    changes = tuple(one for one in [*_changed(desired, live, renamed), *deleted] if _takes(selection, one))
    if selection:
        _check_closed(changes, live)
    return Plan(
        base=live.revision,
        changes=changes,
        unmanaged=tuple(key for key in only_live if key in kept and selection.takes(key, live.bodies[key])),
        excessive=tuple(_excessive(changes, live)),
        drift=tuple(one for one in live.drift if _takes(selection, one)),
        overrides=live.overrides,
        ended=tuple(_ended(changes, live, options)),
        waiting=live.waiting,
        to_review=dict(to_review(changes, after(changes, live))),
    )


def after(changes: Iterable[Change], live: Live) -> dict[Key, Body]:
    """The bodies that are live once `changes` are applied."""
    bodies = dict(live.bodies)
    for change in changes:
        bodies.pop(change.old_key, None)
    bodies.update({change.key: change.after for change in changes if change.after is not None})
    return bodies


def referred(key: Key, body: Body) -> Iterator[Key]:
    """Everything that an object names."""
    kind = BY_NAME.get(key[0])
    for reference in kind.references if kind else ():
        yield from ((reference.kind, name) for _, name in reference.names(body))


def _changed(desired: Mapping[Key, Body], live: Live, renamed: Mapping[Key, Key]) -> Iterator[Change]:
    drifted = {change.key for change in live.drift}
    for key, body in sorted(desired.items(), key=_down):
        old = renamed.get(key, key)
        # What somebody wrote behind our back is written again even where the files say the same: history has it then.
        if live.hashes.get(old) != fingerprint(body) or old != key or key in drifted:
            yield Change(*key, live.bodies.get(old), body, old[1] if old != key else "")


def _only_live(declared: Collection[Key], live: Live) -> list[Key]:
    return [key for key in sorted(live.bodies, key=_down_key) if key not in declared]


def _ended(changes: Iterable[Change], live: Live, options: Options) -> Iterator[Switched]:
    """A switch ends when the files change their mind about what it switches, or when the operator says so."""
    changed = {change.old_key: change for change in changes}
    for one in live.overrides:
        change = changed.get(one.key)
        decided = change and value_at(change.before, one.path) != value_at(change.after, one.path)
        taken = options.adopt and options.selection.takes(one.key, live.bodies.get(one.key, {}))
        if decided or taken:
            yield one


def _takes(selection: Selection, change: Change) -> bool:
    sides = ((change.old_key, change.before), (change.key, change.after))
    return any(selection.takes(key, body) for key, body in sides if body is not None)


def _check_closed(changes: Sequence[Change], live: Live) -> None:
    """Raise SelectionInvalid when the selected changes would leave a reference to nothing."""
    bodies = after(changes, live)
    changed = {change.key for change in changes}
    problems = []
    for key, body in bodies.items():
        for target in dict.fromkeys(referred(key, body)):
            if target in bodies:
                continue
            if key in changed:
                problems.append(_not_selected(key, target))
            elif target in live.bodies:
                problems.append(_still_refers(key, target))
    if problems:
        raise SelectionInvalid(problems)


def _not_selected(key: Key, target: Key) -> Problem:
    there = "/".join(target)
    return Problem(
        message=f"{'/'.join(key)} refers to {there}, which is neither applied yet nor selected; add --only {there}"
    )


def _still_refers(key: Key, target: Key) -> Problem:
    here = "/".join(key)
    return Problem(
        message=f"{here} refers to {'/'.join(target)}, which would go, and is not selected; add --only {here}"
    )


def _down_key(key: Key) -> tuple[int, str]:
    # A kind that this version does not know any more refers to anything: it goes first.
    return ORDER.get(key[0], len(ORDER)), key[1]


def _down(item: tuple[Key, Body]) -> tuple[int, str]:
    return _down_key(item[0])


def _kept(only_live: list[Key], live: Live) -> set[Key]:
    """What even `prune` leaves: the protected, and all that they refer to."""
    candidates = set(only_live)
    waiting = [key for key in only_live if live.bodies[key].get("protect")]
    kept: set[Key] = set()
    while waiting:
        key = waiting.pop()
        if key in candidates and key not in kept:
            kept.add(key)
            waiting += referred(key, live.bodies[key])
    return kept


def _excessive(changes: Iterable[Change], live: Live) -> Iterator[str]:
    deleted = [change for change in changes if change.after is None]
    for kind in KINDS:
        names = [change.name for change in deleted if change.kind == kind.name]
        there = sum(1 for name, _ in live.bodies if name == kind.name)
        if len(names) >= MIN_DELETED and len(names) * 100 > there * MAX_DELETED_PERCENT:
            yield f"it deletes {len(names)} of {there} {kind.name} objects: {', '.join(sorted(names))}"


def _lines(plan: Plan) -> Iterator[str]:
    put_back = plan.put_back
    for kind, changes in groupby(plan.changes, key=lambda change: change.kind):
        yield kind
        for change in changes:
            yield f"  {change.sign} {change.named}{' (drift, put back)' if change.key in put_back else ''}"
            yield from (f"      {line}" for line in change.fields)
            if rules := plan.to_review.get(change.key):
                yield f"      waits for approval by AuditRule {', '.join(rules)}"
            yield from _touched_lines(plan.touched.get(change.key, Touched()))
    if plan.drift or plan.overrides:
        yield f"Drift, live differs from what revision {plan.base} wrote:"
        yield from drift_lines(plan)
    if plan.waiting:
        yield "Declared, and not approved:"
        yield from (f"    {one}" for one in plan.waiting)
    if plan.unmanaged:
        yield "Only live, in no file; left alone (--prune deletes what is not protected):"
        yield from (f"    {kind}/{name}" for kind, name in plan.unmanaged)
    if plan.changes:
        yield "{create} to create, {update} to update, {delete} to delete.".format(**plan.summary)
    elif plan.ended:
        yield f"{number_of('runtime switch', len(plan.ended))} to end."
    else:
        yield f"Nothing to change: revision {plan.base} is what the files say."
    yield from (f"Too much to apply without --force: {reason}" for reason in plan.excessive)


def drift_lines(plan: Plan) -> Iterator[str]:
    for change in plan.drift:
        yield f"    {change}"
        yield from (f"        {line}" for line in change.fields)
    ended = set(plan.ended)
    yield from (f"    {one}{' (ends)' if one in ended else ''}" for one in plan.overrides)


def _touched_lines(touched: Touched) -> Iterator[str]:
    if said := str(touched):
        yield f"      touches {said}"
    yield from (f"      makes invalid: {line}" for line in touched.invalid)
