"""Policies rehearsed: the real engine on a virtual clock, with scripted providers; no database, network or secret."""

from pathlib import Path

from ums.errors import ConfigInvalid
from ums.reconcile import checked
from ums.rehearsal.case import Branch, Case, Fate, Happened, Played
from ums.rehearsal.coverage import Covered, coverage
from ums.rehearsal.read import by_kind, cases
from ums.rehearsal.run import run
from ums.snapshot import Snapshot

__all__ = ["Branch", "Case", "Covered", "Fate", "Happened", "Played", "cases", "coverage", "declared", "read", "run"]


def declared(folder: Path) -> Snapshot:
    """What the files below `folder` declare; raises ConfigInvalid."""
    return Snapshot(1, by_kind(checked(folder).bodies))


def read(paths: list[Path], known: Snapshot) -> list[Case]:
    """The cases below these paths; raises ConfigInvalid with all that is wrong with them."""
    found, problems = cases(paths, known)
    if problems:
        raise ConfigInvalid(problems)
    return found
