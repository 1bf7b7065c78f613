"""Spreadsheets read: .csv row by row, .xlsx by way of Excel's own limits; what is damaged is said row by row."""

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

MAX_CELL = 2000
"""Characters."""

_BLOCK = 1 << 20

Row = tuple[int, list[str], float]
"""Its number, from 1, its cells, and how much of the file was read, from 0 to 1."""


class Unreadable(Exception):
    """The author of the file must act: which row, and what is wrong."""

    def __init__(self, row: int, message: str) -> None:
        self.row, self.message = row, message
        super().__init__(f"row {row}: {message}")


class Wrong(str):
    """A cell that cannot be read, and why."""


@dataclass(frozen=True)
class Accepted:
    """What a reader of files takes beside .csv and .xlsx."""

    lines: bool = False
    """A .txt file: a cell on each line."""
    yes_no: bool = False
    """A cell of an .xlsx that is a yes or no: `true` or `false`."""
    unpacked: int = 1_000_000_000
    """Bytes of an .xlsx: a few kilobytes can unpack to gigabytes, and it is read as a whole."""


def read(file: Path, accepted: Accepted = Accepted()) -> Iterator[Row]:  # it is frozen
    """The rows of the (first) sheet that hold anything; raises Unreadable."""
    formats = _FORMATS if accepted.lines else {ending: how for ending, how in _FORMATS.items() if how is not _lines}
    if file.suffix.lower() not in formats:
        *some, last = formats
        raise Unreadable(1, f"found {file.suffix or 'no suffix'}, expected a {', '.join(some)} or {last} file")
    try:
        for number, cells, done in formats[file.suffix.lower()](file, accepted):
            if any(cells):
                yield number, cells, done
    except OSError as error:
        raise Unreadable(1, f"cannot be read: {error.strerror or error}") from error


def _lines(file: Path, _: Accepted) -> Iterator[Row]:
    size, done = max(file.stat().st_size, 1), 0
    with file.open("rb") as raw:
        for number, line in enumerate(_decoded(raw), 1):
            done += len(line)
            yield number, [line.strip()], min(done / size, 1.0)


def _csv(file: Path, _: Accepted) -> Iterator[Row]:
    size = max(file.stat().st_size, 1)
    csv.field_size_limit(MAX_CELL * 10)
    with file.open("rb") as raw:
        lines = _decoded(raw)
        first = next(lines, "")
        reader = csv.reader(_chained(first, lines), delimiter=_delimiter(first), strict=True)
        done = 0.0
        try:
            for row in reader:
                if reader.line_num % 1000 == 0:
                    done = raw.tell() / size
                yield reader.line_num, [_plain(cell) for cell in row], done
        except csv.Error as error:
            raise Unreadable(reader.line_num, f"not CSV: {error}") from error


def _decoded(raw: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: raw.readline(_BLOCK), b""), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(number, "found bytes that are not UTF-8; save it as UTF-8") from error
        if "\0" in text:
            raise Unreadable(number, "found a zero byte; that is no text")
        yield text


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(header: str) -> str:
    """Excel writes a semicolon in half of the world."""
    return max(",;\t", key=header.count)


_ERRORS = {"#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"}

_SPECIAL = frozenset("='#")
_WRAPPED = re.compile(r'="(.*)"')


def _plain(cell: str) -> str:
    """What a cell of a .csv file means: there a formula is text, and text that looks like one was escaped."""
    cell = cell.strip()
    if cell[:1] not in _SPECIAL:
        return cell
    if cell in _ERRORS:
        return Wrong(f"found {cell}: a formula there has gone wrong")
    if wrapped := _WRAPPED.fullmatch(cell):
        return wrapped[1]
    if cell[0] == "=":
        return Wrong(f"found the formula {cell[:40]!r}, expected its value; text may begin with '=")
    return cell[1:] if cell[0] == "'" and cell[1:2] in FORMULA else cell


def _xlsx(file: Path, accepted: Accepted) -> Iterator[Row]:
    try:
        _check_unpacked(file, accepted.unpacked)
        with CalamineWorkbook.from_path(file) as workbook:
            sheet = workbook.get_sheet_by_index(0)
            total = max(sheet.total_height, 1)
            for n, row in enumerate(sheet.iter_rows(), 1):
                yield n, [_cell(value, accepted) for value in row], n / total
    except _DAMAGED as error:
        raise Unreadable(1, f"not an Excel workbook: {error}") from error


# What the two readers of zip files raise on one that is damaged, encrypted or of a kind that they do not know.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, IndexError, CalamineError,
)  # fmt: skip

# Without an anchor before it: a scan for a plain letter costs a quarter. What stands before it is looked at afterwards.
_FAR = re.compile(rb"""r\s*=\s*["'](?:([A-Za-z]{2,}[0-9]+)|[A-Za-z]?([0-9]{6,}))["']""")
_ERROR = re.compile(rb"""<c\b[^>]*?\br\s*=\s*["']([A-Za-z]+)([0-9]+)["'][^>]*?\bt\s*=\s*["']e["']""")
_ROW_BYTES = 20  # the least that a row with anything in it takes


def _check_unpacked(file: Path, most: int) -> None:
    """Every cell from the first to the last is made in memory, so a lonely one far away is refused."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > most:
            raise Unreadable(1, f"unpacks to {unpacked} bytes, at most {most} are read; save it as .csv")
        for entry in archive.infolist():
            if entry.filename.startswith("xl/worksheets/"):
                _check_sheet(archive, entry)


def _check_sheet(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    last, text = 0, b""
    with archive.open(entry) as sheet:
        while block := sheet.read(_BLOCK):
            text = text[-200:] + block
            for far in _FAR.finditer(text):
                if not text[far.start() - 1 : far.start()].isspace():
                    continue
                if far[1]:
                    raise Unreadable(1, f"found something in cell {far[1].decode()}; leave the columns behind Z empty")
                last = max(last, int(far[2]))
            if b't="e"' in text and (wrong := _ERROR.search(text)):  # it would be read as an empty cell
                raise Unreadable(int(wrong[2]), f"a formula in column {wrong[1].decode()} has gone wrong; mend it")
    if last > 1000 + entry.file_size // _ROW_BYTES:
        raise Unreadable(last, "stands far below all others; leave no such gap")


_ROUNDED = 1e15  # from here on a float is no longer exact, and Excel shows fifteen digits


def _cell(value: Any, accepted: Accepted) -> str:
    """As its author sees it; to Excel every number is a fraction."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float):
        if abs(value) >= _ROUNDED:
            return Wrong(f"found the number {value:.0f}, which Excel has rounded; format the cell as text")
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, bool) and accepted.yes_no:
        return str(value).lower()
    if isinstance(value, (bool, date, datetime, time, timedelta)):
        found = "yes or no" if isinstance(value, bool) else "date or time"
        return Wrong(f"found a {found}, expected text; format the cell as text")
    return str(value)


_FORMATS: dict[str, Callable[[Path, Accepted], Iterator[Row]]] = {".txt": _lines, ".csv": _csv, ".xlsx": _xlsx}

FORMULA = {"=", "+", "-", "@"}
"""What begins with one of these is a formula to a spreadsheet program."""


def escaped(cell: str) -> str:
    """As a .csv file may hold it: text that no spreadsheet program takes for a formula."""
    return f"'{cell}" if cell[:1] in FORMULA else cell


def header(cells: Sequence[str], known: dict[str, str], row: int) -> list[str]:
    """The column that each cell of the first row names (by any of its names, in lower case); raises Unreadable."""
    found = [known.get(cell.lower(), "") for cell in cells]
    if unknown := [cell for cell, name in zip(cells, found, strict=True) if cell and not name]:
        names = ", ".join(dict.fromkeys(known.values()))
        raise Unreadable(row, f"found the column {unknown[0][:40]!r}, expected some of {names}")
    if twice := next((name for name in found if name and found.count(name) > 1), ""):
        raise Unreadable(row, f"found two columns {twice}, expected one")
    return found
