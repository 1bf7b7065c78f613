"""Long lists that stand in a file beside their document: .txt, .csv or .xlsx, with what is wrong in them row by row."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ums import spreadsheets
from ums.errors import Problem
from ums.schemas import schemas
from ums.spreadsheets import Accepted, Unreadable, Wrong

MAX_BYTES = 30_000_000
ACCEPTED = Accepted(lines=True, yes_no=True, unpacked=200_000_000)
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


def read(file: Path, name: str, columns: Columns) -> tuple[list[Any], list[Problem]]:
    """The entries of `file`, and what is wrong with it; `name` is how people call it."""
    entries, problems = [], list[Problem]()
    try:
        for number, cells in _chosen(_rows(file), columns):
            entry, wrong = columns.entry(cells)
            wrong = next((str(cell) for cell in cells if isinstance(cell, Wrong)), wrong)
            entries.append(entry)
            if wrong:
                problems.append(Problem(name, number, 1, code="list_row", message=wrong))
    except OSError as error:
        problems.append(Problem(name, 1, 1, code="list_file", message=f"cannot be read: {error.strerror}"))
    except Unreadable as error:
        problems.append(Problem(name, error.row, 1, code="list_file", message=error.message))
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
                raise Unreadable(number, f"found two columns {twice!r}, expected one")
            places = [words.index(name) if name in words else -1 for name in known]
            continue
        if count - (places is not None) >= MAX_ROWS:
            raise Unreadable(number, f"found more than {MAX_ROWS} rows; leave so long a list to the API")
        if places is None and any(cells[len(known) :]):
            expected = ", ".join(columns.names)
            message = f"found {len(cells)} columns, expected {expected}; or name the columns in the first row"
            raise Unreadable(number, message)
        yield number, [cells[at] if 0 <= at < len(cells) else "" for at in places or range(len(known))]


def _rows(file: Path) -> Iterator[Row]:
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise Unreadable(1, f"found {size} bytes, expected at most {MAX_BYTES}; leave so long a list to the API")
    yield from ((number, cells) for number, cells, _ in spreadsheets.read(file, ACCEPTED))


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
