"""Workbooks that are damaged, or made to harm."""

import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.people.test_imports import sheet
from ums import spreadsheets
from ums.spreadsheets import Unreadable


def refusal(file: Path) -> str:
    with pytest.raises(Unreadable) as refused:
        list(spreadsheets.read(file))
    return str(refused.value)


def archive(folder: Path, sheet: bytes) -> Path:
    with zipfile.ZipFile(folder / "it.xlsx", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/worksheets/sheet1.xml", sheet)
    return folder / "it.xlsx"


def test_a_workbook_that_unpacks_to_gigabytes_is_not_opened(tmp_path: Path) -> None:
    file = archive(tmp_path, b" " * 1_000_001)

    with pytest.raises(spreadsheets.Unreadable) as refused:
        list(spreadsheets.read(file, spreadsheets.Accepted(unpacked=1_000_000)))

    assert str(refused.value) == "row 1: unpacks to 1000001 bytes, at most 1000000 are read; save it as .csv"


def test_lonely_cells_far_away_are_refused_before_all_up_to_them_are_made(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "wide.xlsx") as book:
        book.add_worksheet().write("XFD7", "x")
    with xlsxwriter.Workbook(tmp_path / "long.xlsx") as book:
        book.add_worksheet().write("A1048576", "x")

    assert refusal(tmp_path / "wide.xlsx") == "row 1: found something in cell XFD7; leave the columns behind Z empty"
    assert refusal(tmp_path / "long.xlsx") == "row 1048576: stands far below all others; leave no such gap"


def test_errors_of_formulas_are_not_taken_for_empty_cells(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "it.xlsx") as book:
        page = book.add_worksheet()
        page.write("A3", "userId")
        page.write_formula("B4", "=1/0", value="#DIV/0!")

    assert refusal(tmp_path / "it.xlsx") == "row 4: a formula in column B has gone wrong; mend it"


def test_rows_are_counted_as_the_program_shows_them(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "it.xlsx") as book:
        page = book.add_worksheet()
        page.write("B3", "userId")
        page.write_formula("B5", '="u"&1', value="u1")

    assert [row[:2] for row in spreadsheets.read(tmp_path / "it.xlsx")] == [(3, ["userId"]), (5, ["u1"])]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("sound")
    return sheet(folder, [["userId", "sms"], *([f"u{n}", 13800000000 + n] for n in range(50))]).read_bytes()


@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_workbook_gives_rows_or_is_refused(
    tmp_path: Path, sound: bytes, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(sound)
    for at, byte in damage:
        content[at % len(content)] = byte
    file = sheet(tmp_path, bytes(content), "it.xlsx")

    try:
        found = list(spreadsheets.read(file))
    except Unreadable:
        return
    assert len(found) <= 51
