"""The documents that `ums export` writes."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reconcile.test_apply import letters
from tests.reconcile.test_plan import EVERYTHING, desired
from ums.documents import read
from ums.reconcile import checked
from ums.reconcile.export import FolderInUse, as_yaml, export, written
from ums.reconcile.kinds import BY_NAME, Body, Key

SEGMENT = """
apiVersion: ums/v1
kind: Segment
channel: shop
name: all
membership: file
members: [ann]
"""


def test_what_is_exported_is_what_was_declared(tmp_path: Path) -> None:
    bodies = desired(*EVERYTHING)

    files, left = export(bodies, tmp_path / "out")

    assert [str(file.relative_to(tmp_path / "out")) for file in files] == [
        "channel/shop.yaml",
        "delivery-channel/app.yaml",
        "delivery-channel/mail.yaml",
        "send-policy/shop/app-then-mail.yaml",
        "template/shop/hello.yaml",
    ]
    assert left == []
    assert checked(tmp_path / "out").bodies == bodies


def test_a_document_reads_as_people_write_it(tmp_path: Path) -> None:
    export(desired(EVERYTHING[4]), tmp_path)

    assert (
        (tmp_path / "send-policy" / "shop" / "app-then-mail.yaml")
        .read_text()
        .startswith("""apiVersion: ums/v1
kind: SendPolicy
channel: shop
name: app-then-mail
title: app-then-mail
""")
    )
    assert "within: 5m\n" in (tmp_path / "send-policy" / "shop" / "app-then-mail.yaml").read_text()


def test_a_long_list_stands_in_a_file_beside_its_document(tmp_path: Path) -> None:
    everything = desired(*EVERYTHING, SEGMENT)
    people = [f"u{number:06}" for number in range(60_000)]
    bodies: dict[Key, Body] = {
        **everything,
        ("Segment", "shop/all"): {**everything["Segment", "shop/all"], "members": people},
    }

    files, _ = export(bodies, tmp_path)

    assert tmp_path / "segment" / "shop" / "all.csv" in files
    assert checked(tmp_path).bodies == bodies


def test_a_kind_that_this_version_does_not_know_is_left_out_and_said(tmp_path: Path) -> None:
    files, left = export({("Telegram", "a"): {"name": "a"}}, tmp_path)

    assert (files, [(one.key, one.reason) for one in left]) == (
        [],
        [(("Telegram", "a"), "this version of UMS does not know the kind")],
    )


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()

    with pytest.raises(FolderInUse):
        export({}, tmp_path)


decimals = st.builds(lambda n, places: n / 10**places, st.integers(-(10**8), 10**8), st.integers(1, 8))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17) + 1, 10**17 - 1)
    | decimals
    | letters
    | st.sampled_from(
        ["no", "1:30", "0755", "2026-01-01", "~", "null", "=", "<<", "1e3", ".5", "0x1f", "- a", "a: b", "#"]
    )
)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=10,
)
"""Everything that a document can say."""


@given(st.dictionaries(letters, plain, max_size=4))
def test_any_value_is_read_as_it_was_written(body: dict[str, Any]) -> None:
    documents, problems = read("it.yaml", as_yaml({"body": body}).encode())

    assert problems == []
    assert [one.body for one in documents] == [{"body": body}]


def test_only_durations_are_written_as_durations() -> None:
    """A template may carry a property of any name: `within` and `deadline` among them."""
    content = {"app": {"platform": "all", "message": {"msg_content": "x", "extras": {"deadline": True, "within": 60}}}}
    template = {"channel": "shop", "name": "a", "content": content}
    policy = {"channel": "shop", "name": "p", "deadline": 7200, "steps": [{"send": ["app"]}]}

    assert written(BY_NAME["Template"], template)["content"] == content
    assert written(BY_NAME["SendPolicy"], policy)["deadline"] == "2h"
