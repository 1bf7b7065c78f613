"""What a policy would do for one person, as options say what becomes of each DeliveryChannel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ums.documents import Document
from ums.durations import milliseconds
from ums.errors import UmsError
from ums.rehearsal.case import Played
from ums.rehearsal.read import read_document
from ums.rehearsal.run import run
from ums.schemas import did_you_mean
from ums.snapshot import Snapshot

PERSON = "somebody"


class SimulationRefused(UmsError):
    """The caller must act: no such policy, or it has no such DeliveryChannel."""


@dataclass(frozen=True)
class Told:
    """As on the command line: `code=time` or `code`."""

    delivered: Sequence[str] = ()
    clicked: Sequence[str] = ()
    undelivered: Sequence[str] = ()
    failed: Sequence[str] = ()
    without: Sequence[str] = ()


def simulated(declared: Snapshot, name: str, told: Told) -> Played:
    """One rehearsal; raises SimulationRefused."""
    channel, policy = _named(declared, name)
    body = declared.all("SendPolicy")[f"{channel}/{policy}"]
    codes = [code for step in body["steps"] for code in step["send"]]
    fates: dict[str, Any] = {}
    for word in ("delivered", "clicked", "undelivered"):
        for code, after in _pairs(word, getattr(told, word), codes):
            fates.setdefault(code, {})[word] = after
    fates |= {_of(codes, code): "refused" for code in told.failed}
    gone = {_of(codes, code) for code in told.without}
    if both := gone & set(fates):
        raise SimulationRefused(f"nothing can happen on {', '.join(both)}: --without says that there is no address")
    test = {"name": name, "happens": {PERSON: fates}, "expect": {PERSON: {}}}
    written = {
        "channel": channel, "policy": policy, "people": {PERSON: [c for c in codes if c not in gone]}, "tests": [test],
    }  # fmt: skip
    cases, problems = read_document(Document(name, written), declared)
    if problems:
        raise SimulationRefused("; ".join(problem.message for problem in problems))
    return run(cases, declared)[0]


def _named(declared: Snapshot, name: str) -> tuple[str, str]:
    known = list(declared.all("SendPolicy"))
    fitting = [full for full in known if name in (full, full.partition("/")[2])]
    if len(fitting) != 1:
        hint = f"; write one of {', '.join(fitting)}" if fitting else did_you_mean(name, known)
        raise SimulationRefused(f"found {len(fitting) or 'no'} SendPolicy {name!r}{hint}")
    channel, _, policy = fitting[0].partition("/")
    return channel, policy


def _pairs(word: str, given: Iterable[str], codes: Sequence[str]) -> Iterable[tuple[str, str]]:
    for pair in given:
        code, _, after = pair.partition("=")
        try:
            milliseconds(after)
        except ValueError as error:
            raise SimulationRefused(f"--{word} {pair}: expected CODE=TIME, such as {codes[0]}=3m") from error
        yield _of(codes, code), after


def _of(codes: Sequence[str], code: str) -> str:
    if code not in codes:
        raise SimulationRefused(f"the policy has no DeliveryChannel {code!r}{did_you_mean(code, codes)}")
    return code
