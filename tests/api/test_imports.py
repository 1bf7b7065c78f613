"""Spreadsheets of people, uploaded over a real socket by a multipart request."""

import asyncio
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from tests.api.conftest import SHOP, Api
from ums.people.uploads import work_off

PEOPLE = ("people", "sandbox-people-secret")
OPS = ("ops", "sandbox-ops-master-secret")

IMPORT = """mutation ($file: Upload!, $atomic: Boolean! = false) { importUsers(file: $file, atomic: $atomic) {
  import { id fileName state rows } problems { code path message } } }"""
FOLLOW = """query ($id: ID!) { userImport(id: $id) {
  state rows read imported wrong failure problems(first: 1) {
    edges { node { row column message } } pageInfo { hasNextPage } } } }"""
LATEST = "{ userImports { edges { node { fileName state } } } }"
HAS = "query ($id: String!) { user(userId: $id) { addresses { type values } } }"

ROWS = b"userId,bind,sms,app\nann,all,13800000001,\nann,app,,rid-1\nb b,all,1,\nc c,all,2,\n"


async def works(api: Api) -> None:
    while await work_off(api.engine.snapshots, api.engine.clock):
        pass


async def test_people_are_imported_and_followed(api: Api) -> None:
    accepted = (await api.uploads(IMPORT, ROWS, PEOPLE))["importUsers"]
    assert accepted["problems"] == []
    assert accepted["import"] | {"id": ""} == {"id": "", "fileName": "people.csv", "state": "WAITING", "rows": 4}

    await works(api)

    key = {"user": PEOPLE[0], "password": PEOPLE[1]}
    found = (await api.asks(FOLLOW, id=accepted["import"]["id"], **key))["userImport"]
    assert found.pop("problems") == {
        "edges": [
            {
                "node": {
                    "row": 4,
                    "column": "userId",
                    "message": "found 'b b', expected 1 to 64 letters, digits, - or ! # $ & * + . = @ _ | ￥",
                }
            }
        ],
        "pageInfo": {"hasNextPage": True},
    }
    assert found == {"state": "DONE", "rows": 4, "read": 4, "imported": 2, "wrong": 2, "failure": ""}
    ann = (await api.asks(HAS, id="ann", **key))["user"]["addresses"]
    assert sorted(one["type"] for one in ann) == ["APP", "SMS"]
    page = (await api.asks(LATEST, **key))["userImports"]["edges"]
    assert page == [{"node": {"fileName": "people.csv", "state": "DONE"}}]


async def test_all_or_nothing_as_the_caller_chooses(api: Api) -> None:
    accepted = (await api.uploads(IMPORT, ROWS, atomic=True))["importUsers"]
    await works(api)

    found = (await api.asks(FOLLOW, id=accepted["import"]["id"]))["userImport"]

    assert (found["state"], found["imported"], found["wrong"]) == ("REFUSED", 0, 2)
    assert (await api.asks(HAS, id="ann"))["user"] is None


async def test_a_channel_writes_what_it_may_and_sees_its_own_imports(api: Api) -> None:
    accepted = (await api.uploads(IMPORT, b"userId,bind,sms\nann,shop,13800000001\neve,ops,13800000002\n"))[
        "importUsers"
    ]
    await works(api)
    number = accepted["import"]["id"]

    own = (await api.asks(FOLLOW, id=number))["userImport"]
    foreign = await api.asks(FOLLOW, id=number, user=OPS[0], password=OPS[1])

    assert (own["imported"], own["wrong"]) == (1, 1)
    assert own["problems"]["edges"][0]["node"]["column"] == "bind"
    assert foreign == {"userImport": None}


async def test_a_bad_file_is_a_problem(api: Api) -> None:
    payload = (await api.uploads(IMPORT, b"name\nann\n"))["importUsers"]

    assert payload["import"] is None
    assert [(one["code"], one["path"]) for one in payload["problems"]] == [("unreadable_file", "file")]


async def test_what_is_no_file_is_a_problem(api: Api) -> None:
    payload = (await api.asks(IMPORT, file="people.csv"))["importUsers"]

    assert [(one["code"], one["path"]) for one in payload["problems"]] == [("not_a_file", "file")]


async def test_a_foreign_web_page_cannot_upload(api: Api) -> None:
    status, answer = await api.posts_form(IMPORT, ("people.csv", ROWS), SHOP, {})

    assert (status, answer["errors"][0]["extensions"]["code"]) == (403, "PREFLIGHT_NEEDED")


@pytest.mark.parametrize("said", [True, False], ids=["says its length", "does not say its length"])
async def test_a_body_that_is_too_large_is_not_read(api: Api, said: bool) -> None:
    async def much() -> Any:
        for _ in range(90):
            yield b" " * 100_000
            await asyncio.sleep(0)

    headers = {"authorization": aiohttp.encode_basic_auth(*SHOP), "content-type": "application/json"}
    body = BytesIO(b" " * 9_000_000) if said else much()
    async with api.session.post(f"{api.url}/graphql", data=body, headers=headers) as response:
        assert response.status == 413
        assert (await response.json())["errors"][0]["extensions"]["code"] == "TOO_LARGE"
