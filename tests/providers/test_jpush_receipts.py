"""JPush: receipts, whose shape nobody has made public."""

import json

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_jpush import ALERT, KEY, SECRET, provider, submission
from ums.errors import CallerRefused, Unauthorized
from ums.providers.contract import Receipt, Report, Via
from ums.providers.exchange import basic
from ums.providers.jpush.public import Jpush
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import AppPlatform, AppSender, Reason, State, system_clock

RECORD = {"msg_id": "1828256757", "registration_id": "rid-a", "type": "delivered", "time": 1_700_000_000_123}


@pytest.fixture
def push(session: aiohttp.ClientSession, doors: Doors) -> Jpush:
    """Talks to `doors` as if they were JPush."""
    return provider(session, baseUrl=doors.url)


def posted(records: object, authorization: str = basic(KEY, SECRET)) -> Report:
    raw = records if isinstance(records, bytes) else json.dumps(records).encode()
    return Report("POST", {}, {"authorization": authorization}, raw)


@pytest.mark.parametrize("shape", [RECORD, [RECORD], {"count": 1, "data": [RECORD]}])
async def test_receipts_may_come_alone_or_in_an_array_or_within_an_object(push: Jpush, shape: object) -> None:
    assert push.receipts(posted(shape)) == [Receipt("1828256757", "rid-a", State.DELIVERED, 1_700_000_000_123)]


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("delivered", State.DELIVERED, None),
        (4, State.DELIVERED, None),
        ("clicked", State.CLICKED, None),
        (6, State.CLICKED, None),
        ("undelivered", State.UNDELIVERED, Reason.UNREACHABLE),
        ("5", State.UNDELIVERED, Reason.UNREACHABLE),
    ],
)
async def test_a_receipt_says_what_happened(push: Jpush, kind: object, state: State, reason: Reason | None) -> None:
    [receipt] = push.receipts(posted(RECORD | {"type": kind}))

    assert (receipt.state, receipt.reason) == (state, reason)


@pytest.mark.parametrize("time", [1_700_000_000, 1_700_000_000_000, "1700000000", "1700000000000", 1_700_000_000.0])
async def test_the_time_of_a_receipt_may_be_in_seconds_or_milliseconds(push: Jpush, time: object) -> None:
    [receipt] = push.receipts(posted(RECORD | {"time": time}))

    assert receipt.at == 1_700_000_000_000


@pytest.mark.parametrize(
    ("platform", "sender", "via"),
    [
        (0, 4, Via(AppPlatform.ANDROID, AppSender.XIAOMI)),
        ("1", "8", Via(AppPlatform.IOS, AppSender.APNS)),
        ("Android", "honor", Via(AppPlatform.ANDROID, AppSender.HONOR)),
        ("android", "jg_android", Via(AppPlatform.ANDROID, AppSender.JPUSH)),
        (4, None, Via(AppPlatform.HMOS, None)),
        (9, 2, Via(None, AppSender.OPPO)),
        (9, 7, None),
        (True, [], None),
    ],
)
async def test_a_receipt_says_what_device_it_is_and_who_brought_it_there(
    push: Jpush, platform: object, sender: object, via: Via | None
) -> None:
    [receipt] = push.receipts(posted([RECORD | {"app_platform": platform, "app_sender": sender}]))

    assert receipt.via == via


@pytest.mark.parametrize("time", [None, "yesterday", True])
async def test_a_receipt_without_a_time_happened_when_it_arrived(push: Jpush, time: object) -> None:
    [receipt] = push.receipts(posted(RECORD | {"time": time}))

    assert receipt.at == pytest.approx(system_clock(), abs=5000)


async def test_what_does_not_concern_a_delivery_is_left_out(push: Jpush) -> None:
    others = [RECORD | {"type": "geofence"}, RECORD | {"msg_id": None}, RECORD | {"registration_id": ""}, "text"]

    assert [receipt.address for receipt in push.receipts(posted([*others, RECORD]))] == ["rid-a"]


async def test_the_fields_of_receipts_can_be_named_otherwise(session: aiohttp.ClientSession) -> None:
    named = provider(session, receiptFields={"address": "rid", "kind": "event"})
    record = {"msg_id": 1, "rid": "rid-a", "event": "clicked", "time": 1_700_000_000}

    assert named.receipts(posted(record)) == [Receipt("1", "rid-a", State.CLICKED, 1_700_000_000_000)]


async def test_receipts_whose_fields_are_named_otherwise_say_so(push: Jpush) -> None:
    with pytest.raises(CallerRefused, match=r"'type': see credentials\.receiptFields"):
        push.receipts(posted([{"message": 1, "event": "clicked"}]))


@pytest.mark.parametrize("raw", [b"", b"nonsense", b'"text"', b"7"])
async def test_receipts_that_cannot_be_read_are_refused(push: Jpush, raw: bytes) -> None:
    with pytest.raises(CallerRefused, match="JPush receipt"):
        push.receipts(posted(raw))


@pytest.mark.parametrize("authorization", ["", "Basic abc", basic(KEY, "another"), "Basic é"])
async def test_receipts_of_somebody_else_are_refused(push: Jpush, authorization: str) -> None:
    with pytest.raises(Unauthorized):
        push.receipts(posted(RECORD, authorization))


async def test_the_stand_ins_receipts_are_read(session: aiohttp.ClientSession, running: Sandbox, doors: Doors) -> None:
    push = provider(session, running.address)
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1, "clicked": 1}]}))

    answer = await push.send(submission())

    receipts = push.receipts(await doors.report("/v1/app/callback"))
    assert {receipt.provider_id for receipt in receipts} == {answer.provider_id}
    assert [(receipt.address, receipt.state) for receipt in receipts] == [
        ("rid-a", State.DELIVERED),
        ("rid-a", State.CLICKED),
        ("rid-b", State.DELIVERED),
        ("rid-b", State.CLICKED),
    ]


async def test_the_stand_ins_receipts_name_a_device_of_those_that_the_push_is_for(
    session: aiohttp.ClientSession, running: Sandbox, doors: Doors
) -> None:
    push = provider(session, running.address)
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1}]}))

    await push.send(submission({**ALERT, "platform": ["ios"]}))

    receipts = push.receipts(await doors.report("/v1/app/callback"))
    assert {receipt.via for receipt in receipts} == {Via(AppPlatform.IOS, AppSender.APNS)}


async def test_the_door_answers_an_echo(push: Jpush) -> None:
    assert push.greet(Report("GET", {"echostr": "8Letters"}, {}, b"")) == "8Letters"
    assert push.greet(posted(RECORD)) is None
