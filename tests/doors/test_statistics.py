"""Message statistics as a file."""

import csv
import io

import aiohttp
import pytest
from python_calamine import CalamineWorkbook

from tests.api.conftest import Api
from tests.api.test_messages import knows_ann_and_bob, sent

DAY = "?from=2027-01-15&before=2027-01-16"


async def fetched(api: Api, path: str, user: str = "shop") -> tuple[int, bytes, str]:
    headers = {"authorization": aiohttp.encode_basic_auth(user, f"sandbox-{user}-master-secret")}
    async with api.session.get(f"{api.url}/v1/statistics/{path}", headers=headers) as response:
        return response.status, await response.read(), response.headers.get("content-disposition", "")


@pytest.fixture
async def used(api: Api) -> Api:
    await knows_ann_and_bob(api)
    await sent(api)
    await api.works()
    return api


async def test_the_five_counts_by_day_and_delivery_channel_are_a_csv_file(used: Api) -> None:
    status, body, named = await fetched(used, f"messages.csv{DAY}")

    header, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    assert (status, named) == (200, 'attachment; filename="messages-shop.csv"')
    assert header[:4] == ["from", "of", "messages", "planned"]
    begin = "2027-01-15T00:00+00:00"
    assert rows == [
        [begin, "users", "1", "2", "2", "2", "0", "0", "0.0000", ""],
        [begin, "all targets", "1", "2", "2", "2", "0", "0", "0.0000", ""],
        [begin, "app", "", "2", "2", "2", "0", "0", "0.0000", ""],
    ]


async def test_and_an_excel_file_by_hour(used: Api) -> None:
    status, body, _ = await fetched(used, f"messages.xlsx{DAY}&by=hour")

    rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_name("messages").to_python()
    assert status == 200
    assert len(rows) == 1 + 2 * 24 + 1
    assert [row[1:6] for row in rows if row[1] == "app"] == [["app", "", 2.0, 2.0, 2.0]]
    assert [str(row[0]) for row in rows[1:4]] == ["2027-01-15", "2027-01-15", "2027-01-15 01:00:00"]


async def test_without_a_range_it_is_the_last_thirty_days(used: Api) -> None:
    _, body, _ = await fetched(used, "messages.csv")

    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert (rows[1][0], rows[-1][:2]) == ("2026-12-16T00:00+00:00", ["2027-01-15T00:00+00:00", "app"])


async def test_another_channel_gets_its_own_numbers(used: Api) -> None:
    _, body, _ = await fetched(used, f"messages.csv{DAY}", user="ops")

    assert [row[3] for row in csv.reader(io.StringIO(body.decode("utf-8-sig")))][1:] == ["0", "0"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("messages.pdf", "found .pdf, expected .csv or .xlsx"),
        ("messages.csv?from=soon", "from: found 'soon', expected a date or a time, as in 2027-01-15"),
        ("messages.csv?from=2026-01-15", "before must come after from, by at most 100 days"),
        ("messages.csv?by=week", "by: found 'week', expected day or hour"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(api: Api, path: str, words: str) -> None:
    status, body, _ = await fetched(api, path)

    assert status == 400
    assert words in body.decode()


async def test_nobody_gets_it_without_credentials(api: Api) -> None:
    async with api.session.get(f"{api.url}/v1/statistics/messages.csv") as response:
        assert response.status == 401
