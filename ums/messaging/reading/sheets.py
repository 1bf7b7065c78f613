"""Message statistics as a spreadsheet, for those who go on calculating."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

import xlsxwriter

from ums.messaging.calendar import local
from ums.messaging.reading.history import Funnel
from ums.messaging.reading.statistics import PeriodNumbers
from ums.spreadsheets import escaped

HEADER = (
    "from", "of", "messages", "planned", "effective", "sent", "delivered", "clicked", "delivery rate", "click rate",
)  # fmt: skip
USERS, TARGETS = "users", "all targets"
"""What a row is of, where it is not of a DeliveryChannel."""

Cell = datetime | str | int | float | None


class Sheet(Enum):
    """A file of rows; the value is how its name ends."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        excel = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return "text/csv; charset=utf-8" if self is Sheet.CSV else excel


def sheet(periods: Sequence[PeriodNumbers], zone: ZoneInfo, kind: Sheet) -> bytes:
    """For each period a row of its users, of all its targets, and of each DeliveryChannel."""
    table = [row for period in periods for row in _rows(period, zone)]
    return _csv(table) if kind is Sheet.CSV else _excel(table)


def _rows(period: PeriodNumbers, zone: ZoneInfo) -> Iterator[list[Cell]]:
    begin = local(period.begin, zone)
    yield _row(begin, USERS, period.requests, period.numbers.users)
    yield _row(begin, TARGETS, period.requests, period.targets)
    for code, funnel in period.numbers.delivery_channels.items():
        yield _row(begin, code, None, funnel)


def _row(begin: datetime, of: str, messages: int | None, funnel: Funnel) -> list[Cell]:
    reached = [funnel.planned, funnel.effective, funnel.sent, funnel.delivered, funnel.clicked]
    return [begin, of, messages, *reached, funnel.delivery_rate, funnel.click_rate]


def _csv(table: Sequence[Sequence[Cell]]) -> bytes:
    """With a mark by which spreadsheet programs know that it is UTF-8."""
    out = io.StringIO(newline="")
    written = csv.writer(out)
    written.writerow(HEADER)
    for row in table:
        written.writerow(["" if cell is None else _plain(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: datetime | str | float) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="minutes")
    if isinstance(cell, str):
        return escaped(cell)
    return str(cell) if isinstance(cell, int) else f"{cell:.4f}"


def _excel(table: Sequence[Sequence[Cell]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as workbook:
        time, rate = (
            workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            workbook.add_format({"num_format": "0.0%"}),
        )
        page = workbook.add_worksheet("messages")
        page.write_row(0, 0, HEADER)
        page.set_column(0, 1, 18)
        page.freeze_panes(1, 0)
        for n, row in enumerate(table, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    page.write_datetime(n, column, cell.replace(tzinfo=None), time)
                elif isinstance(cell, str):
                    page.write_string(n, column, cell)
                elif cell is not None:
                    page.write_number(n, column, cell, rate if isinstance(cell, float) else None)
    return out.getvalue()
