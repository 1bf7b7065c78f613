"""Nobody reads or changes what is another Channel's: every field of the schema is tried, by everybody who should not.

Whoever adds a field adds an example to tests/api/zebra.py; without one these tests fail.
"""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import pytest

from tests.api.conftest import Api
from tests.api.walk import Request, roots
from tests.api.zebra import BELOW, DECLARED, EXAMPLES, PHONE, settle
from ums import models
from ums.api.guard import NEEDS
from ums.database import Rows, connection, fetch
from ums.members.rights import Right
from ums.people.uploads import work_off

PEOPLE = {Right.READ_PEOPLE, Right.WRITE_PEOPLE, Right.DELETE_PEOPLE}
"""What the people key is for."""
SHARED = {"Query.user", "Query.users", "Query.coverage"}
"""People are everybody's; what is bound to a Channel is not."""
OWN = {"Query.me"}
"""About the caller alone."""
INERT = {"Mutation.testCallback", "Mutation.authorizeDeliveryChannel"}
"""Change nothing here, whoever asks."""
PROVIDERS = {
    "Query.publicTemplates", "Query.publicTemplateKeywords", "Mutation.syncProviderTemplates",
    "Mutation.importProviderTemplate", "Mutation.forgetProviderTemplate", "Mutation.pickProviderTemplate",
}  # fmt: skip
"""Answered by a provider; what the owner gets is in test_provider_templates.py."""
AS_MEMBER = {
    Right.REVIEW: ("chen", "shop"), Right.OWN_TICKETS: ("chen", "shop"), Right.READ_AUDIT_LOG: ("chen", "shop"),
    Right.OWN_TOKENS: ("lin", ""),
}  # fmt: skip
"""Who of `shop` may do what its key may not."""

Headers = Mapping[str, str]


@pytest.fixture
def more_declared() -> str:
    return DECLARED


async def _outsiders(api: Api) -> dict[str, Headers]:
    def key(name: str, secret: str) -> Headers:
        return {"authorization": aiohttp.encode_basic_auth(name, secret)}

    def member(text: str, channel: str) -> Headers:
        return {"authorization": f"Bearer {text}"} | ({"x-ums-channel": channel} if channel else {})

    olga, vic = await api.token("olga"), await api.token("vic")
    return {
        "another Channel's key": key("ops", "sandbox-ops-master-secret"),
        "the people key": key("people", "sandbox-people-secret"),
        "an operator and auditor of another Channel": member(olga, "ops"),
        "the same, for this Channel": member(olga, "shop"),
        "the same, for none": member(olga, ""),
        "a viewer of another Channel": member(vic, "ops"),
        "a wrong secret": key("shop", "guessed"),
        "no key": {},
    }


async def _answer(api: Api, headers: Headers, place: str) -> Any:
    made = Request(place, EXAMPLES[place], BELOW)
    if place.startswith("Subscription."):
        return await _first(api, headers, made)
    variables = made.variables
    if "file" not in variables:
        body: Any = {"json": {"query": made.query, "variables": variables}}
    else:
        form = aiohttp.FormData()
        operations = {"query": made.query, "variables": {**variables, "file": None}}
        form.add_field("operations", orjson.dumps(operations).decode())
        form.add_field("map", '{"0": ["variables.file"]}')
        form.add_field("0", variables["file"], filename="people.csv")
        body, headers = {"data": form}, {**headers, "graphql-preflight": "1"}
    async with api.session.post(f"{api.url}/graphql", headers=headers, **body) as response:
        return await response.json()


async def _first(api: Api, headers: Headers, made: Request) -> Any:
    """The first thing that a subscription says, or how it is refused."""
    payload = {name.replace("x-ums-", ""): value for name, value in headers.items()}
    async with api.session.ws_connect(f"{api.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_json({"type": "connection_init", "payload": payload})
        if (await socket.receive()).type is not aiohttp.WSMsgType.TEXT:
            return {"errors": [f"closed: {socket.close_code}"]}
        subscribe = {"query": made.query, "variables": made.variables}
        await socket.send_json({"type": "subscribe", "id": "1", "payload": subscribe})
        told = await socket.receive_json(timeout=5)
        return {"errors": told["payload"]} if told["type"] == "error" else told["payload"]


async def _rows() -> dict[str, Rows]:
    """All that is kept and is not the Channel `ops`'s own, but for what is written of every call."""
    tables = [value._meta.db_table for value in vars(models).values() if hasattr(value, "_meta")]
    found = {}
    for table in sorted(set(tables) - {"audit_log"}):
        rows = await fetch(connection(), f"SELECT * FROM {table}")  # noqa: S608  # our own tables
        found[table] = sorted(({**row, "used_at": None} for row in rows if row.get("channel") != "ops"), key=repr)
    return found


def _tells(place: str, answer: Any) -> list[str]:
    """What of the Channel's own is in the data of an answer, but for names that were in the question."""
    words = {"zebra", PHONE, PHONE[-8:], "known-"}
    asked = str(EXAMPLES[place]) + str(BELOW)
    text = json.dumps(answer.get("data"), default=str).lower()
    return sorted(word for word in words if word in text and (word != "known-" or word not in asked))


def _may(who: str, place: str) -> bool:
    return who == "the people key" and NEEDS[place] in PEOPLE


def test_there_is_an_example_of_every_field() -> None:
    assert set(EXAMPLES) == set(roots())


async def test_nobody_reads_what_is_another_channels(api: Api) -> None:
    outsiders = await _outsiders(api)
    reads = [place for place in EXAMPLES if not place.startswith("Mutation.")]
    before = {(who, place): await _answer(api, outsiders[who], place) for who in outsiders for place in reads}

    await settle(api)

    wrong = []
    for (who, place), was in before.items():
        now = await _answer(api, outsiders[who], place)
        told = _tells(place, now)
        if not _may(who, place) and (told or (now != was and place not in SHARED)):
            wrong.append((who, place, told, now))
    assert wrong == []


async def test_the_examples_are_of_something_that_its_owner_reads(api: Api) -> None:
    reads = [place for place in EXAMPLES if not place.startswith("Mutation.") and place not in OWN | PROVIDERS]
    before = {place: await _answer(api, await _owner(api, place), place) for place in reads}

    await settle(api)

    unseen = []
    for place, was in before.items():
        now = await _answer(api, await _owner(api, place), place)
        if "errors" in now or (now == was and not _tells(place, now)):
            unseen.append((place, now))
    assert unseen == []


async def test_nobody_changes_what_is_another_channels(api: Api) -> None:
    await settle(api)
    vera = {"authorization": f"Bearer {await api.token('vera')}", "x-ums-channel": "shop"}
    outsiders = {**await _outsiders(api), "a viewer of this Channel": vera}
    before = await _rows()

    wrong = []
    for place in EXAMPLES:
        for who, headers in outsiders.items():
            if place.startswith("Mutation.") and not _may(who, place):
                answer = await _answer(api, headers, place)
                changed = [table for table, rows in (await _rows()).items() if rows != before[table]]
                if changed or (_tells(place, answer) and headers is not vera):
                    wrong.append((who, place, changed, answer))
    assert wrong == []
    while await work_off(api.engine.snapshots, api.engine.clock):  # what `ops` uploaded says `shop` in its rows
        pass
    await api.works()
    after = await _rows()
    assert [table for table in before if table != "import_problem" and before[table] != after[table]] == []


@pytest.mark.parametrize(
    "place", [place for place in EXAMPLES if place.startswith("Mutation.") and place not in INERT | PROVIDERS]
)
async def test_the_examples_are_of_something_that_its_owner_changes(api: Api, place: str) -> None:
    await settle(api)
    owner = await _owner(api, place)
    before = await _rows()

    answer = await _answer(api, owner, place)

    assert "errors" not in answer, answer
    assert await _rows() != before, answer


async def _owner(api: Api, place: str) -> Headers:
    """Of `shop`: its key, or the Member who may what a key may not."""
    right = NEEDS[place]
    login, channel = ("root", "shop") if right is Right.DELETE_PEOPLE else AS_MEMBER.get(right, ("", ""))
    if not login:
        return {"authorization": aiohttp.encode_basic_auth("shop", "sandbox-shop-master-secret")}
    return {"authorization": f"Bearer {await api.token(login)}"} | ({"x-ums-channel": channel} if channel else {})
