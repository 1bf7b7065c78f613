"""The audit log: what Members asked to be changed, who it was, and what came of it."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT, SEND, TO_ANN
from tests.members.declared import MEMBERS
from ums.api.deeds import MOST, about
from ums.messaging.keeping.forget import forget
from ums.messaging.keeping.retention import DAY, expire

LOG = """query ($filter: AuditLogFilter, $first: Int! = 20, $after: String) {
  auditLog(filter: $filter, first: $first, after: $after) {
    edges { node { who means channel what about problems } cursor } pageInfo { hasNextPage } } }"""
RECALL = "mutation ($id: ID!) { recallMessage(id: $id) { problems { code } } }"
SWITCH = 'mutation { setDeliveryChannelEnabled(deliveryChannel: "sms", enabled: false) { problems { code } } }'
UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { code } } }"


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def _log(api: Api, login: str = "root", channel: str = "", **variables: Any) -> list[dict[str, Any]]:
    answer = await api.member_answers(LOG, await api.token(login), channel, **variables)
    return [edge["node"] for edge in answer["data"]["auditLog"]["edges"]]


async def test_a_send_by_a_member_is_written_down_with_the_message_it_made(api: Api) -> None:
    lin = await api.token("lin")
    body = {"template": {"name": "shipped", "variables": {"name": "Ann"}}}
    answer = await api.member_answers(SEND, lin, "shop", input={**TO_ANN, "body": body, "policy": "app-then-sms"})
    message = answer["data"]["sendMessage"]["message"]["id"]

    [entry] = await _log(api)
    assert entry.pop("means").startswith("token test-")
    assert entry == {
        "who": "lin",
        "channel": "shop",
        "what": "sendMessage",
        "about": ["user:ann", "template:shipped", "policy:app-then-sms", f"message:{message}"],
        "problems": [],
    }


async def test_what_failed_and_what_was_refused_is_written_down_too(api: Api) -> None:
    await api.member_answers(RECALL, await api.token("lin"), "shop", id="77")
    await api.member_answers(RECALL, await api.token("vera"), "shop", id="77")
    await api.member_answers(SWITCH, await api.token("vera"))

    assert [(e["who"], e["channel"], e["what"], e["about"], e["problems"]) for e in await _log(api)] == [
        ("vera", None, "setDeliveryChannelEnabled", ["deliveryChannel:sms", "enabled:False"], ["CHANNEL_MISSING"]),
        ("vera", "shop", "recallMessage", ["message:77"], ["FORBIDDEN"]),
        ("lin", "shop", "recallMessage", ["message:77"], ["unknown_message"]),
    ]


async def test_neither_content_nor_addresses_nor_tokens_are_written_down(api: Api) -> None:
    lin, root = await api.token("lin"), await api.token("root")
    direct = {"addresses": [{"type": "SMS", "addresses": ["13800000001"]}]}
    content = {"content": {"sms": {"temp_id": 7, "temp_para": {"name": "confidential"}}}}
    await api.member_answers(SEND, lin, "shop", input={"audience": direct, "body": content})
    template = {"template": {"name": "shipped", "variables": {"name": "confidential"}}}
    await api.member_answers(SEND, lin, "shop", input={**TO_ANN, "body": template})
    mail = {"type": "EMAIL", "values": ["ann@home.example"]}
    await api.member_answers(UPSERT, lin, "shop", users=[{"userId": "ann", "set": {"addresses": [mail]}}])
    create = 'mutation { createMemberToken(member: "chen", name: "x") { text } }'
    text = (await api.member_answers(create, root))["data"]["createMemberToken"]["text"]

    log = await _log(api)
    assert [entry["about"][0] for entry in log] == ["name:x", "user:ann", "user:ann", "message:1"]
    assert "template:shipped" in log[2]["about"]
    assert [word for word in ("confidential", "13800000001", "home.example", text) if word in str(log)] == []


async def test_what_a_key_does_is_no_members_deed(api: Api) -> None:
    await api.asks(SEND, input={**TO_ANN, "body": CONTENT})

    assert await _log(api) == []


async def test_an_auditor_reads_the_log_of_the_channel_alone(api: Api) -> None:
    root = await api.token("root")
    for channel in ("shop", "ops", ""):
        await api.member_answers(RECALL, root, channel, id="7")

    assert [e["channel"] for e in await _log(api, "root")] == [None, "ops", "shop"]
    assert [e["channel"] for e in await _log(api, "chen", "shop")] == ["shop"]
    elsewhere = await api.member_answers(LOG, await api.token("chen"), "shop", filter={"channel": "ops"})
    assert [e["node"]["channel"] for e in elsewhere["data"]["auditLog"]["edges"]] == ["shop"]


@pytest.mark.parametrize("login", ["lin", "vera"])
async def test_who_is_no_auditor_does_not_read_it(api: Api, login: str) -> None:
    answer = await api.member_answers(LOG, await api.token(login), "shop")

    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


@pytest.mark.parametrize(
    ("narrow", "ids"),
    [
        ({"who": "lin"}, ["1"]),
        ({"what": "recallMessage"}, ["2", "1"]),
        ({"about": "message:2"}, ["2"]),
        ({"about": "message:"}, []),
        ({"channel": "ops"}, ["2"]),
        ({"failed": True}, ["2", "1"]),
        ({"failed": False}, ["sms"]),
        ({"atFrom": "2027-01-15T08:00:01Z"}, ["sms"]),
        ({"atBefore": "2027-01-15T08:00:01Z"}, ["2", "1"]),
    ],
)
async def test_the_log_is_narrowed(api: Api, narrow: dict[str, Any], ids: list[str]) -> None:
    await api.member_answers(RECALL, await api.token("lin"), "shop", id="1")
    await api.member_answers(RECALL, await api.token("root"), "ops", id="2")
    api.engine.clock.passes(1000)  # type: ignore[attr-defined]  # the tests' own clock
    await api.member_answers(SWITCH, await api.token("root"), "shop")

    assert [entry["about"][0].partition(":")[2] for entry in await _log(api, filter=narrow)] == ids


async def test_the_log_is_read_by_pages(api: Api) -> None:
    root = await api.token("root")
    for n in range(3):
        await api.member_answers(RECALL, root, "shop", id=str(n))

    first = (await api.member_answers(LOG, root, first=2))["data"]["auditLog"]
    assert first["pageInfo"]["hasNextPage"]
    rest = await _log(api, first=2, after=first["edges"][-1]["cursor"])
    assert [entry["about"] for entry in rest] == [["message:0"]]


async def test_who_is_forgotten_is_forgotten_in_the_log_too(api: Api) -> None:
    await api.member_answers(UPSERT, await api.token("lin"), "shop", users=[{"userId": "ann"}, {"userId": "anna"}])

    await forget(await api.engine.snapshots.newest(), "ann", api.engine.clock())

    assert [entry["about"] for entry in await _log(api)] == [["user:forgotten", "user:anna"]]


async def test_entries_go_when_they_are_too_old(api: Api) -> None:
    lin = await api.token("lin")
    await api.member_answers(RECALL, lin, "shop", id="1")
    api.engine.clock.passes(29 * DAY)  # type: ignore[attr-defined]
    await api.member_answers(RECALL, lin, "shop", id="2")
    object.__setattr__(api.engine.settings, "audit_log_days", 20)

    while await expire(api.engine):
        pass

    assert [entry["about"] for entry in await _log(api)] == [["message:2"]]


def test_a_large_upload_is_not_told_one_by_one() -> None:
    words = about({"users": [{"userId": f"u{n}"} for n in range(MOST + 5)]})

    assert (len(words), words[-1]) == (MOST + 1, "more:5")
