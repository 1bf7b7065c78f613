"""CMPP: reports as they come over the connection, and when they are answered."""

import asyncio

import aiohttp
import pytest

from tests.providers.cmpp_gateway import DELIVER, MSG_ID, Gateway, answered, gateway, report, submission, texter
from tests.providers.test_cmpp import ANN, EXAMPLE, LONG
from ums.providers.cmpp.provider import Cmpp
from ums.providers.contract import Account, Receipt
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State, system_clock

ANSWER = 0x80000000 | DELIVER
ID = f"{MSG_ID}:13800000001"


async def collected(sms: Cmpp, count: int = 1) -> list[Receipt]:
    """So many receipts, or as many as come in two seconds."""
    receipts: list[Receipt] = []
    for _ in range(200):
        receipts += await sms.collect()
        if len(receipts) >= count:
            break
        await asyncio.sleep(0.01)
    return receipts


async def told(sms: Cmpp, at: Gateway, *bodies: bytes) -> list[tuple[str, State]]:
    await sms.collect()
    for sequence, body in enumerate(bodies, 1):
        at.say(DELIVER, sequence, body)
    await at.settled()
    return [(receipt.provider_id, receipt.state) for receipt in await sms.collect()]


@pytest.mark.parametrize(
    ("stat", "state", "reason", "words"),
    [
        ("DELIVRD", State.DELIVERED, None, ""),
        ("EXPIRED", State.UNDELIVERED, Reason.UNREACHABLE, ""),
        ("DELETED", State.UNDELIVERED, Reason.PROVIDER, ""),
        ("UNDELIV", State.UNDELIVERED, Reason.UNREACHABLE, ""),
        ("UNKNOWN", State.UNKNOWN, Reason.UNKNOWN, ""),
        ("REJECTD", State.UNDELIVERED, Reason.PROVIDER, ""),
        ("MA:0001", State.UNDELIVERED, Reason.PROVIDER, ""),
        ("MC:0001", State.UNKNOWN, Reason.UNKNOWN, ""),
        ("IB:0072", State.UNDELIVERED, Reason.PROVIDER, ""),
        ("IC:0001", State.UNKNOWN, Reason.UNKNOWN, ""),
        ("MK:0001", State.UNDELIVERED, Reason.INVALID_ADDRESS, "empty number"),
        ("MK:9999", State.UNDELIVERED, Reason.UNKNOWN, ""),
        ("SOME", State.UNDELIVERED, Reason.UNKNOWN, ""),
    ],
)
async def test_a_report_becomes_a_receipt(
    session: aiohttp.ClientSession, stat: str, state: State, reason: Reason | None, words: str
) -> None:
    codes = {
        "MK:0001": {"reason": "invalid_address", "words": "empty number"},
        "DELIVRD": {"reason": "unknown", "words": "nonsense"},
    }
    async with gateway() as at, texter(session, at, codes=codes) as sms:
        await sms.collect()
        at.say(DELIVER, 1, report(stat, done="2311221030"))

        receipts = await collected(sms)

    done = 1700620259999  # the end of 2023-11-22 10:30 in Beijing
    assert receipts == [Receipt(ID, "", state, done, reason, stat, words)]


@pytest.mark.parametrize("number", ["13800000001", "8613800000001", "+8613800000001"])
async def test_the_number_may_come_with_its_country(session: aiohttp.ClientSession, number: str) -> None:
    async with gateway() as at, texter(session, at) as sms:
        assert await told(sms, at, report("DELIVRD", number=number)) == [(ID, State.DELIVERED)]


@pytest.mark.parametrize("done", ["0000000000", "", "6812312359", "soon"])
async def test_a_report_without_a_usable_time_is_of_now(session: aiohttp.ClientSession, done: str) -> None:
    async with gateway() as at, texter(session, at) as sms:
        await sms.collect()
        at.say(DELIVER, 1, report("DELIVRD", done=done))
        [receipt] = await collected(sms)

    assert receipt.at == pytest.approx(system_clock(), abs=5000)


async def test_a_report_is_answered_when_the_next_call_proves_that_it_is_stored(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at) as sms:
        await sms.collect()
        at.say(DELIVER, 41, report("DELIVRD"))
        await collected(sms)
        await at.settled()
        assert at.heard.empty()

        await sms.collect()

        assert await at.next(ANSWER) == (41, (77).to_bytes(8, "big") + b"\0")


async def test_a_text_from_a_phone_and_what_is_on_its_way_are_answered_at_once(session: aiohttp.ClientSession) -> None:
    text = bytes(8) + b"10690001".ljust(21, b"\0") + bytes(13) + b"13800000001".ljust(21, b"\0") + b"\0\2TD" + bytes(8)
    async with gateway() as at, texter(session, at) as sms:
        assert await told(sms, at, text, report("ACCEPTD")) == []

        assert [(await at.next(ANSWER))[0] for _ in range(2)] == [1, 2]


async def test_a_deliver_that_cannot_be_read_is_refused_and_the_next_is_read(session: aiohttp.ClientSession) -> None:
    broken = report("DELIVRD")[:-20]
    async with gateway() as at, texter(session, at) as sms:
        assert await told(sms, at, broken, report("DELIVRD")) == [(ID, State.DELIVERED)]

        assert await at.next(ANSWER) == (1, (77).to_bytes(8, "big") + b"\1")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([report("DELIVRD", 1)], []),
        ([report("DELIVRD", 1), report("DELIVRD", 2)], [State.DELIVERED]),
        ([report("UNDELIV", 1)], [State.UNDELIVERED]),
        ([report("UNDELIV", 1), report("DELIVRD", 2)], [State.UNDELIVERED]),
        ([report("UNDELIV", 2)], [State.UNDELIVERED]),
    ],
)
async def test_a_text_in_parts_is_delivered_when_its_last_part_is_and_none_has_failed(
    session: aiohttp.ClientSession, reports: list[bytes], expected: list[State]
) -> None:
    async with gateway(answered(0, 1), answered(0, 2)) as at, texter(session, at) as sms:
        await sms.send(submission(ANN, content=LONG))

        assert await told(sms, at, *reports) == [("2:13800000001", state) for state in expected]


@pytest.mark.parametrize("version", ["2.0", "3.0"])
async def test_the_stand_ins_reports_are_read(session: aiohttp.ClientSession, running: Sandbox, version: str) -> None:
    sms = Cmpp(Account("it", EXAMPLE.credentials | {"version": version}, running.address), session)
    running.play("cmpp", Script.parse({"receipts": [{"match": "1$", "delivered": 1}, {"delivered": 0}]}))

    answer = await sms.send(submission("+8613800000001", "13800000002"))

    receipts = await collected(sms, 2)
    await sms.collect()
    expected = {1: State.DELIVERED, 2: State.UNDELIVERED}
    states = {receipt.provider_id: receipt.state for receipt in receipts}
    assert states == {outcome.provider_id: expected[outcome.id] for outcome in answer.outcomes}
    await sms.close()
    assert running.record("cmpp").receipts_posted == 2


async def test_reports_that_a_killed_process_had_not_stored_come_to_the_next(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    killed, other = (Cmpp(Account("it", EXAMPLE.credentials, running.address), session) for _ in range(2))
    answer = await killed.send(submission(ANN))
    first = await collected(killed)
    await killed.close()  # without the call that would have said that they are stored

    second = await collected(other)

    await other.close()
    assert [receipt.provider_id for receipt in first] == [outcome.provider_id for outcome in answer.outcomes]
    assert [receipt.provider_id for receipt in second] == [receipt.provider_id for receipt in first]


async def test_more_reports_than_fit_into_a_window_all_come(session: aiohttp.ClientSession, running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    sms = Cmpp(Account("it", EXAMPLE.credentials, running.address), session)
    numbers = [f"138{number:08}" for number in range(99)]

    answer = await sms.send(submission(*numbers))

    receipts = await collected(sms, 99)
    await sms.close()
    assert {receipt.provider_id for receipt in receipts} == {outcome.provider_id for outcome in answer.outcomes}
