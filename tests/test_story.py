"""The whole: from YAML to numbers, with every process real, on SQLite and on PostgreSQL with Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.processes import Installation, installed
from ums.cli import demo_script
from ums.settings import Settings

SEND = (
    "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { path message } } }"
)
UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { path message } } }"
FUNNELS = """query ($id: ID!) { message(id: $id) { state
  users { planned effective sent delivered clicked }
  deliveryChannels { deliveryChannel funnel { planned effective sent delivered clicked } } } }"""
LIFE = """query ($id: ID!) { lifecycle(messageId: $id, target: "u0027") {
  state progress { what deliveryChannel } log { deliveryChannel verdict } } }"""


@pytest.fixture
async def installation(settings: Settings) -> AsyncIterator[Installation]:
    with installed(settings, lambda text: text.replace("within: 5m", "within: 3s")) as made:
        made.run("apply")
        made.start("sandbox", "sandbox", "--address", made.settings.sandbox, "--receipts-to", made.settings.public_url)
        made.start("api", "api")
        made.start("worker", "worker")
        await made.ready()
        yield made


async def upload(installation: Installation) -> None:
    everybody = list(demo_script.people())
    for start in range(0, len(everybody), 500):
        uploaded = await installation.asks(UPSERT, people=True, users=everybody[start : start + 500])
        assert uploaded["upsertUsers"] == {"written": 500, "problems": []}


async def funnels(installation: Installation, message: str) -> dict[str, Any]:
    found = (await installation.asks(FUNNELS, id=message))["message"]
    named = {entry["deliveryChannel"]: entry["funnel"] for entry in found["deliveryChannels"]}
    return {"state": found["state"], "users": found["users"], **named}


async def eventually(installation: Installation, message: str, expected: dict[str, Any], seconds: float) -> None:
    until = time.monotonic() + seconds
    while (found := await funnels(installation, message)) != expected and time.monotonic() < until:
        await asyncio.sleep(0.2)
    assert expected == found, installation.log.read_text()


async def test_a_tagged_message_falls_back_from_app_to_sms_and_the_numbers_are_the_providers_own(
    installation: Installation,
) -> None:
    for platform, script in demo_script.SCRIPTS.items():
        await installation.plays(platform, **script)
    await upload(installation)
    template = {"name": "order-shipped", "variables": {"order": "1", "url": "https://shop.example/1"}}
    asked = {"audience": {"users": {"tags": ["vip"]}}, "body": {"template": template}, "policy": "app-then-sms"}

    message = (await installation.asks(SEND, input=asked))["sendMessage"]["message"]["id"]

    expected = demo_script.expected()
    await eventually(installation, message, {"state": "DONE", **expected}, 40)
    assert (await installation.record("jpush"))["targets"] == expected["shopapp1"]["sent"]
    assert (await installation.record("jsms"))["targets"] == expected["shopsms"]["sent"]
    (life,) = (await installation.asks(LIFE, id=message))["lifecycle"]
    assert [(event["what"], event["deliveryChannel"]) for event in life["progress"]] == [
        ("accepted", ""),
        ("planned", "shopapp1"),
        ("submitted", "shopapp1"),
        ("planned", "shopsms"),
        ("submitted", "shopsms"),
        ("delivered", "shopsms"),
    ]
    assert [(call["deliveryChannel"], call["verdict"]) for call in life["log"]] == [
        ("shopapp1", "answered"),
        ("shopsms", "answered"),
    ]


async def test_a_worker_killed_in_the_middle_of_a_send_loses_nothing_and_repeats_nothing(
    installation: Installation,
) -> None:
    await upload(installation)
    await installation.plays("jpush", latency=2.0)
    content = {"app": {"platform": "all", "notification": {"alert": "hello"}}}
    group = {"type": "APP", "addresses": [f"rid-{n:04}" for n in range(1, 1001)]}
    asked = {"audience": {"addresses": [group]}, "body": {"content": content}}
    messages = [(await installation.asks(SEND, input=asked))["sendMessage"]["message"]["id"] for _ in range(5)]
    until = time.monotonic() + 20
    while not (await installation.record("jpush"))["targets"] and time.monotonic() < until:
        await asyncio.sleep(0.1)

    installation.kill("worker")  # some batches are answered, some are in flight, some wait
    installation.start("worker", "worker")

    whole = {"planned": 1000, "effective": 1000, "sent": 1000, "delivered": 0, "clicked": 0}
    for message in messages:
        await eventually(installation, message, {"state": "DONE", "users": whole, "shopapp1": whole}, 40)
    # JPush knows the key of a repeated batch: it was sent to nobody twice.
    assert (await installation.record("jpush"))["targets"] == 5000
