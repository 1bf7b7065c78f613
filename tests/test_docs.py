"""What the documentation says is what the code does."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ums.messaging.calling.callback_door import SIGNATURE, Identity
from ums.providers import providers
from ums.reconcile.kinds import KINDS, Kind
from ums.vocabulary import system_clock

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["configuration", "providers"])
def test_a_page_that_is_written_from_the_code_is_what_the_code_says(page: str) -> None:
    command = [sys.executable, str(DOCS / f"{page}.py")]
    written = subprocess.run(command, check=True, capture_output=True, text=True, cwd=DOCS.parent)

    assert (DOCS / f"{page}.md").read_text() == written.stdout


def test_the_page_on_platforms_has_a_row_in_every_table_for_each() -> None:
    page = (DOCS / "providers.md").read_text()

    assert {name: page.count(f"\n| `{name}` |") for name in providers()} == dict.fromkeys(providers(), 4)
    assert all(provider.limits for provider in providers().values())


def test_the_page_of_all_fields_has_a_section_for_every_kind() -> None:
    page = (DOCS / "configuration.md").read_text()

    assert [f"## {kind.name}\n" in page for kind in KINDS] == [True] * len(KINDS)


def test_the_walk_through_shows_the_row_as_it_is() -> None:
    shown = (DOCS / "adding-a-kind.md").read_text().partition("Kind(\n")[2].partition("```")[0]
    row = (DOCS.parent / "ums" / "reconcile" / "kinds.py").read_text()

    assert [line.strip() for line in shown.splitlines() if line.strip() not in row] == []


def test_the_walk_through_names_every_column_of_the_table() -> None:
    page = (DOCS / "adding-a-kind.md").read_text()

    assert [column.name for column in fields(Kind) if f"`{column.name}`" not in page] == []


def test_the_check_of_a_callbacks_signature_works_as_it_stands() -> None:
    code = (DOCS / "callbacks.md").read_text().partition("```python\n")[2].partition("```")[0]
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102  # our own page
    header = Identity("shop", "secret").signed(b"[]", system_clock())[SIGNATURE]
    late = Identity("shop", "secret").signed(b"[]", system_clock() - 400_000)[SIGNATURE]

    assert found["is_ums"](header, b"[]", "secret")
    assert not found["is_ums"](header, b"[{}]", "secret")
    assert not found["is_ums"](header, b"[]", "other")
    assert not found["is_ums"](late, b"[]", "secret")


def test_the_dashboard_and_the_page_on_operating_name_figures_that_there_are() -> None:
    made = "".join((DOCS.parent / "ums" / "doors" / file).read_text() for file in ("metrics.py", "traffic_metrics.py"))
    known = set(re.findall(r'"(ums_[a-z_]+)"', made))
    known |= {f"ums_targets_{reached}" for reached in ("accepted", "submitted", "delivered", "clicked")}

    shown = (DOCS / "deploy" / "grafana.json").read_text()
    explained = (DOCS / "operating.md").read_text()

    for page in (shown, explained):
        named = {name.removesuffix("_total") for name in re.findall(r"\bums_[a-z_]+", page)}
        assert named <= known
    assert {name for name in known if name not in explained} == {
        "ums_targets_submitted", "ums_targets_delivered", "ums_targets_clicked",
    }  # fmt: skip
    titles = [panel["title"] for panel in json.loads(shown)["panels"]]
    assert len(set(titles)) == len(titles) == 11
