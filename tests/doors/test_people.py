"""Spreadsheets over HTTP: the sample, people, and who is in a list; and who gets which."""

import csv
import io
from pathlib import Path

import aiohttp
import pytest
from python_calamine import CalamineWorkbook

from tests.api.conftest import SHOP, Api
from tests.api.test_caller import UPSERT
from tests.api.test_imports import OPS, PEOPLE
from ums.people.columns import NAMES
from ums.reconcile import reconcile

LISTS = """
{apiVersion: ums/v1, kind: Blacklist, channel: shop, name: quiet, membership: api}
---
{apiVersion: ums/v1, kind: Segment, channel: shop, name: pilot, membership: api}
---
{apiVersion: ums/v1, kind: Segment, channel: shop, name: named, members: [ann]}
"""
IMPORT_LIST = """mutation ($file: Upload!) { importListMembers(kind: BLACKLIST, list: "quiet", file: $file) {
  changed problems { code path message } } }"""
IMPORT_SEGMENT = """mutation ($file: Upload!, $segment: String! = "named") {
  importSegmentMembers(segment: $segment, file: $file) {
  changed problems { code path message } } }"""


async def gets(api: Api, path: str, key: tuple[str, str] = PEOPLE) -> tuple[int, bytes]:
    headers = {"authorization": aiohttp.encode_basic_auth(*key)}
    async with api.session.get(f"{api.url}{path}", headers=headers) as response:
        return response.status, await response.read()


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


async def declares(api: Api) -> None:
    (api.engine.settings.config / "lists.yaml").write_text(LISTS)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()


async def test_the_sample_has_all_columns_in_both_formats(api: Api, tmp_path: Path) -> None:
    _, of_csv = await gets(api, "/v1/people/sample.csv", SHOP)
    _, of_xlsx = await gets(api, "/v1/people/sample.xlsx", SHOP)
    (tmp_path / "sample.xlsx").write_bytes(of_xlsx)

    with CalamineWorkbook.from_path(tmp_path / "sample.xlsx") as book:
        assert rows(of_csv)[0] == book.get_sheet_by_index(0).to_python()[0] == list(NAMES)


async def test_each_caller_takes_away_what_it_sees(api: Api) -> None:
    phones = [{"type": "SMS", "bind": bind, "values": [f"1380000000{n}"]} for n, bind in enumerate(("all", "shop"))]
    await api.asks(UPSERT, users=[{"userId": "ann", "set": {"addresses": phones}}], user=PEOPLE[0], password=PEOPLE[1])

    seen = {key[0]: rows((await gets(api, "/v1/people/export.csv", key))[1])[1:] for key in (PEOPLE, SHOP, OPS)}

    binds = {name: [row[1] for row in found] for name, found in seen.items()}
    assert binds == {"people": ["all", "shop"], "shop": ["all", "shop"], "ops": ["all"]}


async def test_lists_come_from_a_file_and_go_into_one(api: Api) -> None:
    await declares(api)

    first = (await api.uploads(IMPORT_LIST, b"userId\nann\nbob\n"))["importListMembers"]
    again = (await api.uploads(IMPORT_LIST, b"bob\neve\n", name="who.txt"))["importListMembers"]
    pilot = (await api.uploads(IMPORT_SEGMENT, b"kim\n", segment="pilot"))["importSegmentMembers"]

    assert (first["changed"], again["changed"], pilot["changed"]) == (2, 1, 1)
    assert rows((await gets(api, "/v1/people/blacklist/quiet.csv", SHOP))[1]) == [["userId"], ["ann"], ["bob"], ["eve"]]
    assert rows((await gets(api, "/v1/people/segment/pilot.csv", SHOP))[1]) == [["userId"], ["kim"]]


@pytest.mark.parametrize(
    ("query", "content", "name", "said"),
    [
        (IMPORT_LIST, b"ann\nb b\n", "who.csv", "list_row: row 2: found 'b b'"),
        (IMPORT_LIST, b"ann\n", "who.pdf", "list_file: row 1: found .pdf, expected a .txt, .csv or .xlsx file"),
        (IMPORT_LIST, b"PK", "who.xlsx", "list_file: row 1: not an Excel workbook"),
        (IMPORT_SEGMENT, b"ann\n", "who.csv", "not_kept_by_api: the documents say who is in Segment shop/named"),
    ],
)
async def test_a_bad_file_changes_nothing(api: Api, query: str, content: bytes, name: str, said: str) -> None:
    await declares(api)

    [payload] = (await api.uploads(query, content, name=name)).values()

    [problem] = payload["problems"]
    assert payload["changed"] == 0
    assert f"{problem['code']}: {problem['message']}".startswith(said)
    assert rows((await gets(api, "/v1/people/blacklist/quiet.csv", SHOP))[1]) == [["userId"]]


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/people/export.pdf", SHOP, 404),
        ("/v1/people/blacklist/never.csv", SHOP, 404),
        ("/v1/people/nonsense/quiet.csv", SHOP, 404),
        ("/v1/people/blacklist/quiet.csv", OPS, 404),
        ("/v1/people/blacklist/quiet.csv", PEOPLE, 403),
        ("/v1/people/export.csv", ("shop", "wrong"), 401),
        ("/v1/people/sample.csv", ("nobody", ""), 401),
    ],
)
async def test_nobody_gets_what_is_not_his(api: Api, path: str, key: tuple[str, str], status: int) -> None:
    await declares(api)

    assert (await gets(api, path, key))[0] == status
