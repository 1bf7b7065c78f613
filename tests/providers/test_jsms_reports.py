"""JSMS: receipts that are fetched instead of posted."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_jsms import provider, submission
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Receipt, Target
from ums.providers.jsms import provider as jsms
from ums.providers.jsms.provider import REPORT_SECONDS, Jsms
from ums.sandbox import Sandbox
from ums.sandbox.jsms import reports as jsms_reports
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State

REPORT = {"msgId": "1857496", "phone": "13000000000", "receiveTime": 1492150740292, "status": 4001}
RECEIPT = Receipt("1857496", "", State.DELIVERED, 1492150740292, None, "4001")


@pytest.fixture
def sms(session: aiohttp.ClientSession, doors: Doors) -> Jsms:
    """Talks to `doors` as if they were JSMS."""
    return provider(session, baseUrl=doors.url, receipts="poll")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two calls."""
    monkeypatch.setattr(jsms, "REPORT_SECONDS", 0)
    monkeypatch.setattr(jsms_reports, "SECONDS", 0.0)


@pytest.mark.parametrize(
    ("credentials", "seconds"), [({}, 0), ({"receipts": "callback"}, 0), ({"receipts": "poll"}, REPORT_SECONDS)]
)
async def test_receipts_are_fetched_only_where_the_credentials_say_so(
    session: aiohttp.ClientSession, credentials: dict[str, Any], seconds: int
) -> None:
    assert provider(session, **credentials).collected_every == seconds
    assert Jsms.collected_every == 0


async def test_each_report_becomes_a_receipt(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, [REPORT, REPORT | {"msgId": 2, "status": 4010, "receiveTime": "1492150740293"}])

    assert await sms.collect() == [
        RECEIPT,
        Receipt("2", "", State.UNDELIVERED, 1492150740293, Reason.CONTENT, "4010"),
    ]
    sent = await doors.report("/v1/report")
    assert (sent.method, sent.headers["authorization"][:6]) == ("GET", "Basic ")


async def test_one_report_that_cannot_be_read_does_not_cost_the_others(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, [7, {}, REPORT | {"status": "odd"}, REPORT | {"status": None}, REPORT])

    assert await sms.collect() == [RECEIPT]


async def test_jsms_is_not_asked_again_too_soon(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, [REPORT])

    assert [len(await sms.collect()) for _ in range(3)] == [1, 0, 0]
    assert doors.reports.qsize() == 1


async def test_another_workers_call_just_before_is_no_failure(sms: Jsms, doors: Doors) -> None:
    doors.answer(403, {"error": {"code": 50009, "message": "out of freq"}})

    assert await sms.collect() == []


@pytest.mark.parametrize("raw", [b"{}", b"garbage", b"", b"null"])
async def test_an_answer_without_reports_makes_no_sense(sms: Jsms, doors: Doors, raw: bytes) -> None:
    doors.answer(200, raw)

    with pytest.raises(OutcomeUnknown):
        await sms.collect()


@pytest.mark.parametrize(
    ("status", "raw", "expected"),
    [
        (401, b'{"error": {"code": 50002, "message": "auth failed"}}', ProviderRefused),
        (404, b"<html>", ProviderRefused),
        (500, b'{"error": {"code": 50019, "message": "server error"}}', ProviderBusy),
        (502, b"<html>", ProviderBusy),
    ],
)
async def test_a_refusal_says_who_must_act(
    sms: Jsms, doors: Doors, status: int, raw: bytes, expected: type[Exception]
) -> None:
    doors.answer(status, raw)

    with pytest.raises(expected):
        await sms.collect()


async def test_the_stand_in_keeps_reports_for_whoever_fetches(
    session: aiohttp.ClientSession, running: Sandbox, doors: Doors, hasty: None
) -> None:
    sms = provider(session, running.address, receipts="poll")
    running.play("jsms", Script.parse({"receipts": [{"match": "1$", "delivered": 1}, {"delivered": 0}]}))
    assert await sms.collect() == []

    answer = await sms.send(submission())

    told = {receipt.provider_id: receipt.state for receipt in await sms.collect()}
    expected = {7: State.DELIVERED, 8: State.UNDELIVERED}
    assert told == {outcome.provider_id: expected[outcome.id] for outcome in answer.outcomes}
    assert await sms.collect() == []
    assert doors.reports.empty()
    assert running.record("jsms").receipts_posted == 2


async def test_a_thousand_reports_take_two_calls(session: aiohttp.ClientSession, running: Sandbox, hasty: None) -> None:
    sms = provider(session, running.address, receipts="poll")
    running.play("jsms", Script.parse({"receipts": [{"delivered": 1}]}))
    await sms.collect()
    await sms.send(submission(*(Target(number, f"138{number:08}") for number in range(1000))))

    assert [len(await sms.collect()) for _ in range(3)] == [500, 500, 0]
