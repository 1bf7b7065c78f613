"""`ums people`: what the operator types, and what is said."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import xlsxwriter

from tests.cli.conftest import Terminal

LISTS = """
---
{apiVersion: ums/v1, kind: Blacklist, channel: shop, name: quiet, members: [u2, u1]}
---
{apiVersion: ums/v1, kind: Segment, channel: shop, name: quiet, members: [u1]}
"""
APP = """
---
apiVersion: ums/v1
kind: DeliveryChannel
name: theapp
platform: jpush
credentials: {appKey: a, masterSecret: {env: APP_SECRET}}
"""


@pytest.fixture
def applied(ums: Terminal) -> Terminal:
    ums.channel.write_text(ums.channel.read_text() + APP + LISTS)
    assert ums.run("apply")[0] == 0
    return ums


def test_a_sample_is_written_and_imported_as_it_is(applied: Terminal) -> None:
    assert applied.run("people", "sample", "people.xlsx") == (
        0,
        "wrote people.xlsx; fill it in, then: ums people import people.xlsx\n",
        "",
    )
    assert applied.run("people", "import", "people.xlsx") == (0, "imported 3 of 3 rows\n", "")


def test_wrong_rows_are_said_with_row_and_column(applied: Terminal) -> None:
    Path("people.csv").write_text("userId,bind,sms\nu1,,13800000001\nu2,,12\nu 3,,\n")

    code, said, problems = applied.run("people", "import", "people.csv")

    assert (code, said) == (1, "imported 1 of 3 rows\n")
    assert problems.splitlines()[0] == "row 3, sms: '12': this is no possible phone number"
    assert problems.splitlines()[1].startswith("row 4, userId: found 'u 3'")


def test_all_or_none(applied: Terminal) -> None:
    Path("people.csv").write_text("userId,sms\nu1,13800000001\nu2,12\n")

    code, said, problems = applied.run("people", "import", "people.csv", "--atomic")

    assert (code, said) == (1, "imported 0 of 2 rows\n")
    assert problems.endswith("nothing was imported: with --atomic every row must be good\n")


def test_as_a_channel_only_what_it_may(applied: Terminal) -> None:
    Path("people.csv").write_text("userId,bind,app,tags\nu1,theapp,rid,\nu2,shop,,vip\n")

    assert applied.run("people", "import", "people.csv", "--channel", "shop") == (
        1,
        "imported 1 of 2 rows\n",
        "row 2, bind: found 'theapp', expected for app one of none\n",
    )
    code, _, problem = applied.run("people", "import", "people.csv", "--channel", "shp")
    assert (code, "found 'shp', expected one of shop" in problem) == (1, True)


def test_a_file_that_cannot_be_read_is_one_line(applied: Terminal) -> None:
    with xlsxwriter.Workbook("people.xlsx") as book:
        book.add_worksheet().write("A1", "who")

    code, said, problem = applied.run("people", "import", "people.xlsx")

    assert (code, said) == (1, "")
    assert problem.startswith("people.xlsx: row 1: found the column 'who', expected some of userId, bind, tags, app")


def test_everybody_and_the_members_of_a_list_are_exported(applied: Terminal) -> None:
    Path("people.csv").write_text("userId,sms\nu1,13800000001\n")
    applied.run("people", "import", "people.csv")

    assert applied.run("people", "export", "all.csv") == (0, "wrote 1 rows to all.csv\n", "")
    assert applied.run("people", "export", "quiet.csv", "--list", "shop/quiet", "--kind", "blacklist") == (
        0,
        "wrote 2 rows to quiet.csv\n",
        "",
    )

    assert Path("all.csv").read_text("utf-8-sig").splitlines()[1].startswith("u1,all,,,,,'+8613800000001")
    assert Path("quiet.csv").read_text("utf-8-sig").split() == ["userId", "u1", "u2"]


def test_a_list_that_is_unknown_or_one_of_two_is_said(applied: Terminal) -> None:
    unknown = applied.run("people", "export", "it.csv", "--list", "shop/loud")
    two = applied.run("people", "export", "it.csv", "--list", "shop/quiet")

    assert (unknown[0], "found 'shop/loud', expected one of shop/quiet" in unknown[2]) == (1, True)
    assert (two[0], "shop/quiet is a Blacklist and a Segment; say which by --kind" in two[2]) == (1, True)


def test_before_the_first_apply_it_is_said_what_to_do(ums: Terminal) -> None:
    Path("people.csv").write_text("userId\nu1\n")

    assert ums.run("people", "sample", "sample.csv")[0] == 0
    code, _, problem = ums.run("people", "import", "people.csv")

    assert (code, problem) == (
        1,
        "the database has not the tables of this version of UMS; run: ums db upgrade\n",
    )


@pytest.fixture
def own_log() -> Iterator[None]:
    """What a command says about the log is forgotten after the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("own_log")
def test_somebody_is_forgotten_and_documents_that_still_name_him_are_said(applied: Terminal) -> None:
    Path("people.csv").write_text("userId,sms\nu1,13800000001\n")
    applied.run("people", "import", "people.csv")

    code, said, errors = applied.run("people", "forget", "u1", "--yes")

    assert (code, said) == (0, "forgotten: 1 addresses, and as recipient of 0 messages\n")
    logged, *documents = errors.splitlines()
    assert json.loads(logged)["event"] == "person_forgotten"
    assert "u1" not in logged
    assert documents == [
        "still named in Blacklist/shop/quiet: take it out there, and apply",
        "still named in Segment/shop/quiet: take it out there, and apply",
    ]
    assert applied.run("people", "forget", "u7", "--yes")[1] == (
        "nobody is called u7, and no message was for one of that name\n"
    )


def test_nobody_is_forgotten_unasked(applied: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert applied.run("people", "forget", "u1")[0] == 130
