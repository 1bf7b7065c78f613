"""`sendMessage`: what is accepted, and every way in which it is not."""

from typing import Any

import pytest

from tests.api.conftest import Api

SEND = """mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { message { id state revision sendNo } problems { code path message } } }"""

TO_ANN: dict[str, Any] = {"audience": {"users": {"userIds": ["ann"]}}}
CONTENT: dict[str, Any] = {"content": {"app": {"platform": "all", "notification": {"alert": "hello"}}}}
TEMPLATE: dict[str, Any] = {"template": {"name": "shipped", "variables": {"name": "Ann"}}}


async def problems(api: Api, **given: Any) -> list[tuple[str, str, str]]:
    payload = (await api.asks(SEND, input=given))["sendMessage"]
    assert payload["message"] is None
    return [(problem["code"], problem["path"], problem["message"]) for problem in payload["problems"]]


async def test_a_message_is_accepted_at_once_and_pinned_to_the_revision(api: Api) -> None:
    payload = await api.asks(SEND, input={**TO_ANN, "body": CONTENT, "sendNo": "my-7"})

    message = {"id": "1", "state": "WAITING", "revision": 1, "sendNo": "my-7"}
    assert payload == {"sendMessage": {"message": message, "problems": []}}


async def test_the_same_key_and_input_is_the_same_message(api: Api) -> None:
    given = {**TO_ANN, "body": CONTENT, "idempotencyKey": "order-1"}

    first, second = [(await api.asks(SEND, input=given))["sendMessage"]["message"]["id"] for _ in range(2)]

    assert first == second


async def test_the_same_key_with_another_input_is_a_problem(api: Api) -> None:
    await api.asks(SEND, input={**TO_ANN, "body": CONTENT, "idempotencyKey": "order-1"})

    found = await problems(api, **TO_ANN, body=TEMPLATE, idempotencyKey="order-1")

    message = "'order-1' already stands for message 1, whose input was different; use a new key"
    assert found == [("idempotency_mismatch", "input.idempotencyKey", message)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {**TO_ANN, "body": {"template": {"name": "shiped"}}},
            [
                (
                    "unknown_template",
                    "input.body.template.name",
                    "Channel shop has no Template 'shiped'; did you mean 'shipped'?",
                )
            ],
            id="an unknown template",
        ),
        pytest.param(
            {**TO_ANN, "body": {"template": {"name": "shipped", "variables": {"nam": "Ann"}}}},
            [
                (
                    "unknown_variable",
                    "input.body.template.variables.nam",
                    "the template declares no variable nam; it has carrier, name",
                ),
                (
                    "missing_variable",
                    "input.body.template.variables.name",
                    "name has no value and no default; give one",
                ),
            ],
            id="a variable misspelt",
        ),
        pytest.param(
            {**TO_ANN, "body": {"template": {"name": "shipped", "variables": ["Ann"]}}},
            [
                (
                    "invalid_variables",
                    "input.body.template.variables",
                    "found list, expected an object of variable names and values",
                )
            ],
            id="variables that are no object",
        ),
        pytest.param(
            {**TO_ANN, "body": TEMPLATE, "policy": "app-than-sms"},
            [
                (
                    "unknown_policy",
                    "input.policy",
                    "Channel shop has no SendPolicy 'app-than-sms'; did you mean 'app-then-sms'?",
                )
            ],
            id="an unknown policy",
        ),
        pytest.param(
            {**TO_ANN, "body": CONTENT, "policy": "app-then-sms"},
            [("no_content", "input.policy", "sms needs content of type sms, the body has app")],
            id="a policy that needs more content",
        ),
        pytest.param(
            {**TO_ANN, "body": CONTENT, "deliveryChannels": ["app", "opsapp"]},
            [
                (
                    "not_granted",
                    "input.deliveryChannels",
                    "opsapp is no DeliveryChannel that Channel shop may use now; it may use app, sms, mail",
                )
            ],
            id="a DeliveryChannel of somebody else",
        ),
        pytest.param(
            {**TO_ANN, "body": {"content": {}}},
            [("no_content", "input.body.content", "found nothing, expected content for at least one type")],
            id="no content",
        ),
        pytest.param(
            {"audience": {"users": {}}, "body": CONTENT},
            [("empty_audience", "input.audience.users", "names nobody; give userIds, tags or a segment")],
            id="nobody",
        ),
        pytest.param(
            {"audience": {"users": {"userIds": ["x"] * 1001}}, "body": CONTENT},
            [
                (
                    "too_many",
                    "input.audience.users.userIds",
                    "found 1001, at most 1000 are allowed in one send; send in parts, or by tag",
                )
            ],
            id="too many",
        ),
        pytest.param(
            {"audience": {"addresses": [{"type": "WECOM", "addresses": ["w"]}]}, "body": CONTENT},
            [
                (
                    "unknown_delivery_channel",
                    "input.audience.addresses[0].deliveryChannel",
                    "found none; Channel shop may use none for wecom",
                )
            ],
            id="addresses that no DeliveryChannel reaches",
        ),
        pytest.param(
            {
                "audience": {"addresses": [{"type": "APP", "addresses": ["r"]}]},
                "body": TEMPLATE,
                "policy": "app-then-sms",
            },
            [
                (
                    "policy_needs_users",
                    "input.policy",
                    "a policy follows users, and direct addresses are nobody's; send to users, or without a policy",
                )
            ],
            id="a policy for direct addresses",
        ),
    ],
)
async def test_what_is_wrong_comes_back_as_problems(
    api: Api, given: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert expected == await problems(api, **given)


async def test_content_is_held_against_the_schema_of_its_type(api: Api) -> None:
    body = {"content": {"app": {"platform": "all", "message": {"msg_content": "x"}, "notificaton": {}}}}

    ((code, path, message),) = await problems(api, **TO_ANN, body=body)

    assert (code, path) == ("content_invalid", "input.body.content.app.notificaton")
    assert message == "unknown property 'notificaton'; did you mean 'notification'?"


async def test_a_disabled_delivery_channel_cannot_be_chosen(api: Api) -> None:
    given = {**TO_ANN, "body": CONTENT, "deliveryChannels": ["mail"]}

    payload = await api.asks(SEND, user="ops", password="sandbox-ops-master-secret", input=given)

    assert [problem["code"] for problem in payload["sendMessage"]["problems"]] == ["not_granted"]


async def test_an_audience_is_one_thing_only(api: Api) -> None:
    audience = {"broadcast": True, "users": {"userIds": ["ann"]}}

    answer = await api.answers(SEND, input={"audience": audience, "body": CONTENT})

    assert "AudienceInput" in answer["errors"][0]["message"]
