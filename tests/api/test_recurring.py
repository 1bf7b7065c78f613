"""Recurring messages through the API."""

from datetime import UTC, datetime
from typing import Any

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT
from ums.messaging.sending.recur import recur

FIELDS = """id cron missed until times state nextAt occurred template policy audience owner
  occurrences { edges { node { at outcome messageId problems { code path } } } }"""
PAYLOAD = f"{{ recurringMessage {{ {FIELDS} }} problems {{ code path message }} }}"
CREATE = f"mutation ($input: RecurringMessageInput!) {{ createRecurringMessage(input: $input) {PAYLOAD} }}"
ONE = f"query ($id: ID!) {{ recurringMessage(id: $id) {{ {FIELDS} }} }}"
LIST = """query ($state: RecurringState, $after: String) {
  recurringMessages(state: $state, first: 1, after: $after) {
    edges { node { id state } } pageInfo { hasNextPage endCursor } } }"""
MESSAGE = {"audience": {"broadcast": True}, "body": CONTENT}
OPS = {"user": "ops", "password": "sandbox-ops-master-secret"}


async def created(api: Api, **more: Any) -> Any:
    given = {"message": MESSAGE, "cron": "0 * * * *", **more}
    return (await api.asks(CREATE, input=given))["createRecurringMessage"]


async def does(api: Api, verb: str, of: str, **who: str) -> Any:
    query = f"mutation ($id: ID!) {{ {verb}RecurringMessage(recurringMessage: $id) {PAYLOAD} }}"
    return (await api.asks(query, id=of, **who))[f"{verb}RecurringMessage"]


def passes_an_hour(api: Api) -> None:
    api.engine.clock.passes(3_600_000)  # type: ignore[attr-defined]  # the fixture's own clock


async def test_it_is_made_seen_and_its_occurrences_lead_to_their_messages(api: Api) -> None:
    made = await created(api, times=5)
    of = made["recurringMessage"]["id"]
    passes_an_hour(api)
    await recur(api.engine)

    seen = (await api.asks(ONE, id=of))["recurringMessage"]

    assert made["problems"] == []
    (edge,) = seen.pop("occurrences")["edges"]
    begun = datetime.fromtimestamp(api.engine.clock() // 3_600_000 * 3600, UTC)
    assert edge["node"] == {"at": begun.isoformat(), "outcome": "ACCEPTED", "messageId": "1", "problems": []}
    assert datetime.fromisoformat(seen.pop("nextAt")).timestamp() - begun.timestamp() == 3600
    assert seen == {
        "id": of, "cron": "0 * * * *", "missed": "LATEST", "until": None, "times": 5, "state": "ACTIVE", "occurred": 1,
        "template": "", "policy": "", "audience": {"broadcast": True}, "owner": "",
    }  # fmt: skip
    assert (await api.asks("{ message(id: 1) { state } }"))["message"] == {"state": "WAITING"}


async def test_problems_are_values_with_the_paths_of_the_input(api: Api) -> None:
    message = {**MESSAGE, "policy": "nobody-wrote-this", "sendAt": "2030-01-01T00:00:00Z"}

    refused = await created(api, cron="every day", message=message)

    assert refused["recurringMessage"] is None
    assert [(p["code"], p["path"]) for p in refused["problems"]] == [
        ("invalid_cron", "input.cron"),
        ("not_here", "input.message.sendAt"),
        ("unknown_policy", "input.message.policy"),
    ]


async def test_it_is_paused_resumed_and_cancelled(api: Api) -> None:
    of = (await created(api))["recurringMessage"]["id"]

    states = [(await does(api, verb, of))["recurringMessage"] for verb in ("pause", "resume", "cancel")]

    assert [each["state"] for each in states] == ["PAUSED", "ACTIVE", "CANCELLED"]
    assert [each["nextAt"] is None for each in states] == [True, False, True]
    again = await does(api, "cancel", of)
    assert [(p["code"], p["path"]) for p in again["problems"]] == [("wrong_state", "recurringMessage")]


async def test_they_are_listed_page_by_page_and_by_state(api: Api) -> None:
    first, second = [(await created(api))["recurringMessage"]["id"] for _ in range(2)]
    await does(api, "pause", first)

    page = (await api.asks(LIST))["recurringMessages"]
    rest = (await api.asks(LIST, after=page["pageInfo"]["endCursor"]))["recurringMessages"]
    paused = (await api.asks(LIST, state="PAUSED"))["recurringMessages"]

    assert [edge["node"]["id"] for edge in page["edges"] + rest["edges"]] == [second, first]
    assert (page["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert paused["edges"] == [{"node": {"id": first, "state": "PAUSED"}}]


async def test_another_channel_neither_sees_nor_moves_it(api: Api) -> None:
    of = (await created(api))["recurringMessage"]["id"]

    assert (await api.asks(ONE, id=of, **OPS))["recurringMessage"] is None
    assert (await api.asks(LIST, **OPS))["recurringMessages"]["edges"] == []
    for verb in ("pause", "resume", "cancel"):
        assert [p["code"] for p in (await does(api, verb, of, **OPS))["problems"]] == ["unknown_recurring_message"]
    assert (await api.asks(ONE, id=of))["recurringMessage"]["state"] == "ACTIVE"
