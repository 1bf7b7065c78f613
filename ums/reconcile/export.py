"""What is live, written as the documents that would declare it: one file for each object."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from ums.errors import UmsError
from ums.reconcile.kinds import BY_NAME, Body, Key, Kind, Listed
from ums.reconcile.lists import MAX_ROWS
from ums.schemas import schemas

API = "ums/v1"
_LONG = 200  # entries; more are easier to read in a table


class FolderInUse(UmsError):
    """The caller must act: there are files already, and they would be mixed up with ours."""


@dataclass(frozen=True)
class Left:
    """What could not be written as a document, and why."""

    key: Key
    reason: str


def export(bodies: Mapping[Key, Body], folder: Path) -> tuple[list[Path], list[Left]]:
    """Write a file for each body into `folder`, which must be empty; the files, and what is left out.

    Secrets stay what they are in the bodies: references.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInUse(f"{folder} is not empty; name a folder that is empty or not there yet")
    files, left = [], []
    for key, body in sorted(bodies.items()):
        kind = BY_NAME.get(key[0])
        if kind is None:
            left.append(Left(key, "this version of UMS does not know the kind"))
        else:
            file = folder / kind.schema / f"{key[1]}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            document, beside = _beside(kind, written(kind, body), file)
            file.write_text(as_yaml(document), encoding="utf-8")
            files += [file, *beside]
    return files, left


def _beside(kind: Kind, document: dict[str, Any], file: Path) -> tuple[dict[str, Any], list[Path]]:
    """The document, its long lists in files beside it: a YAML file has a size that is still read."""
    files = []
    for one in kind.lists:
        entries = document.get(one.property, [])
        if len(entries) > _LONG:
            beside = file.with_suffix(".csv")
            _write_list(beside, one, entries[:MAX_ROWS])
            files.append(beside)
            document = {**document, one.property: entries[MAX_ROWS:], one.file: beside.name}
            if not document[one.property]:
                del document[one.property]
    return document, files


def _write_list(file: Path, listed: Listed, entries: Sequence[Any]) -> None:
    names = listed.columns.names
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(names)
        rows.writerows(
            [_cell(entry[name]) for name in names] if isinstance(entry, dict) else [entry] for entry in entries
        )


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def written(kind: Kind, body: Body) -> dict[str, Any]:
    """The document that `load` reads as this canonical body."""
    spelled = kind.spelled(body)
    first = {"apiVersion": API, "kind": kind.name}
    order = {name: number for number, name in enumerate(schemas()[kind.schema]["properties"])}
    rest = sorted(spelled.items(), key=lambda item: order.get(item[0], len(order)))
    return {**first, **dict(rest)}


def as_yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


class _Dumper(yaml.CSafeDumper):
    """Plain YAML without aliases; numbers as UMS reads them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


def _plain(dumper: yaml.CSafeDumper, number: float) -> yaml.Node:
    # PyYAML would write 1.0e-07, which is text for whoever reads plain decimals only; and no digit may be lost.
    text = format(Decimal(repr(number)), "f")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text if "." in text else f"{text}.0")


_Dumper.add_representer(float, _plain)
