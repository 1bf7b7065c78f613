"""People into a spreadsheet: a sample to fill in, everybody, or a list; what `ums people import` reads back."""

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import xlsxwriter

from ums.database import connection, fetch, fetch_tuples, rows
from ums.errors import UmsError
from ums.people import lists
from ums.people.columns import BIND, NAMES, SAMPLE, TAGS, USER_ID, Progress
from ums.snapshot import Snapshot, channel_type
from ums.spreadsheets import escaped
from ums.vocabulary import ChannelType

PAGE = 10_000
"""People read at a time."""

_EXCEL_ROWS = 1_048_575

Write = Callable[[Sequence[str]], object]


class ExportRefused(UmsError):
    """The caller must act: such a file cannot be written."""


def codes(snapshot: Snapshot) -> dict[str, str]:
    """A DeliveryChannel of each type, where one is declared."""
    return {channel_type(body).value: code for code, body in snapshot.all("DeliveryChannel").items()}


def sample(file: Path, known: Mapping[str, str]) -> None:
    """A sheet with all columns and a few rows; the app's is bound to the DeliveryChannel that `known` names."""
    with _sheet(file) as write:
        write(NAMES)
        for row in SAMPLE:
            filled = {name: cell.format(code=known.get("app", "shopapp1")) for name, cell in row.items()}
            write([filled.get(name, "") for name in NAMES])


async def export_people(
    file: Path, progress: Progress = lambda _done, _rows: None, *, binds: Sequence[str] | None = None
) -> int:
    """Everybody, with what is bound to `binds` (None: everything); how many rows. Raises ExportRefused.

    Who is changed meanwhile is there as before or as after.
    """
    number = done = 0
    with _sheet(file) as write:
        write(NAMES)
        total = (await fetch(connection(), "SELECT count(*) AS number FROM user_account"))[0]["number"]
        async for page in _pages():
            found = await _rows(page, binds)
            for row in found:
                write(row)
            number, done = number + len(found), done + len(page)
            progress(min(done / max(total, 1), 1.0), number)
    return number


async def export_list(file: Path, key: lists.Key) -> int:
    """The members of a list; how many."""
    with _sheet(file) as write:
        write([USER_ID])
        number = (await lists.numbers(connection(), [key])).get(key)
        found = await fetch(connection(), _MEMBERS, number) if number is not None else []
        for row in found:
            write([row["user_id"]])
    return len(found)


async def _pages() -> AsyncIterator[Mapping[int, str]]:
    """Ids and userIds of the next people."""
    last = 0
    while found := await fetch(connection(), _PEOPLE, last, PAGE):
        yield {row["id"]: row["user_id"] for row in found}
        last = found[-1]["id"]


async def _rows(page: Mapping[int, str], binds: Sequence[str] | None) -> list[list[str]]:
    """A row for each person and bind, more where somebody has several devices."""
    given = rows([n] for n in page)
    narrow, values = ("", []) if binds is None else (_VISIBLE, [rows([bind] for bind in binds)])
    cells: dict[tuple[int, str], dict[str, list[str]]] = {(n, "all"): {} for n in page}
    for user, bind, tag in await fetch_tuples(connection(), _TAGS + narrow, given, *values):
        cells.setdefault((user, bind), {}).setdefault(TAGS, []).append(tag)
    for user, kind, bind, value in await fetch_tuples(connection(), _ADDRESSES + narrow, given, *values):
        cells.setdefault((user, bind), {}).setdefault(kind, []).append(value)
    return [row for (user, bind), found in sorted(cells.items()) for row in _lines(page[user], bind, found)]


def _lines(user_id: str, bind: str, found: Mapping[str, list[str]]) -> Iterator[list[str]]:
    tags = ",".join(sorted(found.get(TAGS, ())))
    values = {kind.value: sorted(found.get(kind.value, ())) for kind in ChannelType}
    for n in range(max(1, *(len(each) for each in values.values()))):
        line = {USER_ID: user_id, BIND: bind, TAGS: "" if n else tags}
        line |= {kind: each[n] for kind, each in values.items() if n < len(each)}
        yield [line.get(name, "") for name in NAMES]


@contextmanager
def _sheet(file: Path) -> Iterator[Write]:
    """Writes rows of text, none of which a spreadsheet program takes for a formula."""
    if file.suffix.lower() not in {".csv", ".xlsx"}:
        raise ExportRefused(f"found {file.name}, expected a name that ends in .csv or .xlsx")
    if file.exists():
        raise ExportRefused(f"{file} is there already; give another name, or remove it")
    try:
        if file.suffix.lower() == ".csv":
            with file.open("x", encoding="utf-8-sig", newline="") as out:
                plain = csv.writer(out)
                yield lambda row: plain.writerow([escaped(cell) for cell in row])
        else:
            with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
                yield _worksheet(workbook)
    except BaseException:
        file.unlink(missing_ok=True)  # half of them would be taken for all
        raise


def _worksheet(workbook: xlsxwriter.Workbook) -> Write:
    sheet, places = workbook.add_worksheet(), iter(range(_EXCEL_ROWS + 1))

    def write(row: Iterable[str]) -> None:
        place = next(places, None)
        if place is None:
            raise ExportRefused(f"these are more than the {_EXCEL_ROWS} rows of an Excel sheet; write a .csv file")
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(place, column, cell)

    return write


_PEOPLE = "SELECT id, user_id FROM user_account WHERE id > $1 ORDER BY id LIMIT $2"

_VISIBLE = " WHERE x.bind IN (SELECT bind FROM ROWS($2: bind text) AS visible)"

_TAGS = "SELECT TUPLES(x.user_id, x.bind, x.tag) FROM ROWS($1: id bigint) AS given JOIN tag x ON x.user_id = given.id"

_ADDRESSES = """
SELECT TUPLES(x.user_id, x.type, x.bind, x.value)
FROM ROWS($1: id bigint) AS given JOIN address x ON x.user_id = given.id"""

_MEMBERS = "SELECT user_id FROM list_member WHERE list_id = $1 ORDER BY user_id"
