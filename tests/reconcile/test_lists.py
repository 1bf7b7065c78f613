"""Lists in files beside their document, and what is wrong in them, by file and row."""

import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ums.people.users import check_user_id
from ums.reconcile import lists
from ums.reconcile.lists import MEMBERS, WORDS, Columns, read


def entries(file: Path, columns: Columns = MEMBERS) -> list[Any]:
    found, problems = read(file, file.name, columns)
    assert problems == []
    return found


def problems(file: Path, columns: Columns = MEMBERS) -> list[str]:
    return list(map(str, read(file, file.name, columns)[1]))


def text(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def workbook(folder: Path, rows: Sequence[Sequence[Any]], name: str = "it.xlsx") -> Path:
    with xlsxwriter.Workbook(folder / name) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, column, value, book.add_format({"num_format": "yyyy-mm-dd"}))
                else:
                    sheet.write(number, column, value)
    return folder / name


def test_a_text_file_has_an_entry_on_each_line(tmp_path: Path) -> None:
    file = text(tmp_path, "it.txt", "\ufeffu0007\r\n\n  u0042  \n")

    assert entries(file) == ["u0007", "u0042"]


def test_a_csv_file_may_name_its_columns_among_others_and_in_any_order(tmp_path: Path) -> None:
    file = text(tmp_path, "it.csv", 'Since,Enabled,Word\n2020,off,"lottery, free"\n2021,,casino\n')

    expected = [{"word": "lottery, free", "enabled": False}, {"word": "casino", "enabled": True}]
    assert expected == entries(file, WORDS)


def test_a_csv_file_without_names_has_the_columns_in_order(tmp_path: Path) -> None:
    assert entries(text(tmp_path, "it.csv", "lottery,0\n"), WORDS) == [{"word": "lottery", "enabled": False}]


def test_numbers_in_a_workbook_are_read_as_their_author_sees_them(tmp_path: Path) -> None:
    file = workbook(tmp_path, [["userId", "note"], [13800000000, "x"], ["0049"], [1.5], [True]])

    assert entries(file) == ["13800000000", "0049", "1.5", "true"]


def test_a_formula_counts_as_the_value_that_was_saved_with_it(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "it.xlsx") as book:
        book.add_worksheet().write_formula("A1", '="u"&1', value="u1")

    assert entries(tmp_path / "it.xlsx") == ["u1"]


def test_every_wrong_row_is_named(tmp_path: Path) -> None:
    file = text(tmp_path, "it.csv", f"userId\nu1\nu 2\n\n{'x' * 65}\n")

    assert problems(file) == [
        "it.csv:3:1 found 'u 2', expected a user id: letters, digits and any of _ @ ! # $ & * + = . | ￥ -",
        "it.csv:5:1 found 65 characters, expected at most 64",
    ]


def test_wrong_words_are_named(tmp_path: Path) -> None:
    file = workbook(tmp_path, [["word", "enabled"], ["lottery", "maybe"], ["", True], ["x" * 101, "on"]])

    assert problems(file, WORDS) == [
        "it.xlsx:2:1 found 'maybe', expected true or false",
        "it.xlsx:3:1 found no word",
        "it.xlsx:4:1 found 101 characters, expected at most 100",
    ]


def test_of_many_wrong_rows_the_first_twenty_are_named(tmp_path: Path) -> None:
    found = problems(text(tmp_path, "it.txt", "a b\n" * 100))

    assert len(found) == 21
    assert found[-1] == "it.txt:21:1 and 80 more rows are wrong"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("it.txt", b"u1\nu\xff\n", "it.txt:2:1 found bytes that are not UTF-8; save it as UTF-8"),
        ("it.csv", b'u1\n"u2\n', "it.csv:2:1 not CSV: unexpected end of data"),
        ("it.csv", b"u1,x\n", "it.csv:1:1 found 2 columns, expected userId; or name the columns in the first row"),
        ("it.csv", b"userId,USERID\nu1,u2\n", "it.csv:1:1 found two columns 'userid', expected one"),
        ("it.xlsx", b"u1\nu2\n", "it.xlsx:1:1 not an Excel workbook: File is not a zip file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    assert problems(text(tmp_path, name, content)) == [expected]


def test_a_zip_file_that_is_no_workbook_is_a_problem(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "it.xlsx", "w") as archive:
        archive.writestr("readme.txt", "hello")

    assert problems(tmp_path / "it.xlsx")[0].startswith("it.xlsx:1:1 not an Excel workbook: ")


def test_a_date_and_a_number_that_excel_has_rounded_are_problems(tmp_path: Path) -> None:
    dated = workbook(tmp_path, [["u1"], [date(2026, 11, 23)]], "dated.xlsx")
    rounded = workbook(tmp_path, [[1234567890123456789]], "rounded.xlsx")

    assert problems(dated) == ["dated.xlsx:2:1 found a date or time, expected text; format the cell as text"]
    assert problems(rounded) == [
        "rounded.xlsx:1:1 found the number 1234567890123457024, which Excel has rounded; format the cell as text"
    ]


def test_a_workbook_that_unpacks_to_far_more_is_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "it.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (lists.ACCEPTED.unpacked + 1))

    assert (tmp_path / "it.xlsx").stat().st_size < 1_000_000
    assert problems(tmp_path / "it.xlsx") == [
        "it.xlsx:1:1 unpacks to 200000001 bytes, at most 200000000 are read; save it as .csv"
    ]


def test_a_cell_far_away_is_refused_before_all_cells_up_to_it_are_made(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "it.xlsx") as book:
        book.add_worksheet().write("XFD1048576", "u1")

    assert problems(tmp_path / "it.xlsx") == [
        "it.xlsx:1:1 found something in cell XFD1048576; leave the columns behind Z empty"
    ]


def test_50000_rows_are_read_and_one_more_is_refused(tmp_path: Path) -> None:
    most = "".join(f"u{number}\n" for number in range(lists.MAX_ROWS))

    assert len(entries(text(tmp_path, "most.txt", most))) == lists.MAX_ROWS
    assert problems(text(tmp_path, "more.txt", most + "x\n")) == [
        "more.txt:50001:1 found more than 50000 rows; leave so long a list to the API"
    ]


def test_a_file_of_more_than_30_megabytes_is_refused(tmp_path: Path) -> None:
    file = text(tmp_path, "it.txt", b"x" * (lists.MAX_BYTES + 1))

    assert problems(file) == [
        "it.txt:1:1 found 30000001 bytes, expected at most 30000000; leave so long a list to the API"
    ]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A workbook of fifty rows."""
    return workbook(tmp_path_factory.mktemp("sound"), [[f"u{n}", n] for n in range(50)]).read_bytes()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_workbook_gives_entries_or_problems_and_never_an_exception(
    tmp_path: Path, sound: bytes, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(sound)
    for at, byte in damage:
        content[at % len(content)] = byte

    found, wrong = read(text(tmp_path, "it.xlsx", bytes(content)), "it.xlsx", Columns(("a", "b"), MEMBERS.entry))

    assert found or wrong


@pytest.mark.parametrize(
    "user_id", ["u1", "a@b.c", "x-y", "$&*", "￥", "a b", "", "ä", "x" * 64, "x" * 65, "a\n", "a/b"]
)
def test_documents_files_and_uploads_agree_on_what_a_user_id_is(tmp_path: Path, user_id: str) -> None:
    _, wrong = MEMBERS.entry([user_id])

    assert bool(wrong) == bool(check_user_id(user_id, "userId"))
