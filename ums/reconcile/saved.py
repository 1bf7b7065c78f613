"""A plan as a file: made by one process, looked at by people, applied exactly so by another."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ums.errors import UmsError
from ums.places import Place
from ums.reconcile.change import Change, Switched, fingerprint
from ums.reconcile.kinds import Key
from ums.reconcile.plan import Plan

FORMAT = "ums/v1 plan"


class PlanUnreadable(UmsError):
    """The caller must act: that file is no plan, or was changed since."""


def save(plan: Plan, file: Path) -> None:
    """The same plan always gives the same file. Bodies hold references to secrets, never a secret."""
    text = json.dumps(_values(plan), ensure_ascii=False, indent=2, sort_keys=True)
    file.write_text(text + "\n")


def open_plan(file: Path) -> Plan:
    """What `save` was given; raises PlanUnreadable."""
    try:
        values = json.loads(file.read_bytes())
        if values["format"] != FORMAT or values["hash"] != _hash(values):
            raise PlanUnreadable(f"{file} was changed since it was made, or by another version of UMS; plan again")
        return Plan(
            base=values["base"],
            changes=tuple(_change(one) for one in values["changes"]),
            unmanaged=tuple((kind, name) for kind, name in values["unmanaged"]),
            excessive=tuple(values["excessive"]),
            drift=tuple(_change(one) for one in values["drift"]),
            overrides=tuple(Switched(**one) for one in values["overrides"]),
            ended=tuple(Switched(**one) for one in values["ended"]),
            places={(kind, name): Place(file, lines) for kind, name, file, lines in values["places"]},
        )
    except OSError as error:
        raise PlanUnreadable(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise PlanUnreadable(f"{file} is not a plan; make one with: ums plan -o {file}") from error


def _values(plan: Plan) -> dict[str, Any]:
    values = {
        "format": FORMAT,
        "base": plan.base,
        "changes": [vars(one) for one in plan.changes],
        "unmanaged": [list(key) for key in plan.unmanaged],
        "excessive": list(plan.excessive),
        "drift": [vars(one) for one in plan.drift],
        "overrides": [vars(one) for one in plan.overrides],
        "ended": [vars(one) for one in plan.ended],
        "places": [_place(one.key, plan.places[one.key]) for one in plan.changes if one.key in plan.places],
    }
    return {**values, "hash": _hash(values)}


def _hash(values: Mapping[str, Any]) -> str:
    return fingerprint({name: value for name, value in values.items() if name != "hash"})


def _place(key: Key, place: Place) -> list[Any]:
    return [*key, place.file, dict(place.lines)]


def _change(value: Mapping[str, Any]) -> Change:
    return Change(value["kind"], value["name"], value["before"], value["after"], value["moved_from"])
