"""CMPP's stand-in: reports on their way back, byte by byte."""

import asyncio
from collections.abc import Callable

import pytest

from tests.sandbox.test_cmpp_stand_in import ACTIVE_TEST, ANN, ANSWER, DELIVER, SUBMIT, logged_in, message
from ums.sandbox import Sandbox
from ums.sandbox.cmpp import session as cmpp_session
from ums.sandbox.script import Script


@pytest.mark.parametrize(
    ("version", "wide", "length", "status"), [(0x20, False, 60, b"\0"), (0x30, True, 71, b"\0\0\0\0")]
)
async def test_a_report_comes_in_the_layout_of_the_version(
    running: Sandbox, version: int, wide: bool, length: int, status: bytes
) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 0}]}))
    async with logged_in(running, version) as client:
        client.say(SUBMIT, message(ANN, wide=wide))
        _, _, answer = await client.hear()
        command, sequence, body = await client.hear()

        client.say(ANSWER | DELIVER, body[:8] + status, sequence)
        await _until(lambda: running.record("cmpp").receipts_posted == 1)

    size = 32 if wide else 21
    head = 8 + 21 + 10 + 3 + size + wide
    content = body[head + 2 : head + 2 + length]
    assert (command, body[head], body[head + 1]) == (DELIVER, 1, length)
    assert len(body) == head + 2 + length + (20 if wide else 8)
    assert (body[8:16], body[29:33], body[42 : 42 + size].rstrip(b"\0")) == (b"10690001", b"SHOP", ANN.encode())
    assert (content[:8], content[8:15], content[35 : 35 + size].rstrip(b"\0")) == (answer[:8], b"UNDELIV", ANN.encode())
    assert content[15:35].isdigit()


async def test_who_asks_for_no_report_gets_none(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    async with logged_in(running) as client:
        await client.submit(message(ANN, report=0))
        client.say(ACTIVE_TEST, b"", 3)

        assert await client.hear() == (ANSWER | ACTIVE_TEST, 3, b"\0")


async def test_an_unanswered_report_goes_to_whoever_connects_next(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    async with logged_in(running) as client:
        await client.submit(message(ANN))
        _, _, first = await client.hear()
    async with logged_in(running) as client:
        _, _, second = await client.hear()

    assert second[64 + 2 : 64 + 17] == first[64 + 2 : 64 + 17]
    assert running.record("cmpp").receipts_posted == 0


@pytest.mark.parametrize("refused", [True, False])
async def test_a_report_that_is_not_taken_comes_again(
    running: Sandbox, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    monkeypatch.setattr(cmpp_session, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(cmpp_session, "ANSWER_SECONDS", 0.1)
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    async with logged_in(running) as client:
        await client.submit(message(ANN))
        _, sequence, first = await client.hear()
        if refused:
            client.say(ANSWER | DELIVER, first[:8] + b"\x08", sequence)

        _, again, second = await client.hear()

    assert again != sequence
    assert second[66:81] == first[66:81]


async def test_no_more_than_a_window_of_reports_is_unanswered(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"receipts": [{"delivered": 1}]}))
    async with logged_in(running) as client:
        client.say(SUBMIT, message(*[f"138{number:08}" for number in range(20)]))
        assert (await client.hear())[0] == ANSWER | SUBMIT
        reports = [await client.hear() for _ in range(16)]
        client.say(ACTIVE_TEST)
        assert (await client.hear())[0] == ANSWER | ACTIVE_TEST

        client.say(ANSWER | DELIVER, reports[0][2][:8] + b"\0", reports[0][1])

        assert (await client.hear())[0] == DELIVER


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)
