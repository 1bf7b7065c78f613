"""Long lists that stand in a file beside their document: .txt, .csv or .xlsx, with what is wrong in them row by row."""

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from ums.errors import Problem
from ums.schemas import schemas

MAX_BYTES = 30_000_000
MAX_UNPACKED = 200_000_000
"""Of an .xlsx: a few kilobytes can unpack to gigabytes."""
MAX_ROWS = 50_000
_MOST_PROBLEMS = 20
"""Of one file; who sees twenty has got the idea."""

Row = tuple[int, Sequence[str]]
"""Its number, from 1, and its cells."""
Entry = Callable[[Sequence[str]], tuple[Any, str]]
"""What the cells of a row stand for, and what is wrong with them, if anything."""


@dataclass(frozen=True)
class Columns:
    """What the rows of a file hold. A first row that names them may bring them in another order, among others."""

    names: tuple[str, ...]
    """The first one must be there."""
    entry: Entry


class _Unreadable(Exception):
    """The author of the file must act; with the row, and what is wrong."""


def read(file: Path, name: str, columns: Columns) -> tuple[list[Any], list[Problem]]:
    """The entries of `file`, and what is wrong with it; `name` is how people call it."""
    entries, problems = [], list[Problem]()
    try:
        for number, cells in _chosen(_rows(file), columns):
            entry, wrong = columns.entry(cells)
            entries.append(entry)
            if wrong:
                problems.append(Problem(name, number, 1, code="list_row", message=wrong))
    except OSError as error:
        problems.append(Problem(name, 1, 1, code="list_file", message=f"cannot be read: {error.strerror}"))
    except _Unreadable as error:
        row, message = error.args
        problems.append(Problem(name, row, 1, code="list_file", message=message))
    if len(problems) > _MOST_PROBLEMS:
        rest = f"and {len(problems) - _MOST_PROBLEMS} more rows are wrong"
        last = problems[_MOST_PROBLEMS].line
        problems[_MOST_PROBLEMS:] = [Problem(name, last, 1, code="list_row", message=rest)]
    return entries, problems


def is_name(value: Any) -> bool:
    """Whether a document may call a file this."""
    return isinstance(value, str) and bool(_rule("listFile")[0].match(value))


def _chosen(rows: Iterator[Row], columns: Columns) -> Iterator[Row]:
    """The cells of the columns alone, of each row that holds anything."""
    places: Sequence[int] | None = None
    known = [name.lower() for name in columns.names]
    filled = ((number, cells) for number, cells in rows if any(cells))
    for count, (number, cells) in enumerate(filled):
        words = [cell.lower() for cell in cells]
        if count == 0 and known[0] in words:
            if twice := next((word for word in known if words.count(word) > 1), ""):
                raise _Unreadable(number, f"found two columns {twice!r}, expected one")
            places = [words.index(name) if name in words else -1 for name in known]
            continue
        if count - (places is not None) >= MAX_ROWS:
            raise _Unreadable(number, f"found more than {MAX_ROWS} rows; leave so long a list to the API")
        if places is None and any(cells[len(known) :]):
            expected = ", ".join(columns.names)
            message = f"found {len(cells)} columns, expected {expected}; or name the columns in the first row"
            raise _Unreadable(number, message)
        yield number, [cells[at] if 0 <= at < len(cells) else "" for at in places or range(len(known))]


def _rows(file: Path) -> Iterator[Row]:
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise _Unreadable(1, f"found {size} bytes, expected at most {MAX_BYTES}; leave so long a list to the API")
    if file.suffix not in _FORMATS:
        raise _Unreadable(1, f"found {file.suffix or 'no suffix'}, expected a .txt, .csv or .xlsx file")
    return _FORMATS[file.suffix](file)


def _text(file: Path) -> Iterator[Row]:
    yield from ((number, [line.strip()]) for number, line in enumerate(_lines(file), 1))


def _csv(file: Path) -> Iterator[Row]:
    reader = csv.reader(_lines(file), strict=True)
    try:
        yield from ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
    except csv.Error as error:
        raise _Unreadable(reader.line_num, f"not CSV: {error}") from error


def _lines(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")
        raise _Unreadable(before + 1, "found bytes that are not UTF-8; save it as UTF-8") from error


def _xlsx(file: Path) -> Iterator[Row]:
    try:
        _check_unpacked(file)
        with CalamineWorkbook.from_path(file) as workbook:
            cells = workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except _DAMAGED as error:
        raise _Unreadable(1, f"not an Excel workbook: {error}") from error
    for number, row in enumerate(cells, 1):
        yield number, [_cell(value, number) for value in row]


# What the two readers of zip files raise on one that is damaged, encrypted or of a kind that they do not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, CalamineError)

# A cell far away makes a table of all the empty ones before it: no list needs a column AA or a row 100000.
_FAR_AWAY = re.compile(rb"""\br\s*=\s*["'](?:[A-Za-z]{2,}[0-9]+|[A-Za-z][0-9]{6,})["']""")


def _check_unpacked(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise _Unreadable(1, f"unpacks to more than {MAX_UNPACKED} bytes; leave so long a list to the API")
        # A sheet may be any part of the archive.
        if any(_FAR_AWAY.search(archive.read(name)) for name in archive.namelist()):
            raise _Unreadable(1, "found a cell beyond column Z or row 99999; keep the list at the top left")


def _cell(value: Any, number: int) -> str:
    """As its author sees it; to Excel every number is a fraction."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if abs(value) >= 1e15:
            raise _Unreadable(number, f"found the number {value:.0f}, which Excel has rounded; format the cell as text")
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, str):
        return value.strip()
    raise _Unreadable(number, f"found a {type(value).__name__}, expected text; format the cell as text")


_FORMATS: dict[str, Callable[[Path], Iterator[Row]]] = {".txt": _text, ".csv": _csv, ".xlsx": _xlsx}


@lru_cache(maxsize=8)
def _rule(part: str) -> tuple[re.Pattern[str], str]:
    """What documents keep, so that files keep the same: a pattern, and in words."""
    schema = schemas()["parts"]["$defs"][part]
    return re.compile(schema["pattern"].replace("$", r"\Z")), schema["patternErrorMessage"]


def _member(cells: Sequence[str]) -> tuple[str, str]:
    rule, expected = _rule("userId")
    if len(cells[0]) > 64:
        return cells[0], f"found {len(cells[0])} characters, expected at most 64"
    return cells[0], "" if rule.match(cells[0]) else f"found {cells[0]!r}, expected {expected}"


_SWITCH = {"": True, "true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def _word(cells: Sequence[str]) -> tuple[dict[str, Any], str]:
    word, switch = cells[0], cells[1].lower()
    entry = {"word": word, "enabled": _SWITCH.get(switch, True)}
    if not word:
        return entry, "found no word"
    if len(word) > 100:
        return entry, f"found {len(word)} characters, expected at most 100"
    return entry, "" if switch in _SWITCH else f"found {cells[1]!r}, expected true or false"


MEMBERS = Columns(("userId",), _member)
WORDS = Columns(("word", "enabled"), _word)
