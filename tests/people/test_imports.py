"""People out of spreadsheets: what is written, and what is wrong with the rest, by row and column."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.people.test_users import addresses, tags
from tests.shop import Time
from ums.database import connection, fetch
from ums.people.imports import ImportRefused, Report, import_people
from ums.people.users import Scope
from ums.settings import Settings

SCOPE = Scope(frozenset({"shop"}), frozenset({"app", "oa"}))


def sheet(folder: Path, content: str | bytes | Sequence[Sequence[Any]], name: str = "it.csv") -> Path:
    """A .csv file with this text, or a workbook with these rows."""
    file = folder / name
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, bytes):
        file.write_bytes(content)
        return file
    file = file.with_suffix(".xlsx")
    with xlsxwriter.Workbook(file) as book:
        for number, row in enumerate(content):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    form = book.add_format({"num_format": "yyyy-mm-dd"})
                    (book.get_worksheet_by_name("Sheet1") or book.add_worksheet()).write_datetime(
                        number, column, value, form
                    )
                else:
                    (book.get_worksheet_by_name("Sheet1") or book.add_worksheet()).write(number, column, value)
    return file


async def imported(file: Path, *, atomic: bool = False) -> Report:
    return await import_people(file, SCOPE, Time(), atomic=atomic)


async def users() -> list[str]:
    return [row["user_id"] for row in await fetch(connection(), "SELECT user_id FROM user_account ORDER BY user_id")]


async def test_every_column_is_written_to_its_bind(database: Settings, tmp_path: Path) -> None:
    file = sheet(
        tmp_path,
        "userId,bind,tags,sms,email,app,wechatOa,dingtalk,wecom\n"
        'ann,,"vip, new",13800000001,Ann@Example.com,,,staff-1,li.si\n'
        "ann,shop,regular,13800000002,,,,,\n"
        "ann,app,,,,rid-1,,,\n"
        "ann,app,,,,rid-2,,,\n"
        "ann,oa,,,,,openid-1,,\n"
        "bob,,,,,,,,\n",
    )

    report = await imported(file)

    assert (report.rows, report.imported, report.problems) == (6, 6, [])
    assert await users() == ["ann", "bob"]
    assert await tags() == [("ann", "all", "new"), ("ann", "all", "vip"), ("ann", "shop", "regular")]
    assert await addresses() == [
        ("ann", "app", "app", "rid-1"),
        ("ann", "app", "app", "rid-2"),
        ("ann", "dingtalk", "all", "staff-1"),
        ("ann", "email", "all", "Ann@example.com"),
        ("ann", "sms", "all", "+8613800000001"),
        ("ann", "sms", "shop", "+8613800000002"),
        ("ann", "wechatOa", "oa", "openid-1"),
        ("ann", "wecom", "all", "li.si"),
    ]


async def test_a_second_import_replaces_single_addresses_and_adds_devices_and_tags(
    database: Settings, tmp_path: Path
) -> None:
    await imported(
        sheet(tmp_path, "userId,bind,tags,sms,app\nann,,a,13800000001,\nann,app,,,rid-1\nbob,,,13800000009,\n")
    )
    await imported(sheet(tmp_path, "userId,bind,tags,sms,app\nann,,b,13800000002,\nann,app,,,rid-2\nann,app,,,rid-1\n"))

    assert await tags() == [("ann", "all", "a"), ("ann", "all", "b")]
    assert await addresses() == [
        ("ann", "app", "app", "rid-1"),
        ("ann", "app", "app", "rid-2"),
        ("ann", "sms", "all", "+8613800000002"),
        ("bob", "sms", "all", "+8613800000009"),
    ]


async def test_the_columns_of_the_reference_products_import_are_known(database: Settings, tmp_path: Path) -> None:
    file = sheet(
        tmp_path,
        "UserID,bind_id,phone,tag,app_regid,wechatoa_openid,dingtalk_userid,wechatwk_userid\n"
        "ann,all,13800000001,vip,,,,\nann,app,,,rid,,,\n",
    )

    assert (await imported(file)).problems == []
    assert await addresses() == [("ann", "app", "app", "rid"), ("ann", "sms", "all", "+8613800000001")]


async def test_a_workbook_is_read_as_its_author_sees_it(database: Settings, tmp_path: Path) -> None:
    file = sheet(tmp_path, [["userId", "sms"], [1001, 13800000001.0], ["u-2", "13800000002"]])

    assert (await imported(file)).problems == []
    assert await addresses() == [("1001", "sms", "all", "+8613800000001"), ("u-2", "sms", "all", "+8613800000002")]


async def test_good_rows_are_imported_and_wrong_ones_are_named(database: Settings, tmp_path: Path) -> None:
    file = sheet(tmp_path, "userId,sms,email\nann,13800000001,\n\nbob,12,bob@\neve,,eve@example.com\n")

    report = await imported(file)

    assert (report.rows, report.imported, report.wrong, report.refused) == (3, 2, 1, False)
    assert [(problem.row, problem.column) for problem in report.problems] == [(4, "sms"), (4, "email")]
    assert await users() == ["ann", "eve"]


async def test_all_or_none(database: Settings, tmp_path: Path) -> None:
    file = sheet(tmp_path, "userId,sms\n" + "".join(f"u{n},13800000001\n" for n in range(12_000)) + "bob,12\n")

    report = await imported(file, atomic=True)

    assert (report.rows, report.imported, report.wrong, report.refused) == (12_001, 0, 1, True)
    assert await users() == []
    assert (await imported(sheet(tmp_path, "userId\nann\n"), atomic=True)).imported == 1


async def test_many_rows_go_in_chunks_and_who_is_in_two_of_them_is_one_person(
    database: Settings, tmp_path: Path
) -> None:
    rows = [f"u{n % 15_000},1380000{n:04d}\n" for n in range(9_999)] + [f"u{n},13900000000\n" for n in range(15_000)]

    report = await imported(sheet(tmp_path, "userId,sms\n" + "".join(rows)))

    assert (report.rows, report.imported) == (24_999, 24_999)
    found = await fetch(connection(), "SELECT count(*) AS n, count(DISTINCT value) AS v FROM address")
    assert (len(await users()), found) == (15_000, [{"n": 15_000, "v": 1}])


HEAD = "userId,bind,sms,email,tags,app\n"

BROKEN: list[tuple[str, Any, str]] = [
    ("a wrong user id", f"{HEAD}a b,,,,,", "row 2, userId: found 'a b', expected 1 to 64 letters"),
    ("no user id", f"{HEAD},,13800000001,,,", "row 2, userId: found '', expected 1 to 64 letters"),
    ("a phone that is none", f"{HEAD}ann,,12,,,", "row 2, sms: '12': this is no possible phone number"),
    ("words for a phone", f"{HEAD}ann,,call me,,,", "row 2, sms: 'call me': "),
    ("a rounded phone", f"{HEAD}ann,,1.38E+10,,,", "row 2, sms: found 1.38E+10, a number that was rounded"),
    ("a rounded user id", f"{HEAD}1.2E+15,,,,,", "row 2, userId: found 1.2E+15, a number that was rounded"),
    ("an address that is none", f"{HEAD}ann,,,ann@,,", "row 2, email: 'ann@': "),
    ("an address without a domain", f"{HEAD}ann,,,ann@x,,", "row 2, email: 'ann@x': "),
    ("a tag that is none", f"{HEAD}ann,,,,a/b,", "row 2, tags: found 'a/b', expected letters"),
    ("a tag that is too long", f"{HEAD}ann,,,,{'标' * 14},", "row 2, tags: found '标"),
    ("a formula", f"{HEAD}ann,,=1+2,,,", "row 2, sms: found the formula '=1+2', expected its value"),
    ("a formula as user id", f"{HEAD}=A1,,,,,", "row 2, userId: found the formula '=A1'"),
    ("an error of a formula", f"{HEAD}ann,app,,,,#N/A", "row 2, app: found #N/A: a formula there has gone wrong"),
    ("an app bound to all", f"{HEAD}ann,all,,,,rid", "row 2, bind: found 'all', expected for app one of app, oa"),
    (
        "a phone bound to a code",
        f"{HEAD}ann,app,13800000001,,,",
        "row 2, bind: found 'app', expected for sms one of all",
    ),
    ("a tag of somebody else", f"{HEAD}ann,ops,,,vip,", "row 2, bind: found 'ops', expected for tags one of all, shop"),
    ("too many cells", f"{HEAD}ann,,,,,,more", "row 2: found 7 cells, expected at most 6"),
    ("a control character", f"{HEAD}ann,app,,,,r\x07id", "row 2, app: found a space or a control character"),
    ("a date", [["userId", "sms"], ["ann", date(2026, 1, 1)]], "row 2, sms: found a date or time, expected text"),
    ("a switch", [["userId", "sms"], ["ann", True]], "row 2, sms: found a yes or no, expected text"),
    ("a rounded number", [["userId"], [1234567890123456789]], "row 2, userId: found the number 1234567890123457024"),
]

UNREADABLE: list[tuple[str, str, Any, str]] = [
    ("nothing", "it.csv", "", "row 1: found nothing; the first row names the columns"),
    ("a header alone", "it.csv", "userId,sms\n", "row 1: found nobody below the names of the columns"),
    ("no header", "it.csv", "ann,13800000001\n", "row 1: found the column 'ann', expected some of userId"),
    ("no column of user ids", "it.csv", "sms\n13800000001\n", "row 1: found no column userId"),
    ("a column misspelt", "it.csv", "userId,fone\nann,1\n", "row 1: found the column 'fone', expected some of userId"),
    ("two columns of phones", "it.csv", "userId,phone,sms\nann,1,2\n", "row 1: found two columns sms, expected one"),
    ("not UTF-8", "it.csv", b"userId\nann\n\xc0\xce\n", "row 3: found bytes that are not UTF-8"),
    ("zero bytes", "it.csv", b"userId\nann\0\n", "row 2: found a zero byte; that is no text"),
    ("an open quote", "it.csv", 'userId\n"ann\n', "row 2: not CSV: unexpected end of data"),
    ("an endless cell", "it.csv", "userId\n" + "x" * 50_000, "row 2: not CSV: field larger than field limit"),
    ("another kind of file", "it.ods", "userId\n", "row 1: found .ods, expected a .csv or .xlsx file"),
    ("text called a workbook", "it.xlsx", "userId\nann\n", "row 1: not an Excel workbook: "),
    (
        "a workbook called text",
        "it.csv",
        b"PK\x03\x04\x14\x00\x06\x00",
        "row 1: found a zero byte; that is no text",
    ),
    ("an empty workbook", "it.xlsx", [], "row 1: found nothing; the first row names the columns"),
    ("a missing file", "", None, "row 1: cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(("content", "expected"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_a_wrong_row_is_said_and_nothing_of_it_is_written(
    sqlite_database: Settings, tmp_path: Path, content: Any, expected: str
) -> None:
    report = await imported(sheet(tmp_path, content))

    (problem,) = report.problems
    assert str(problem).startswith(expected)
    assert (report.imported, report.wrong, await users()) == (0, 1, [])


@pytest.mark.parametrize(
    ("name", "content", "expected"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE]
)
async def test_a_file_that_cannot_be_read_is_refused(
    sqlite_database: Settings, tmp_path: Path, name: str, content: Any, expected: str
) -> None:
    file = sheet(tmp_path, content, name) if name else tmp_path / "missing.csv"

    with pytest.raises(ImportRefused) as refused:
        await imported(file, atomic=True)

    assert str(refused.value).startswith(f"{file.name}: {expected}")
    assert await users() == []


async def test_what_stood_before_an_unreadable_row_stays_and_that_is_said(
    sqlite_database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ums.people.imports.CHUNK", 2)
    file = sheet(tmp_path, b"userId\nu1\nu2\nu3\nu\xff\n")

    with pytest.raises(ImportRefused, match="2 rows before it were imported"):
        await imported(file)

    assert await users() == ["u1", "u2"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('userId;sms\nann;="13800000001"\n', "+8613800000001"),
        ("userId\tsms\nann\t13800000001.0\n", "+8613800000001"),
        ("\ufeffuserId,sms\r\nann,'+8613800000001\r\n", "+8613800000001"),
        ("userId,sms\nann,+86 138-0000-0001\n", "+8613800000001"),
        ("userId,sms\nann,+4930123456\n", "+4930123456"),
    ],
)
async def test_what_spreadsheet_programs_do_to_phone_numbers_is_undone(
    sqlite_database: Settings, tmp_path: Path, content: str, expected: str
) -> None:
    assert (await imported(sheet(tmp_path, content))).problems == []
    assert await addresses() == [("ann", "sms", "all", expected)]
