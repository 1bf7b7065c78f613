"""What every row of the table of kinds has to keep."""

import pytest

from ums.reconcile.kinds import BY_NAME, KINDS, ORDER, Kind
from ums.schemas import schemas


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_refers_only_to_kinds_above_it(kind: Kind) -> None:
    others = [reference for reference in kind.references if not reference.own]

    assert all(ORDER[reference.kind] < ORDER[kind.name] for reference in others)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_schema_of_a_kind_describes_that_kind_and_every_property_that_its_row_names(kind: Kind) -> None:
    schema = schemas()[kind.schema]
    named = {*kind.unique, *kind.generated, *(name for pair in kind.fallbacks for name in pair)}
    named |= {name for part in kind.parts for name in (part.property, part.by)}
    named |= {str(reference.path[0]) for reference in kind.references}

    assert schema["properties"]["kind"]["const"] == kind.name
    assert named <= schema["properties"].keys()
    assert ("channel" in schema["required"]) == kind.owned


def test_an_identity_is_the_name_or_channel_and_name() -> None:
    assert BY_NAME["Channel"].identity({"name": "shop"}) == "shop"
    assert BY_NAME["Template"].identity({"channel": "shop", "name": "hello"}) == "shop/hello"
