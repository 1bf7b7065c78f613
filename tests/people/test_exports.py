"""People into spreadsheets: an import reads back what an export wrote, and no cell is a formula."""

from pathlib import Path

import pytest

from tests.people.test_imports import imported, sheet, users
from tests.people.test_users import addresses, tags
from tests.shop import Time
from ums import spreadsheets
from ums.database import connection, execute
from ums.people.exports import ExportRefused, export_people, sample
from ums.people.imports import import_people
from ums.people.users import Bindings, Scope, Upload, upsert
from ums.settings import Settings
from ums.vocabulary import ChannelType

SCOPE = Scope(frozenset({"shop"}), frozenset({"app", "oa"}))


async def some_people() -> None:
    everything = Bindings(
        (("all", ["vip", "new"]), ("shop", ["regular"])),
        (
            (ChannelType.APP, "app", ["rid-1", "rid-2"]),
            (ChannelType.SMS, "all", ["13800000001"]),
            (ChannelType.SMS, "shop", ["13800000002"]),
            (ChannelType.EMAIL, "all", ["ann@example.com"]),
            (ChannelType.WECOM, "all", ["=li.si"]),
        ),
    )
    uploads = [
        Upload("ann", set=everything),
        Upload("=1+2"),
        Upload("-x"),
        Upload("@bob", set=Bindings((("all", ["@a"]),))),
    ]
    assert await upsert(uploads, SCOPE, Time()()) == (4, [])


@pytest.mark.parametrize("name", ["people.csv", "people.xlsx"])
async def test_an_import_reads_back_what_an_export_wrote(database: Settings, tmp_path: Path, name: str) -> None:
    await some_people()
    before = await users(), await addresses(), await tags()

    number = await export_people(tmp_path / name)
    await execute(connection(), "DELETE FROM user_account")
    report = await imported(tmp_path / name)

    assert (number, report.problems) == (report.rows, [])
    assert (await users(), await addresses(), await tags()) == before


async def test_no_cell_of_a_csv_file_is_a_formula(sqlite_database: Settings, tmp_path: Path) -> None:
    await some_people()

    await export_people(tmp_path / "people.csv")

    cells = (tmp_path / "people.csv").read_text("utf-8-sig").replace('"', "").replace("\n", ",").split(",")
    assert "'=1+2" in cells
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}]


async def test_many_people_are_written_page_by_page(
    sqlite_database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ums.people.exports.PAGE", 7)
    await imported(sheet(tmp_path, "userId,tags\n" + "".join(f"u{n},vip\n" for n in range(30))))

    assert await export_people(tmp_path / "people.csv") == 30


@pytest.mark.parametrize("name", ["sample.csv", "sample.xlsx"])
async def test_the_sample_can_be_imported(sqlite_database: Settings, tmp_path: Path, name: str) -> None:
    sample(tmp_path / name, {"app": "app"})

    report = await import_people(tmp_path / name, SCOPE, Time())

    assert (report.rows, report.imported) == (3, 3)


async def test_a_file_that_is_there_or_of_another_kind_is_not_written(
    sqlite_database: Settings, tmp_path: Path
) -> None:
    (tmp_path / "there.csv").write_text("mine")

    with pytest.raises(ExportRefused, match="is there already"):
        await export_people(tmp_path / "there.csv")
    with pytest.raises(ExportRefused, match=r"expected a name that ends in \.csv or \.xlsx"):
        await export_people(tmp_path / "people.ods")

    assert (tmp_path / "there.csv").read_text() == "mine"


async def test_of_an_export_that_fails_nothing_is_left(
    sqlite_database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ums.people.exports._EXCEL_ROWS", 2)
    await some_people()

    with pytest.raises(ExportRefused, match="more than the 2 rows"):
        await export_people(tmp_path / "people.xlsx")

    assert not (tmp_path / "people.xlsx").exists()
    assert list(spreadsheets.read(sheet(tmp_path, "userId\n"))) == [(1, ["userId"], 0.0)]
