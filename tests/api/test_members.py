"""Members call the API by a token: who gets in, for which Channel, and what each role may do there."""

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT, SEND, TO_ANN
from tests.members.declared import LOGINS, MEMBERS
from ums.api.guard import NEEDS
from ums.api.schema import schema
from ums.database import connection, execute, fetch
from ums.members.tokens import DAY

ME = "{ me { login admin channels { channel roles } } }"
MESSAGES = "{ messages { edges { node { id } } } }"
CREATE = """mutation ($member: String, $name: String!, $days: Int! = 30) {
  createMemberToken(member: $member, name: $name, days: $days) {
    text token { member name } problems { code path } } }"""
REVOKE = """mutation ($member: String, $name: String!) {
  revokeMemberToken(member: $member, name: $name) { revoked problems { code } } }"""
TOKENS = "query ($member: String, $all: Boolean! = false) { memberTokens(member: $member, all: $all) { member name } }"


@pytest.fixture
def more_declared() -> str:
    return MEMBERS


def _code(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def test_a_token_lets_its_member_in(api: Api) -> None:
    answer = await api.member_answers(ME, await api.token("lin"))

    channels = [{"channel": "ops", "roles": ["viewer"]}, {"channel": "shop", "roles": ["operator"]}]
    assert answer == {"data": {"me": {"login": "lin", "admin": False, "channels": channels}}}


async def test_a_token_that_nobody_made_or_that_expired_or_was_revoked_is_turned_away(api: Api) -> None:
    made = await api.token("lin")
    api.engine.clock.passes(30 * DAY)  # type: ignore[attr-defined]  # the tests' own clock
    fresh = await api.token("lin")
    listed = (await api.member_answers(TOKENS, fresh))["data"]["memberTokens"]
    await api.member_answers(REVOKE, fresh, name=listed[-1]["name"])

    assert [_code(await api.member_answers(ME, text)) for text in ("ums_guessed", "", made, fresh)] == [
        "UNAUTHORIZED"
    ] * 4


async def test_the_database_has_only_the_hash_of_a_token(api: Api) -> None:
    text = await api.token("lin")

    rows = await fetch(connection(), "SELECT * FROM member_token")
    assert text not in str(rows)
    assert text.removeprefix("ums_") not in str(rows)


async def test_a_disabled_member_does_not_get_in(api: Api) -> None:
    assert _code(await api.member_answers(ME, await api.token("gone"))) == "UNAUTHORIZED"


async def test_who_is_not_declared_does_not_get_in(api: Api) -> None:
    assert _code(await api.member_answers(ME, await api.token("nobody"))) == "UNAUTHORIZED"


async def test_when_a_token_was_used_is_known_to_the_minute(api: Api) -> None:
    text = await api.token("lin")
    for _ in range(2):
        await api.member_answers(ME, text)
        api.engine.clock.passes(40_000)  # type: ignore[attr-defined]

    assert await fetch(connection(), "SELECT used_at FROM member_token") == [{"used_at": 1_800_000_000_000}]
    await api.member_answers(ME, text)
    assert await fetch(connection(), "SELECT used_at FROM member_token") == [{"used_at": 1_800_000_080_000}]


async def test_a_member_names_the_channel_that_a_request_is_for(api: Api) -> None:
    message = (await api.asks(SEND, input={**TO_ANN, "body": CONTENT}))["sendMessage"]["message"]["id"]
    lin = await api.token("lin")

    assert (await api.member_answers(MESSAGES, lin, "shop"))["data"] == {
        "messages": {"edges": [{"node": {"id": message}}]}
    }
    assert (await api.member_answers(MESSAGES, lin, "ops"))["data"] == {"messages": {"edges": []}}
    assert (await api.member_answers(MESSAGES, lin))["errors"][0] == {
        "message": "say for which Channel by the header X-UMS-Channel; yours: ops, shop",
        "locations": [{"line": 1, "column": 3}],
        "path": ["messages"],
        "extensions": {"code": "CHANNEL_MISSING"},
    }


@pytest.mark.parametrize("channel", ["staff", "shopp"])
async def test_a_channel_without_a_role_is_as_one_that_is_not_there(api: Api, channel: str) -> None:
    answer = await api.member_answers(MESSAGES, await api.token("vera"), channel)

    assert answer["errors"][0]["message"].startswith(f"X-UMS-Channel: vera has no role in a Channel {channel!r}")
    assert answer["errors"][0]["message"].endswith("expected one of shop")
    assert _code(answer) == "FORBIDDEN"


async def test_a_key_does_not_act_for_another_channel(api: Api) -> None:
    answer = await api.answers_with({"x-ums-channel": "ops"}, MESSAGES)

    assert _code(answer) == "FORBIDDEN"


SENDS = {role: role in {"admin", "operator"} for role in LOGINS}


@pytest.mark.parametrize("role", LOGINS)
async def test_only_admins_and_operators_send(api: Api, role: str) -> None:
    token = await api.token(LOGINS[role])

    answer = await api.member_answers(SEND, token, "shop", input={**TO_ANN, "body": CONTENT})

    assert ("errors" not in answer) == SENDS[role]
    if not SENDS[role]:
        assert answer["errors"][0]["message"] == (
            f"{LOGINS[role]} has no role in Channel shop that may do this: send, forward, change and cancel messages"
        )


async def test_an_operator_of_one_channel_only_looks_at_another(api: Api) -> None:
    answer = await api.member_answers(SEND, await api.token("lin"), "ops", input={**TO_ANN, "body": CONTENT})

    assert _code(answer) == "FORBIDDEN"
    assert (await api.member_answers(MESSAGES, await api.token("lin"), "ops"))["data"] == {"messages": {"edges": []}}


async def test_an_admin_manages_all_people_without_naming_a_channel(api: Api) -> None:
    upsert = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { code } } }"
    delete = 'mutation { deleteUsers(userIds: ["ann"]) { deleted } }'
    phone = {"type": "SMS", "bind": "ops", "values": ["13800000001"]}
    users = [{"userId": "ann", "set": {"addresses": [phone]}}]
    root = await api.token("root")

    assert (await api.member_answers(upsert, root, users=users))["data"]["upsertUsers"]["written"] == 1
    assert _code(await api.member_answers(delete, await api.token("lin"), "shop")) == "FORBIDDEN"
    assert (await api.member_answers(delete, root))["data"] == {"deleteUsers": {"deleted": 1}}


async def test_a_member_makes_and_revokes_its_own_tokens(api: Api) -> None:
    vera = await api.token("vera")
    made = (await api.member_answers(CREATE, vera, name="laptop"))["data"]["createMemberToken"]

    assert made["token"] == {"member": "vera", "name": "laptop"}
    assert (await api.member_answers(ME, made["text"]))["data"]["me"]["login"] == "vera"
    again = (await api.member_answers(CREATE, vera, name="laptop"))["data"]["createMemberToken"]
    assert again == {"text": None, "token": None, "problems": [{"code": "name_taken", "path": "name"}]}
    assert (await api.member_answers(REVOKE, vera, name="laptop"))["data"]["revokeMemberToken"]["revoked"]
    assert _code(await api.member_answers(ME, made["text"])) == "UNAUTHORIZED"


@pytest.mark.parametrize(("days", "code"), [(0, "days_invalid"), (367, "days_invalid"), (366, "")])
async def test_a_token_is_good_for_a_year_at_most(api: Api, days: int, code: str) -> None:
    answer = await api.member_answers(CREATE, await api.token("vera"), name="laptop", days=days)

    assert [p["code"] for p in answer["data"]["createMemberToken"]["problems"]] == ([code] if code else [])


async def test_tokens_of_others_are_an_admins(api: Api) -> None:
    lin, root = await api.token("lin"), await api.token("root")

    for query, more in ((CREATE, {"name": "x"}), (REVOKE, {"name": "x"}), (TOKENS, {})):
        assert _code(await api.member_answers(query, lin, "shop", member="root", **more)) == "FORBIDDEN"
    assert _code(await api.member_answers(TOKENS, lin, "shop", all=True)) == "FORBIDDEN"
    made = (await api.member_answers(CREATE, root, member="chen", name="x"))["data"]["createMemberToken"]
    assert made["token"] == {"member": "chen", "name": "x"}
    seen = (await api.member_answers(TOKENS, root, all=True))["data"]["memberTokens"]
    assert [token["member"] for token in seen] == ["chen", "lin", "root"]
    refused = (await api.member_answers(CREATE, root, member="gone", name="x"))["data"]["createMemberToken"]
    assert refused["problems"] == [{"code": "unknown_member", "path": "member"}]


async def test_a_key_is_no_member(api: Api) -> None:
    assert _code(await api.answers(ME)) == "FORBIDDEN"


async def test_a_websocket_lasts_no_longer_than_its_token(api: Api) -> None:
    lin = await api.token("lin")
    payload = {"authorization": f"Bearer {lin}", "channel": "shop"}
    async with api.session.ws_connect(f"{api.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_json({"type": "connection_init", "payload": payload})
        assert await socket.receive_json() == {"type": "connection_ack"}
        await socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": MESSAGES}})
        assert (await socket.receive_json())["payload"] == {"data": {"messages": {"edges": []}}}
        assert (await socket.receive_json())["type"] == "complete"

        await execute(connection(), "DELETE FROM member_token")
        await socket.send_json({"type": "subscribe", "id": "2", "payload": {"query": MESSAGES}})
        assert (await socket.receive_json())["payload"]["errors"][0]["extensions"] == {"code": "UNAUTHORIZED"}
        await socket.receive_json()
        follow = 'subscription { messageProgress(id: "1") { state } }'
        await socket.send_json({"type": "subscribe", "id": "3", "payload": {"query": follow}})
        assert "no credentials any more" in str(await socket.receive_json())


def test_every_entry_of_the_table_is_a_field() -> None:
    served = schema._schema
    roots = [root for root in (served.query_type, served.mutation_type, served.subscription_type) if root]

    assert set(NEEDS) == {f"{root}.{name}" for root in roots for name in root.fields}
