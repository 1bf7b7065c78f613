"""People over GraphQL: uploaded, looked up, counted, deleted; and what each caller may see and do."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_caller import UPSERT
from ums.reconcile import reconcile

PEOPLE = {"user": "people", "password": "sandbox-people-secret"}
OPS = {"user": "ops", "password": "sandbox-ops-master-secret"}
USER = """query ($id: String!) { user(userId: $id) { userId tags { bind tags } addresses { type bind values } } }"""
USERS = """query ($filter: UserFilter, $first: Int! = 20, $after: String) {
  users(filter: $filter, first: $first, after: $after) {
    edges { node { userId } } pageInfo { hasNextPage endCursor } } }"""
DELETE = "mutation ($ids: [String!]!) { deleteUsers(userIds: $ids) { deleted problems { code path message } } }"
COVERAGE = "{ coverage { users types { type users share } } }"

SEGMENTS = """
apiVersion: ums/v1
kind: Segment
channel: shop
name: vip-with-phone
rules: {tags: {all: [vip]}, has: [sms]}
---
apiVersion: ums/v1
kind: Segment
channel: shop
name: named
members: [bob, eve, ghost]
"""


async def upload(api: Api, user_id: str, **bindings: Any) -> None:
    payload = await api.asks(UPSERT, users=[{"userId": user_id, "set": bindings}], **PEOPLE)
    assert payload["upsertUsers"] == {"written": 1, "problems": []}


@pytest.fixture
async def three(api: Api) -> Api:
    """ann, bob and eve: tags and addresses of each sort; Segments declared."""
    phone = [{"type": "SMS", "values": ["13800000001"]}]
    await upload(api, "ann", tags=[{"tags": ["vip"]}], addresses=phone)
    await upload(api, "bob", tags=[{"tags": ["vip"]}], addresses=[{"type": "APP", "bind": "app", "values": ["rid"]}])
    await upload(api, "eve", addresses=phone)
    (api.engine.settings.config / "segments.yaml").write_text(SEGMENTS)
    await reconcile(api.engine.settings, write=True)
    api.engine.snapshots.look_again()
    return api


async def found(api: Api, **given: Any) -> list[str]:
    page = (await api.asks(USERS, **given))["users"]
    return [edge["node"]["userId"] for edge in page["edges"]]


async def test_everything_that_can_be_uploaded_is_read_back(api: Api) -> None:
    addresses = [
        {"type": "APP", "bind": "app", "values": ["rid-1", "rid-2"]},
        {"type": "DINGTALK", "bind": "all", "values": ["staff-1"]},
        {"type": "EMAIL", "bind": "all", "values": ["ann@example.com"]},
        {"type": "SMS", "bind": "all", "values": ["+8613800000001"]},
        {"type": "SMS", "bind": "shop", "values": ["+8613800000002"]},
        {"type": "WECOM", "bind": "all", "values": ["ann.of.sales"]},
    ]
    tags = [{"bind": "all", "tags": ["new", "vip"]}, {"bind": "shop", "tags": ["regular"]}]
    await upload(api, "ann", tags=tags, addresses=addresses)

    assert (await api.asks(USER, id="ann"))["user"] == {"userId": "ann", "tags": tags, "addresses": addresses}
    assert (await api.asks(USER, id="nobody"))["user"] is None


async def test_a_channel_sees_nothing_that_is_bound_to_another(api: Api) -> None:
    addresses = [
        {"type": "APP", "bind": "app", "values": ["rid"]},
        {"type": "SMS", "bind": "shop", "values": ["+8613800000002"]},
        {"type": "WECHAT_OA", "bind": "sms", "values": ["openid"]},
    ]
    tags = [{"bind": "ops", "tags": ["duty"]}, {"bind": "shop", "tags": ["regular"]}]
    await upload(api, "ann", tags=tags, addresses=addresses)

    assert (await api.asks(USER, id="ann", **OPS))["user"] == {
        "userId": "ann",
        "tags": tags[:1],
        "addresses": addresses[:1],
    }
    assert (await api.asks(USER, id="ann", **PEOPLE))["user"] == {"userId": "ann", "tags": tags, "addresses": addresses}


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (None, ["ann", "bob", "eve"]),
        ({"tag": "vip"}, ["ann", "bob"]),
        ({"hasType": "SMS"}, ["ann", "eve"]),
        ({"tag": "vip", "hasType": "APP"}, ["bob"]),
        ({"segment": "vip-with-phone"}, ["ann"]),
        ({"segment": "named"}, ["bob", "eve"]),
        ({"segment": "named", "tag": "vip"}, ["bob"]),
        ({"segment": "named", "hasType": "SMS"}, ["eve"]),
        ({"tag": "unheard"}, []),
    ],
)
async def test_people_are_found(three: Api, narrow: dict[str, str] | None, expected: list[str]) -> None:
    assert expected == await found(three, filter=narrow)


async def test_pages_of_people(three: Api) -> None:
    first = (await three.asks(USERS, first=2))["users"]
    second = (await three.asks(USERS, first=2, after=first["pageInfo"]["endCursor"]))["users"]

    assert [edge["node"]["userId"] for edge in first["edges"]] == ["ann", "bob"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert [edge["node"]["userId"] for edge in second["edges"]] == ["eve"]
    assert second["pageInfo"]["hasNextPage"] is False


async def test_a_segment_of_another_channel_is_as_if_it_were_not_there(three: Api) -> None:
    answer = await three.answers(USERS, filter={"segment": "named"}, **OPS)

    assert answer["errors"][0]["extensions"] == {"code": "UNKNOWN_SEGMENT"}


async def test_the_people_key_finds_people_by_tag(three: Api) -> None:
    assert await found(three, filter={"tag": "vip", "hasType": "SMS"}, **PEOPLE) == ["ann"]


async def test_coverage_is_of_addresses_that_serve_the_channel(three: Api) -> None:
    await upload(three, "max", addresses=[{"type": "SMS", "bind": "ops", "values": ["13800000001"]}])

    coverage = (await three.asks(COVERAGE))["coverage"]

    assert coverage["users"] == 4
    numbers = {each["type"]: (each["users"], each["share"]) for each in coverage["types"]}
    assert numbers.pop("SMS") == (2, 0.5)
    assert numbers.pop("APP") == (1, 0.25)
    assert set(numbers.values()) == {(0, 0)}


async def test_coverage_of_nobody(api: Api) -> None:
    coverage = (await api.asks(COVERAGE))["coverage"]

    assert {(each["users"], each["share"]) for each in coverage["types"]} == {(0, None)}


async def test_the_people_key_deletes_people_and_says_who_was_not_there(three: Api) -> None:
    payload = (await three.asks(DELETE, ids=["ann", "ghost"], **PEOPLE))["deleteUsers"]

    problem = {"code": "unknown_user", "path": "userIds[1]", "message": "nobody is called 'ghost'"}
    assert payload == {"deleted": 1, "problems": [problem]}
    assert await found(three) == ["bob", "eve"]
    assert (await three.asks(USER, id="ann"))["user"] is None


async def test_a_channel_deletes_nobody(three: Api) -> None:
    answer = await three.answers(DELETE, ids=["ann"])

    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert await found(three) == ["ann", "bob", "eve"]


async def test_who_is_deleted_stays_in_lists_and_is_known_again_when_uploaded_again(three: Api) -> None:
    assert await found(three, filter={"segment": "named"}) == ["bob", "eve"]

    await three.asks(DELETE, ids=["bob"], **PEOPLE)
    without = await found(three, filter={"segment": "named"})
    await upload(three, "bob")

    assert without == ["eve"]
    assert await found(three, filter={"segment": "named"}) == ["eve", "bob"]
