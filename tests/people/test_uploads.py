"""Spreadsheets that were uploaded: kept, worked off, and gone on with after a kill."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from tests.shop import Time
from ums.database import connection, fetch
from ums.errors import CallerRefused
from ums.models import ImportProblem, UserImport
from ums.people import imports, uploads
from ums.people.imports import Part, parts
from ums.people.uploads import LEASE, accept, keep_importing, work_off
from ums.settings import Settings
from ums.snapshot import Snapshots

GOOD = "userId,sms\n" + "".join(f"u{n},138000000{n:02}\n" for n in range(25))
MIXED = "userId,sms\nann,13800000001\nb b,13800000002\neve,12\nkim,13800000004\n"


@pytest.fixture
def few_rows_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 10)


async def uploaded(text: str, now: int, **options: bool) -> UserImport:
    return await accept("people.csv", BytesIO(text.encode()), "", now, **options)


async def people() -> list[str]:
    return [row["user_id"] for row in await fetch(connection(), "SELECT user_id FROM user_account ORDER BY id")]


async def ended(one: UserImport) -> tuple[str, int, int, int]:
    found = await UserImport.get(id=one.id)
    assert (found.file, found.due_at) == (None, None)
    return found.state, found.rows, found.imported, found.wrong


async def test_good_rows_are_imported_and_wrong_ones_said(database: Settings) -> None:
    time = Time()
    one = await uploaded(MIXED, time())

    assert await work_off(Snapshots(time), time)
    assert not await work_off(Snapshots(time), time)

    assert await ended(one) == ("done", 4, 2, 2)
    assert await people() == ["ann", "kim"]
    assert [(p.row, p.column_name) for p in await ImportProblem.all().order_by("id")] == [(3, "userId"), (4, "sms")]


async def test_all_rows_or_none(database: Settings) -> None:
    time = Time()
    wrong, right = await uploaded(MIXED, time(), atomic=True), await uploaded(GOOD, time(), atomic=True)

    while await work_off(Snapshots(time), time):
        pass

    assert await ended(wrong) == ("refused", 4, 0, 2)
    assert await ended(right) == ("done", 25, 25, 0)
    assert len(await people()) == 25
    assert await ImportProblem.filter(user_import_id=wrong.id).count() == 2


async def test_after_a_kill_another_worker_goes_on_behind_the_last_part(
    database: Settings, few_rows_a_part: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    one = await uploaded(GOOD, time())
    monkeypatch.setattr(uploads, "parts", dying)
    with pytest.raises(Killed):
        await work_off(Snapshots(time), time)
    monkeypatch.undo()
    assert (await UserImport.get(id=one.id)).rows == 10
    assert not await work_off(Snapshots(time), time), "its lease still holds"

    time.passes(LEASE + 1)
    assert await work_off(Snapshots(time), time)

    assert await ended(one) == ("done", 25, 25, 0)
    assert len(await people()) == 25


class Killed(Exception):
    pass


async def dying(*given: object, **options: object) -> AsyncIterator[Part]:
    """The first part, and then the end of the process."""
    async for part in parts(*given, **options):  # type: ignore[arg-type]
        yield part
        raise Killed


async def test_who_lost_the_lease_writes_nothing_more(database: Settings, few_rows_a_part: None) -> None:
    time = Time()
    one = await uploaded(GOOD, time())
    first, second = work_off(Snapshots(time), time), work_off(Snapshots(later := Time(time() + LEASE + 1)), later)

    await asyncio.gather(first, second)
    while await work_off(Snapshots(later), later):
        pass

    assert await ended(one) == ("done", 25, 25, 0)


async def test_a_thousand_problems_are_kept(database: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 500)
    time = Time()
    one = await uploaded("userId,sms\n" + "u 1,1\n" * 2000, time())

    await work_off(Snapshots(time), time)

    assert await ended(one) == ("done", 2000, 0, 2000)
    assert 1000 <= await ImportProblem.all().count() < 2500


async def test_the_channel_that_uploaded_is_gone_and_that_is_said(database: Settings) -> None:
    time = Time()
    one = await accept("people.csv", BytesIO(GOOD.encode()), "gone", time())

    await work_off(Snapshots(time), time)

    assert (await UserImport.get(id=one.id)).failure == "Channel gone is not declared any more"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("people.csv", b"userId\n" + b"u1\n" * 50_001, ("too_many", "found 50001 rows, at most 50000 may be uploaded")),
        ("people.csv", b"x" * 30_000_001, ("too_large", "found 30000001 bytes, at most 30000000 may be uploaded")),
        ("people.csv", b"name\nann\n", ("unreadable_file", "row 1: found the column 'name'")),
        ("people.csv", b"sms\n1\n", ("unreadable_file", "row 1: found no column userId")),
        ("people.csv", b"", ("unreadable_file", "row 1: found nothing; the first row names the columns")),
        ("people.csv", b"userId\n", ("unreadable_file", "row 1: found nobody below the names")),
        ("people.xlsx", b"PK no zip", ("unreadable_file", "row 1: not an Excel workbook")),
        ("people.pdf", b"%PDF", ("unreadable_file", "row 1: found .pdf, expected a .csv or .xlsx file")),
        ("people", b"userId\nann", ("unreadable_file", "row 1: found no suffix, expected a .csv or .xlsx file")),
    ],
)
async def test_what_cannot_be_imported_is_refused_at_once(
    sqlite_database: Settings, name: str, content: bytes, expected: tuple[str, str]
) -> None:
    with pytest.raises(CallerRefused) as refused:
        await accept(name, BytesIO(content), "", 1)

    [problem] = refused.value.problems
    assert (problem.path, problem.code) == ("file", expected[0])
    assert problem.message.startswith(expected[1])
    assert await UserImport.all().count() == 0


async def test_a_worker_imports_until_it_is_stopped_and_forgets_after_a_week(sqlite_database: Settings) -> None:
    time, stopping = Time(), asyncio.Event()
    one = await uploaded(GOOD, time())
    working = asyncio.create_task(keep_importing(Snapshots(time), time, stopping, every=0.01))
    while not (await UserImport.get(id=one.id)).ended_at:
        await asyncio.sleep(0.01)
    assert len(await people()) == 25

    time.passes(uploads.KEPT + 1)
    while await UserImport.all().count():
        await asyncio.sleep(0.01)
    stopping.set()
    await working
