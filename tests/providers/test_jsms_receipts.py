"""JSMS: signed callbacks, and what becomes of one that is old, used again or cannot be read."""

import json
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_jsms import KEY, SECRET, provider, submission
from ums.errors import CallerRefused, Unauthorized
from ums.providers.contract import Receipt, Replied, Report
from ums.providers.jsms.keeping import reviewed
from ums.providers.jsms.provider import Jsms
from ums.providers.jsms.receipts import AHEAD, OLDEST, Callbacks, replied, signature
from ums.providers.keeper import ObjectId, Reviewed
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, Review, State, system_clock

NONCE, TIMESTAMP = "7659972084945889195", "1492150740274"
SIGNATURE = "268d92c1b6358285a56e0ccdb0c39c72acebd81d"
REPORT = {"msgId": 1857496, "phone": 13000000000, "receiveTime": 1492150740292, "status": 4001}


@pytest.fixture
def sms(session: aiohttp.ClientSession, doors: Doors) -> Jsms:
    """Talks to `doors` as if they were JSMS."""
    return provider(session, baseUrl=doors.url)


def posted(data: object, kind: str = "SMS_REPORT", *, at: int | None = None, nonce: str = NONCE, **more: str) -> Report:
    timestamp = str(system_clock() if at is None else at)
    signed = signature(KEY, SECRET, nonce, timestamp)
    form = {"nonce": nonce, "timestamp": timestamp, "signature": signed, "type": kind, **more}
    raw = data if isinstance(data, str) else json.dumps(data)
    return Report("POST", {}, {}, urlencode(form | {"data": raw}).encode())


@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [
        (KEY, SECRET, SIGNATURE),
        ("dev_sample_appKey", "dev_sample_appMasterSecret", "57858e063e5a802e09f7e87169b587701537d4d9"),
    ],
)
def test_the_signature_is_that_of_the_reference(key: str, secret: str, expected: str) -> None:
    assert signature(key, secret, NONCE, TIMESTAMP) == expected


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (4001, State.DELIVERED, None),
        (4002, State.UNDELIVERED, Reason.PROVIDER),
        (4003, State.UNDELIVERED, Reason.UNREACHABLE),
        (4004, State.UNDELIVERED, Reason.INVALID_ADDRESS),
        (4005, State.UNDELIVERED, Reason.ACCOUNT),
        (4010, State.UNDELIVERED, Reason.CONTENT),
        (4100, State.UNDELIVERED, Reason.UNKNOWN),
        (4999, State.UNKNOWN, Reason.UNKNOWN),
    ],
)
async def test_a_report_becomes_a_receipt(sms: Jsms, status: int, state: State, reason: Reason | None) -> None:
    expected = Receipt("1857496", "", state, 1492150740292, reason, str(status))
    assert sms.receipts(posted(REPORT | {"status": status})) == [expected]


async def test_numbers_may_come_as_text(sms: Jsms) -> None:
    data = {"msgId": "1857496", "phone": "13000000000", "receiveTime": "1492150740292", "status": "4001"}

    assert sms.receipts(posted(data)) == [Receipt("1857496", "", State.DELIVERED, 1492150740292, None, "4001")]


@pytest.mark.parametrize("kind", ["SMS_REPLY", "SMS_TEMPLATE", "SMS_SIGN", "SMS_OF_TOMORROW"])
async def test_what_is_not_a_report_tells_of_no_delivery(sms: Jsms, kind: str) -> None:
    assert sms.receipts(posted({"phone": 13000000000, "content": "TD"}, kind)) == []


@pytest.mark.parametrize("signed", ["0" * 40, "", SIGNATURE, "é"])
async def test_a_report_with_another_signature_is_refused(sms: Jsms, signed: str) -> None:
    with pytest.raises(Unauthorized, match="without the signature"):
        sms.receipts(posted({}, signature=signed))


@pytest.mark.parametrize("field", ["nonce", "timestamp"])
async def test_the_signature_covers_nonce_and_time(sms: Jsms, field: str) -> None:
    changed = posted(REPORT).body.decode().replace(f"{field}=", f"{field}=1")

    with pytest.raises(Unauthorized, match="without the signature"):
        sms.receipts(Report("POST", {}, {}, changed.encode()))


@pytest.mark.parametrize("data", ["", "nonsense", "[]", '"text"', '{"msgId": "1"}', '{"msgId": "1", "status": "x"}'])
async def test_a_report_that_cannot_be_read_is_refused(sms: Jsms, data: str) -> None:
    with pytest.raises(CallerRefused, match="JSMS report"):
        sms.receipts(posted(data))


async def test_a_body_that_is_no_form_is_refused(sms: Jsms) -> None:
    with pytest.raises(Unauthorized):
        sms.receipts(Report("POST", {}, {}, b"\xff{}"))


async def test_the_stand_ins_receipts_are_read(session: aiohttp.ClientSession, running: Sandbox, doors: Doors) -> None:
    sms = provider(session, running.address)
    running.play("jsms", Script.parse({"receipts": [{"match": "1$", "delivered": 1}, {"delivered": 0}]}))

    answer = await sms.send(submission())

    arrived = [sms.receipts(await doors.report("/v1/sms/callback"))[0] for _ in answer.outcomes]
    states = {receipt.provider_id: receipt.state for receipt in arrived}
    expected = {7: State.DELIVERED, 8: State.UNDELIVERED}
    assert states == {outcome.provider_id: expected[outcome.id] for outcome in answer.outcomes}


@pytest.mark.parametrize("age", [0, OLDEST, -AHEAD])
def test_a_callback_of_today_is_taken(age: int) -> None:
    door = Callbacks(KEY, SECRET, lambda: 1_492_150_740_274 + age)

    assert len(door.receipts(posted(REPORT, at=1_492_150_740_274))) == 1


@pytest.mark.parametrize("age", [OLDEST + 1, -AHEAD - 1])
def test_a_callback_of_another_day_is_refused(age: int) -> None:
    door = Callbacks(KEY, SECRET, lambda: 1_492_150_740_274 + age)

    with pytest.raises(Unauthorized, match="of today"):
        door.receipts(posted(REPORT, at=1_492_150_740_274))


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1.5", "9" * 5000])
def test_a_callback_without_a_time_is_refused(timestamp: str) -> None:
    signed = signature(KEY, SECRET, NONCE, timestamp)

    with pytest.raises(Unauthorized, match="of today"):
        Callbacks(KEY, SECRET).receipts(posted(REPORT, timestamp=timestamp, signature=signed))


def test_what_jsms_repeats_is_taken_again() -> None:
    door, report = Callbacks(KEY, SECRET), posted(REPORT)

    assert door.receipts(report) == door.receipts(report)


@pytest.mark.parametrize(
    ("data", "kind"), [(REPORT | {"status": 4002}, "SMS_REPORT"), (REPORT, "SMS_REPLY"), ("nonsense", "SMS_REPORT")]
)
def test_a_signature_used_again_for_something_else_is_refused(data: object, kind: str) -> None:
    door, at = Callbacks(KEY, SECRET), system_clock()
    door.receipts(posted(REPORT, at=at))

    with pytest.raises(Unauthorized, match="of another one"):
        door.receipts(posted(data, kind, at=at))
    assert len(door.receipts(posted(REPORT, at=at, nonce="2"))) == 1


def test_not_every_signature_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ums.providers.jsms.receipts.REMEMBERED", 2)
    door, at = Callbacks(KEY, SECRET), system_clock()
    for nonce in ("1", "2", "3"):
        door.receipts(posted(REPORT, at=at, nonce=nonce))

    assert len(door.receipts(posted(REPORT | {"status": 4002}, at=at, nonce="1"))) == 1
    with pytest.raises(Unauthorized):
        door.receipts(posted(REPORT | {"status": 4002}, at=at, nonce="3"))


def test_what_jsms_repeats_for_half_a_day_is_not_too_old() -> None:
    assert OLDEST > (3 * 60 + 3600 + 12 * 3600) * 1000


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "SMS_TEMPLATE",
            '{"tempId":57496,"status":1,"refuseReason":null}',
            Reviewed(ObjectId("ProviderTemplate", "57496"), Review.APPROVED),
        ),
        (
            "SMS_SIGN",
            '{"signId":123,"status":2,"refuseReason":"not your name"}',
            Reviewed(ObjectId("Signature", "123"), Review.REJECTED, "not your name"),
        ),
    ],
)
def test_a_review_is_read_as_the_reference_says(kind: str, data: str, expected: Reviewed) -> None:
    assert reviewed(kind, data) == [expected]


@pytest.mark.parametrize("data", ["", "[]", "null", '{"tempId":1,"status":7}', '{"status":1}'])
def test_what_is_no_review_is_refused(data: str) -> None:
    with pytest.raises(CallerRefused, match="JSMS review"):
        reviewed("SMS_TEMPLATE", data)


def test_what_tells_of_no_review_is_left_to_others() -> None:
    assert reviewed("SMS_REPLY", '{"phone":"13000000000","content":"TD"}') == []


@pytest.mark.parametrize("phone", [13000000000, "13000000000", "8613000000000", "+8613000000000"])
@pytest.mark.parametrize("at", [1492150740292, "1492150740292"])
async def test_a_reply_is_read_as_the_reference_says(sms: Jsms, phone: object, at: object) -> None:
    told = posted({"content": "TD", "phone": phone, "replyTime": at}, "SMS_REPLY")

    assert sms.replies(told) == [Replied("+8613000000000", "TD", 1492150740292)]


@pytest.mark.parametrize(
    "data",
    [
        "", "[]", "null", '{"phone":"13000000000","content":"TD"}', '{"phone":"13000000000","replyTime":1}',
        '{"phone":"1300","replyTime":1,"content":"TD"}', '{"phone":"13000000000","replyTime":0,"content":"TD"}',
        '{"phone":"13000000000","replyTime":253402300800000,"content":"TD"}',
    ],
)  # fmt: skip
async def test_what_is_no_reply_is_refused(sms: Jsms, data: str) -> None:
    with pytest.raises(CallerRefused, match="JSMS reply"):
        sms.replies(posted(data, "SMS_REPLY"))


@pytest.mark.parametrize("kind", ["SMS_REPORT", "SMS_TEMPLATE", "SMS_SIGN", "SMS_OF_TOMORROW"])
def test_what_tells_of_no_reply_is_left_to_others(kind: str) -> None:
    assert replied(kind, "{}") == []


async def test_a_reply_with_another_signature_is_refused(sms: Jsms) -> None:
    told = {"content": "TD", "phone": 13000000000, "replyTime": 1492150740292}

    with pytest.raises(Unauthorized, match="without the signature"):
        sms.replies(posted(told, "SMS_REPLY", signature=SIGNATURE))
