"""Who gets in, and what each may see: another Channel's things are as if they were not there."""

import pytest

from tests.api.conftest import Api
from tests.api.test_sending import CONTENT, SEND, TO_ANN
from ums.cli.welcome import missing_secrets
from ums.settings import Settings

MESSAGE = "query ($id: ID!) { message(id: $id) { id } }"
UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { code path message } } }"


@pytest.mark.parametrize(
    ("user", "password"),
    [("shop", "guessed"), ("shp", "sandbox-shop-master-secret"), ("people", "guessed"), ("", ""), ("shop", "")],
)
async def test_a_wrong_key_or_secret_is_turned_away_in_the_same_words(api: Api, user: str, password: str) -> None:
    answer = await api.answers(MESSAGE, user=user, password=password, id="1")

    hint = "send HTTP Basic credentials: Channel Key as user and Master Secret as password"
    extensions = {"code": "UNAUTHORIZED"}
    assert answer == {"errors": [{"message": f"unknown key or wrong secret; {hint}", "extensions": extensions}]}


async def test_without_credentials_a_browser_is_told_to_ask_for_them(api: Api) -> None:
    async with api.session.get(f"{api.url}/graphql") as response:
        assert (response.status, response.headers["www-authenticate"]) == (401, 'Basic realm="UMS"')


async def test_a_channel_cannot_see_another_channels_messages(api: Api) -> None:
    message = (await api.asks(SEND, input={**TO_ANN, "body": CONTENT}))["sendMessage"]["message"]["id"]
    ops = {"user": "ops", "password": "sandbox-ops-master-secret"}

    assert await api.asks(MESSAGE, id=message) == {"message": {"id": message}}
    assert await api.asks(MESSAGE, id=message, **ops) == {"message": None}
    life = 'query ($id: ID!) { lifecycle(messageId: $id, target: "ann") { state } }'
    assert await api.asks(life, id=message, **ops) == {"lifecycle": []}
    assert await api.asks("{ messages { edges { node { id } } } }", **ops) == {"messages": {"edges": []}}


async def test_the_people_key_manages_people_and_nothing_else(api: Api) -> None:
    key = {"user": "people", "password": "sandbox-people-secret"}
    written = await api.asks(UPSERT, users=[{"userId": "ann"}], **key)
    refused = await api.answers(SEND, input={**TO_ANN, "body": CONTENT}, **key)

    assert written == {"upsertUsers": {"written": 1, "problems": []}}
    assert refused["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def test_a_channel_writes_only_what_is_bound_to_itself_or_to_all(api: Api) -> None:
    theirs = {"type": "SMS", "bind": "ops", "values": ["13800000001"]}
    code = {"type": "APP", "bind": "elsewhere", "values": ["rid"]}
    own = {"type": "SMS", "bind": "shop", "values": ["13800000002"]}

    payload = await api.asks(
        UPSERT,
        users=[
            {"userId": "ann", "set": {"addresses": [theirs]}},
            {"userId": "bob", "set": {"addresses": [code]}},
            {"userId": "eve", "set": {"addresses": [own]}},
        ],
    )

    assert payload["upsertUsers"] == {
        "written": 1,
        "problems": [
            {
                "code": "bind_not_allowed",
                "path": "users[0].set.addresses[0].bind",
                "message": "found bind 'ops', expected one of all, shop",
            },
            {
                "code": "bind_not_allowed",
                "path": "users[1].set.addresses[0].bind",
                "message": "found bind 'elsewhere', expected one of app, mail, sms",
            },
        ],
    }


async def test_the_configuration_shows_what_is_the_callers_and_no_credentials(api: Api) -> None:
    found = (await api.asks("{ config { revision resources { kind name body } } }"))["config"]

    named = [(resource["kind"], resource["name"]) for resource in found["resources"]]
    assert found["revision"] == 1
    assert named == [
        ("Channel", "shop"),
        ("DeliveryChannel", "app"),
        ("DeliveryChannel", "mail"),
        ("DeliveryChannel", "sms"),
        ("SendPolicy", "shop/app-then-sms"),
        ("Template", "shop/shipped"),
    ]
    text = str(found)
    assert not [word for word in ("credentials", "masterSecret", "APP_SECRET", "app-key") if word in text]


async def test_a_missing_secret_is_the_operators_to_mend_and_is_named_to_nobody_else(api: Api) -> None:
    object.__setattr__(api.engine.settings, "sandbox", "")  # no throw-away values any more

    answer = await api.answers(MESSAGE, id="1")

    message = "the operator has not given this server the secret to compare"
    assert answer == {"errors": [{"message": message, "extensions": {"code": "SECRET_MISSING"}}]}


async def test_the_operator_is_told_which_secrets_are_missing(api: Api) -> None:
    real = Settings(api.engine.settings.root, api.engine.settings.config, sandbox="")
    snapshot = await api.engine.snapshots.newest()

    assert (
        "Channel/shop masterSecret: secret not found: environment variable SHOP_MASTER_SECRET is not set; "
        "set it for this process, or change the reference" in missing_secrets(snapshot, real)
    )
    assert missing_secrets(snapshot, api.engine.settings) == []
