"""Who only looks sees addresses masked, wherever the schema has any."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.members.declared import LOGINS, MEMBERS
from ums.api.masking import MASKED
from ums.api.schema import schema
from ums.sandbox.script import Script

PHONE, MAIL, DEVICE = "+8613800000001", "ann@home.example", "1a0018970a8b7c6d5e4"
UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written } }"
CONTENT = {
    "app": {"platform": "all", "notification": {"alert": "hello"}},
    "sms": {"temp_id": 7, "temp_para": {"name": "Ann"}},
    "email": {"subject": "Hello", "text": "hello"},
}
CONTENT_OF_SMS = {"sms": CONTENT["sms"]}
OFTEN = "mutation ($input: RecurringMessageInput!) { createRecurringMessage(input: $input) { problems { message } } }"
EVERYTHING = """query ($id: ID!, $target: String!) {
  user(userId: "ann") { addresses { values } }
  users { edges { node { addresses { values } } } }
  message(id: $id) { losses { said { words } } deliveries { edges { node { address words } } } }
  lifecycle(messageId: $id, target: $target) { target progress { address detail } log { words } }
  callbacks(state: WAITING) { edges { node { target address } } }
}"""


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


async def _sent(api: Api, audience: dict[str, Any]) -> str:
    addresses = [
        {"type": "SMS", "values": [PHONE]},
        {"type": "EMAIL", "values": [MAIL]},
        {"type": "APP", "bind": "app", "values": [DEVICE]},
    ]
    await api.asks(UPSERT, users=[{"userId": "ann", "set": {"addresses": addresses}}])
    api.sandbox.play("smtp", Script.parse({"refuse": ["home.example"]}))
    answer = await api.asks(SEND, input={"audience": audience, "body": {"content": CONTENT}})
    await api.works()
    return str(answer["sendMessage"]["message"]["id"])


@pytest.mark.parametrize("role", LOGINS)
async def test_addresses_are_whole_for_those_who_work_with_them_alone(api: Api, role: str) -> None:
    message = await _sent(api, {"users": {"userIds": ["ann"]}})

    answer = await api.member_answers(EVERYTHING, await api.token(LOGINS[role]), "shop", id=message, target="ann")

    assert "errors" not in answer
    seen = {address: address in str(answer["data"]) for address in (PHONE, MAIL, DEVICE)}
    assert seen == dict.fromkeys((PHONE, MAIL, DEVICE), role in {"admin", "operator"})
    assert answer["data"]["lifecycle"][0]["target"] == "ann"
    if role == "viewer":
        assert answer["data"]["user"] == {
            "addresses": [{"values": ["1a0***e4"]}, {"values": ["a***@home.example"]}, {"values": ["+86138****0001"]}]
        }


async def test_a_direct_address_that_is_asked_for_comes_back_masked(api: Api) -> None:
    vera = await api.token("vera")
    direct = [{"type": "SMS", "addresses": [PHONE]}, {"type": "APP", "addresses": [DEVICE]}]
    message = await _sent(api, {"addresses": direct})

    for target, shown in ((PHONE, "+86138****0001"), (DEVICE, "1a0***e4")):
        answer = await api.member_answers(EVERYTHING, vera, "shop", id=message, target=target)
        assert answer["data"]["lifecycle"][0]["target"] == shown
        assert target not in str(answer["data"])


async def test_the_addresses_of_what_recurs_are_masked_too(api: Api) -> None:
    vera = await api.token("vera")
    message = {"audience": {"addresses": [{"type": "SMS", "addresses": [PHONE]}]}, "body": {"content": CONTENT_OF_SMS}}
    await api.asks(OFTEN, input={"cron": "30 9 * * *", "message": message})

    answer = await api.member_answers("{ recurringMessages { edges { node { audience } } } }", vera, "shop")

    [edge] = answer["data"]["recurringMessages"]["edges"]
    [group] = edge["node"]["audience"]["addresses"]
    assert group["addresses"] == ["+86138****0001"]


def test_every_field_of_the_table_is_in_the_schema() -> None:
    kinds = schema._schema.type_map

    assert [place for place in MASKED if place.split(".")[1] not in kinds[place.split(".")[0]].fields] == []  # type: ignore[attr-defined]
