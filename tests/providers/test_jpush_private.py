"""JPush in a private cloud: JPush's protocol, another address."""

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body
from ums.providers.contract import Account, Report, Submission, Target
from ums.providers.exchange import basic
from ums.providers.jpush.private import JpushPrivate
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import SandboxAddress, State

EXAMPLE = Example(
    {"appKey": "key", "masterSecret": "secret", "pushUrl": "http://push.bank.example"},
    {"platform": "all", "notification": {"alert": "Hello"}},
    "1a0018970a{:06}",
)
TARGETS = [Target(7, "rid-a"), Target(8, "rid-b")]
ONCE = Submission("", EXAMPLE.content, TARGETS, 0)


def provider(session: aiohttp.ClientSession, url: str, sandbox: SandboxAddress | None = None) -> JpushPrivate:
    return JpushPrivate(Account("bankapp", EXAMPLE.credentials | {"pushUrl": url}, sandbox), session)


@pytest.mark.parametrize("path", ["", "/push/"])
async def test_it_pushes_at_its_own_address(session: aiohttp.ClientSession, doors: Doors, path: str) -> None:
    doors.answer(200, {"cidlist": ["key-1"]})
    doors.answer(200, {"msg_id": 1})
    push = provider(session, doors.url + path)

    assert await push.request_key() == "key-1"
    answer = await push.send(ONCE)

    await doors.report(f"{path.rstrip('/')}/v3/push/cid")
    sent = await doors.report(f"{path.rstrip('/')}/v3/push")
    assert body(sent)["audience"] == {"registration_id": ["rid-a", "rid-b"]}
    assert answer.provider_id == "1"


async def test_it_is_taken_back_there(session: aiohttp.ClientSession, doors: Doors) -> None:
    await provider(session, doors.url).recall("1828256757")

    assert (await doors.report("/v3/push/1828256757")).method == "DELETE"
    assert JpushPrivate.recalls


async def test_in_the_sandbox_it_meets_a_stand_in_of_its_own(
    session: aiohttp.ClientSession, running: Sandbox, doors: Doors
) -> None:
    running.play("jpush-private", Script.parse({"receipts": [{"delivered": 1}]}))
    push = provider(session, "http://push.bank.example", running.address)

    answer = await push.send(ONCE)

    receipts = push.receipts(await doors.report("/v1/app/callback"))
    assert {(receipt.provider_id, receipt.state) for receipt in receipts} == {(answer.provider_id, State.DELIVERED)}
    assert running.record("jpush").submissions == 0


async def test_its_receipts_and_its_door_are_jpushs(session: aiohttp.ClientSession) -> None:
    push = provider(session, "http://push.bank.example")
    record = b'{"msg_id": 1, "registration_id": "rid-a", "type": "clicked", "time": 1700000000}'

    [receipt] = push.receipts(Report("POST", {}, {"authorization": basic("key", "secret")}, record))

    assert (receipt.address, receipt.state, receipt.at) == ("rid-a", State.CLICKED, 1_700_000_000_000)
    assert push.greet(Report("GET", {"echostr": "8Letters"}, {}, b"")) == "8Letters"
