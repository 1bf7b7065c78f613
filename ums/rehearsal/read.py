"""From `*.test.yaml` files to cases, and every problem on the way, with its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ums.documents import Document, read
from ums.durations import milliseconds
from ums.errors import Problem
from ums.people.targets import binds
from ums.people.users import read_address
from ums.reconcile.load import shown
from ums.rehearsal.case import Bound, Case, Fate
from ums.schemas import check, did_you_mean
from ums.snapshot import Body, Snapshot, channel_type
from ums.vocabulary import ChannelType

ENDINGS = ("*.test.yaml", "*.test.yml")


def files(paths: Iterable[Path]) -> list[Path]:
    """The tests below these folders, and these files, each once."""
    found = [file for path in paths for file in ([path] if path.is_file() else _below(path))]
    return sorted(set(found))


def _below(folder: Path) -> Iterator[Path]:
    for ending in ENDINGS:
        yield from (f for f in folder.rglob(ending) if not any(p.startswith(".") for p in f.relative_to(folder).parts))


def cases(paths: Iterable[Path], declared: Snapshot) -> tuple[list[Case], list[Problem]]:
    """What the files say, held against what is declared."""
    found: list[Case] = []
    problems: list[Problem] = []
    for file in files(paths):
        try:
            documents, wrong = read(shown(file), file.read_bytes())
        except OSError as error:
            problems.append(Problem(shown(file), 1, 1, message=f"cannot be read: {error.strerror}"))
            continue
        problems += wrong
        for document in documents:
            wrong = check("policy-test", document.body, document=document)
            read_, more = ([], []) if wrong else read_document(document, declared)
            found += read_
            problems += [*wrong, *more]
    return found, sorted(problems)


def read_document(document: Document, declared: Snapshot) -> tuple[list[Case], list[Problem]]:
    """The cases of one document that its schema accepts."""
    reader = _Reader(document, declared)
    return reader.cases(), reader.problems


@dataclass
class _Reader:
    """Reads one document that its schema accepts."""

    document: Document
    declared: Snapshot

    def __post_init__(self) -> None:
        self.problems: list[Problem] = []

    def cases(self) -> list[Case]:
        body = self.document.body
        name, owner = body["policy"], body["channel"]
        channel = self.declared.all("Channel").get(owner)
        policy = self.declared.policy(owner, name)
        if channel is None:
            self._unknown(("channel",), "Channel", owner, self.declared.all("Channel"))
        elif policy is None:
            own = [full.partition("/")[2] for full in self.declared.all("SendPolicy") if full.startswith(f"{owner}/")]
            self._unknown(("policy",), "SendPolicy", name, own)
        elif off := self.declared.invalid(owner).get(("SendPolicy", f"{owner}/{name}")):
            self._refuse(("policy",), f"SendPolicy {name} cannot be used: {off}")
        else:
            codes = [code for step in policy["steps"] for code in step["send"]]
            return [self._case(n, test, channel["key"], codes) for n, test in enumerate(body["tests"])]
        return []

    def _case(self, n: int, test: Mapping[str, Any], key: str, codes: list[str]) -> Case:
        body, path = self.document.body, ("tests", n)
        people = self._people(("people",), body.get("people", {}), key)
        people |= self._people((*path, "people"), test.get("people", {}), key)
        if not people:
            self._refuse(path, "nobody is in this test; add people to it or to the document")
        steps, lost = self._expected((*path, "expect"), test["expect"], people, codes)
        line, column = self.document.place(path)
        return Case(
            self.document.file, line, column, test["name"], body["channel"], body["policy"], people,
            self._fates((*path, "happens"), test.get("happens", {}), people, key, codes),
            self._times((*path, "busy"), test.get("busy", {}), codes),
            self._times((*path, "switchedOff"), test.get("switchedOff", {}), codes),
            steps, lost, self._funnel((*path, "funnel"), test.get("funnel", {}), codes),
            test.get("priority", "medium"),
        )  # fmt: skip

    def _people(self, path: tuple[Any, ...], written: Mapping[str, Any], key: str) -> dict[str, tuple[Bound, ...]]:
        found = {}
        for person, where in written.items():
            bound: dict[tuple[ChannelType, str], tuple[str, ...]] = {}
            entries = where.items() if isinstance(where, Mapping) else ((code, None) for code in where)
            for n, (name, given) in enumerate(entries):
                at = (*path, person, name if isinstance(where, Mapping) else n)
                place = self._bind(at, name, key)
                if place:
                    bound[place] = tuple(self._addresses(at, place[0], person, name, given))
            found[person] = tuple((kind, bind, values) for (kind, bind), values in bound.items())
        return found

    def _bind(self, path: tuple[Any, ...], name: str, key: str) -> tuple[ChannelType, str] | None:
        """What an address is bound to: by `type@bind`, or as a DeliveryChannel would look for it."""
        kind, at, bind = name.partition("@")
        if at:
            types = [one.value for one in ChannelType]
            if kind in types:
                return ChannelType(kind), bind
            self._unknown(path, "channel type", kind, types)
        elif body := self.declared.delivery_channel(name):
            return channel_type(body), binds(body, key)[1]
        else:
            self._unknown(path, "DeliveryChannel", name, self.declared.all("DeliveryChannel"))
        return None

    def _addresses(self, path: tuple[Any, ...], kind: ChannelType, person: str, name: str, given: Any) -> Iterator[str]:
        for value in [given] if isinstance(given, str) else given or [_made_up(kind, person, name)]:
            read_as, wrong = read_address(kind, value, "")
            for problem in wrong:
                self._refuse(path, problem.message)
            yield read_as

    def _fates(
        self, path: tuple[Any, ...], written: Mapping[str, Any], people: Mapping[str, tuple[Bound, ...]], key: str,
        codes: list[str],
    ) -> dict[tuple[str, str], Fate]:  # fmt: skip
        found = {}
        for person, fates in written.items():
            if self._known((*path, person), "person", person, people):
                for code in (
                    c for c in fates if self._known((*path, person, c), "DeliveryChannel of the policy", c, codes)
                ):
                    at, addresses = (*path, person, code), self._reached(people[person], code, key)
                    given = fates[code] if isinstance(fates[code], list) else [fates[code]] * len(addresses)
                    if not addresses:
                        self._refuse(at, f"{person} has no address on {code}, so nothing can happen there")
                    elif len(given) != len(addresses):
                        self._refuse(at, f"found {len(given)} fates, {person} has {len(addresses)} addresses on {code}")
                    found.update({(code, a): _fate(one) for a, one in zip(addresses, given, strict=False)})
        return found

    def _reached(self, bound: Iterable[Bound], code: str, key: str) -> tuple[str, ...]:
        """The addresses that the DeliveryChannel uses."""
        declared = self.declared.all("DeliveryChannel")[code]
        by_bind = {bind: values for kind, bind, values in bound if kind is channel_type(declared)}
        return next((by_bind[bind] for bind in binds(declared, key) if bind in by_bind), ())

    def _times(self, path: tuple[Any, ...], written: Mapping[str, str], codes: list[str]) -> dict[str, int]:
        known = [c for c in written if self._known((*path, c), "DeliveryChannel of the policy", c, codes)]
        return {code: milliseconds(written[code]) for code in known}

    def _expected(
        self, path: tuple[Any, ...], written: Mapping[str, Any], people: Mapping[str, Any], codes: list[str]
    ) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
        steps: dict[str, dict[str, int]] = {}
        lost: dict[str, str] = {}
        for person, wanted in written.items():
            if not self._known((*path, person), "person", person, people):
                continue
            if isinstance(wanted, str):
                steps[person], lost[person] = {}, wanted.removeprefix("lost ")
            else:
                steps[person] = self._times((*path, person), wanted, codes)
        return steps, lost

    def _funnel(self, path: tuple[Any, ...], written: Mapping[str, Any], codes: list[str]) -> Mapping[str, Any]:
        for name in written:
            self._known((*path, name), "number of users or of a DeliveryChannel", name, ["users", *codes])
        return written

    def _known(self, path: tuple[Any, ...], what: str, name: str, known: Iterable[str]) -> bool:
        if name in known:
            return True
        self._unknown(path, what, name, known)
        return False

    def _unknown(self, path: tuple[Any, ...], what: str, name: str, known: Iterable[str]) -> None:
        message = f"found no {what} {name!r}{did_you_mean(name, list(known))}"
        self.problems.append(self.document.problem(path, message, key=True))

    def _refuse(self, path: tuple[Any, ...], message: str) -> None:
        self.problems.append(self.document.problem(path, message))


def _made_up(kind: ChannelType, person: str, name: str) -> str:
    """An address that nobody else has: a mainland phone number has eight free digits behind 138."""
    if kind is ChannelType.SMS:
        return f"138{int.from_bytes(person.encode(), 'big') * 2_654_435_761 % 10**8:08}"
    return f"{person}@example.org" if kind is ChannelType.EMAIL else f"{person}-{name}"


def _fate(written: Any) -> Fate:
    if isinstance(written, str):
        return Fate("submitted" if written == "silent" else written)
    return Fate("submitted", **{word: milliseconds(after) for word, after in written.items()})


def by_kind(bodies: Mapping[tuple[str, str], Body]) -> dict[str, dict[str, Body]]:
    """As a Snapshot holds them."""
    found: dict[str, dict[str, Body]] = {}
    for (kind, name), body in bodies.items():
        found.setdefault(kind, {})[name] = body
    return found
