"""Lists and Segments over GraphQL: their sizes, and who comes into them and leaves them."""

from typing import Any

import pytest

from tests.api.conftest import Api
from ums.reconcile import reconcile

OPS = {"user": "ops", "password": "sandbox-ops-master-secret"}
PEOPLE = {"user": "people", "password": "sandbox-people-secret"}
LISTS = "{ lists { kind name title membership size } segments { name title membership size } }"
CHANGE = """mutation ($ids: [String!]!, $list: String! = "opted-out") {
  addListMembers(kind: BLACKLIST, list: $list, userIds: $ids) { changed problems { code path message } } }"""
REMOVE = """mutation ($ids: [String!]!) {
  removeListMembers(kind: BLACKLIST, list: "opted-out", userIds: $ids) { changed problems { code } } }"""
SEGMENT = """mutation ($ids: [String!]!, $name: String!) {
  addSegmentMembers(segment: $name, userIds: $ids) { changed problems { code path message } } }"""
LEAVE = """mutation ($ids: [String!]!) {
  removeSegmentMembers(segment: "kept", userIds: $ids) { changed problems { code } } }"""

DOCUMENTS = """
{apiVersion: ums/v1, kind: Blacklist, channel: shop, name: opted-out, title: Opted out, membership: api}
---
{apiVersion: ums/v1, kind: Blacklist, channel: shop, name: staff, members: [ann, bob]}
---
{apiVersion: ums/v1, kind: Whitelist, channel: shop, name: opted-out, members: [eve]}
---
{apiVersion: ums/v1, kind: Segment, channel: shop, name: kept, membership: api}
---
{apiVersion: ums/v1, kind: Segment, channel: shop, name: ruled, rules: {tags: {all: [vip]}}}
---
{apiVersion: ums/v1, kind: Segment, channel: ops, name: theirs, membership: api}
"""


@pytest.fixture
async def lists(api: Api) -> Api:
    (api.engine.settings.config / "lists.yaml").write_text(DOCUMENTS)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()
    return api


async def test_lists_and_segments_have_sizes(lists: Api) -> None:
    vip = {"userId": "ann", "set": {"tags": [{"tags": ["vip"]}]}}
    await lists.asks("mutation ($u: [UserInput!]!) { upsertUsers(users: $u) { written } }", u=[vip])

    assert await lists.asks(LISTS) == {
        "lists": [
            {"kind": "BLACKLIST", "name": "opted-out", "title": "Opted out", "membership": "API", "size": 0},
            {"kind": "BLACKLIST", "name": "staff", "title": "staff", "membership": "FILE", "size": 2},
            {"kind": "WHITELIST", "name": "opted-out", "title": "opted-out", "membership": "FILE", "size": 1},
        ],
        "segments": [
            {"name": "kept", "title": "kept", "membership": "API", "size": 0},
            {"name": "ruled", "title": "ruled", "membership": "RULES", "size": 1},
        ],
    }


async def test_a_channel_sees_its_own_lists_only(lists: Api) -> None:
    seen = await lists.asks(LISTS, **OPS)

    assert (seen["lists"], [segment["name"] for segment in seen["segments"]]) == ([], ["theirs"])


async def test_members_come_and_go(lists: Api) -> None:
    come = (await lists.asks(CHANGE, ids=["ann", "bob", "ann"]))["addListMembers"]
    again = (await lists.asks(CHANGE, ids=["ann", "eve"]))["addListMembers"]
    go = (await lists.asks(REMOVE, ids=["ann", "nobody"]))["removeListMembers"]
    segment = (await lists.asks(SEGMENT, ids=["ann", "bob"], name="kept"))["addSegmentMembers"]
    leave = (await lists.asks(LEAVE, ids=["ann"]))["removeSegmentMembers"]

    assert [each["changed"] for each in (come, again, go, segment, leave)] == [2, 1, 1, 2, 1]
    sizes = await lists.asks(LISTS)
    assert [each["size"] for each in sizes["lists"]] == [2, 2, 1]
    assert sizes["segments"][0]["size"] == 1


@pytest.mark.parametrize(
    ("query", "field", "given", "expected"),
    [
        (
            CHANGE,
            "addListMembers",
            {"list": "staff", "ids": ["x"]},
            (
                "not_kept_by_api",
                "list",
                "the documents say who is in Blacklist shop/staff; change it there, or declare it with membership: api",
            ),
        ),
        (
            SEGMENT,
            "addSegmentMembers",
            {"name": "ruled", "ids": ["x"]},
            (
                "not_kept_by_api",
                "segment",
                "a rule says who is in Segment shop/ruled; change it there, or declare it with membership: api",
            ),
        ),
        (
            CHANGE,
            "addListMembers",
            {"list": "optedout", "ids": ["x"]},
            ("unknown_blacklist", "list", "Channel shop has no Blacklist 'optedout'; did you mean 'opted-out'?"),
        ),
        (
            SEGMENT,
            "addSegmentMembers",
            {"name": "theirs", "ids": ["x"]},
            ("unknown_segment", "segment", "Channel shop has no Segment 'theirs'; known: kept, ruled"),
        ),
        (
            CHANGE,
            "addListMembers",
            {"ids": ["x"] * 1001},
            ("too_many", "userIds", "found 1001, at most 1000 are allowed in one call; send in parts"),
        ),
    ],
)
async def test_what_the_api_does_not_keep_it_does_not_change(
    lists: Api, query: str, field: str, given: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    payload = (await lists.asks(query, **given))[field]

    code, path, message = expected
    assert payload == {"changed": 0, "problems": [{"code": code, "path": path, "message": message}]}


async def test_a_user_id_that_nobody_can_have_is_a_problem(lists: Api) -> None:
    payload = (await lists.asks(CHANGE, ids=["ann", "a b"]))["addListMembers"]

    assert (payload["changed"], payload["problems"][0]["path"]) == (0, "userIds[1]")


async def test_the_people_key_has_no_lists(lists: Api) -> None:
    answer = await lists.answers(LISTS, **PEOPLE)

    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
