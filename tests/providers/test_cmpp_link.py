"""CMPP: connections that open, stay open, are lost, and come back."""

import asyncio
import struct

import aiohttp
import pytest

from tests.providers.cmpp_gateway import (
    ACTIVE_TEST,
    HANG_UP,
    SILENCE,
    SUBMIT,
    TERMINATE,
    WELCOME,
    WELCOME_3,
    Gateway,
    answered,
    gateway,
    submission,
    texter,
)
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.cmpp import link as cmpp_link
from ums.providers.cmpp import pool as cmpp_pool
from ums.providers.cmpp.provider import Cmpp
from ums.vocabulary import State


async def called_again(sms: Cmpp, at: Gateway) -> bool:
    """Whether calls for receipts open a second connection, within a few seconds."""
    for _ in range(300):
        await sms.collect()
        if len(at.connects) == 2:
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5, 99])
async def test_a_gateway_that_lets_nobody_in_is_for_the_operator(session: aiohttp.ClientSession, status: int) -> None:
    async with gateway(welcome=bytes([status]) + bytes(17)) as at, texter(session, at) as sms:
        with pytest.raises(ProviderRefused, match=f"connect_{status}: 127.0.0.1") as refused:
            await sms.send(submission())

    assert "888888" not in str(refused.value)


@pytest.mark.parametrize(("version", "welcome"), [("2.0", WELCOME_3), ("3.0", WELCOME)])
async def test_a_gateway_of_the_other_version_is_for_the_operator(
    session: aiohttp.ClientSession, version: str, welcome: bytes
) -> None:
    async with gateway(welcome=welcome) as at, texter(session, at, version=version) as sms:
        with pytest.raises(ProviderRefused, match="change version"):
            await sms.send(submission())


@pytest.mark.parametrize("welcome", [HANG_UP, b"", bytes(5)])
async def test_a_gateway_that_does_not_answer_a_connect_is_worth_another_try(
    session: aiohttp.ClientSession, welcome: object
) -> None:
    async with gateway(welcome=welcome) as at, texter(session, at) as sms:
        with pytest.raises(ProviderBusy, match="IP address allowed"):
            await sms.send(submission())


async def test_a_silent_gateway_is_not_waited_for_for_ever(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_link, "CONNECT_SECONDS", 0.05)
    async with gateway(welcome=SILENCE) as at, texter(session, at) as sms:
        with pytest.raises(ProviderBusy, match="no answer to CONNECT"):
            await sms.send(submission())


async def test_one_connection_serves_many_submissions_and_says_goodbye(session: aiohttp.ClientSession) -> None:
    async with gateway() as at:
        async with texter(session, at) as sms:
            for _ in range(3):
                await sms.send(submission())

        assert (len(at.connects), at.goodbyes) == (1, 1)


async def test_as_many_connections_open_as_are_allowed(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at, connections=3) as sms:
        await sms.send(submission())

        assert len(at.connects) == 3


async def test_no_more_submits_are_unanswered_than_the_window_holds(session: aiohttp.ClientSession) -> None:
    numbers = [f"138{number:08}" for number in range(5)]
    async with gateway(SILENCE, SILENCE, answered(0)) as at, texter(session, at, window=2) as sms:
        sending = asyncio.create_task(sms.send(submission(*numbers)))
        first, second = (await at.next(SUBMIT))[0], (await at.next(SUBMIT))[0]
        await asyncio.sleep(0.05)
        assert at.heard.empty()

        at.say(0x80000000 | SUBMIT, second, answered(0))
        at.say(0x80000000 | SUBMIT, first, answered(0))

        answer = await asyncio.wait_for(sending, 5)
    assert {outcome.state for outcome in answer.outcomes} == {State.SUBMITTED}


async def test_pdus_may_come_in_pieces_and_several_at_once(session: aiohttp.ClientSession) -> None:
    async with gateway(SILENCE) as at, texter(session, at) as sms:
        sending = asyncio.create_task(sms.send(submission()))
        sequence, _ = await at.next(SUBMIT)
        raw = struct.pack(">III", 12, ACTIVE_TEST, 9) + struct.pack(">III", 21, 0x80000004, sequence) + answered(0)
        at.write(raw[:5])
        await asyncio.sleep(0.02)
        at.write(raw[5:30])
        await asyncio.sleep(0.02)
        at.write(raw[30:])

        answer = await asyncio.wait_for(sending, 5)
        assert await at.next(0x80000000 | ACTIVE_TEST) == (9, b"\0")
    assert [outcome.state for outcome in answer.outcomes] == [State.SUBMITTED]


@pytest.mark.parametrize("raw", [b"<html>502 Bad Gateway</html>", bytes(12), b"\0\1\0\0" + bytes(8)])
async def test_what_is_not_cmpp_ends_the_connection_and_leaves_the_outcome_unknown(
    session: aiohttp.ClientSession, raw: bytes
) -> None:
    async with gateway(SILENCE) as at, texter(session, at) as sms:
        sending = asyncio.create_task(sms.send(submission()))
        await at.next(SUBMIT)
        at.write(raw)

        answer = await asyncio.wait_for(sending, 5)
    assert [outcome.state for outcome in answer.outcomes] == [State.UNKNOWN]


async def test_a_quiet_gateway_is_tested_and_left_when_it_is_gone(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_link, "IDLE_SECONDS", 0.03)
    async with gateway() as at, texter(session, at) as sms:
        await sms.collect()
        for _ in range(3):
            await at.next(ACTIVE_TEST)

        assert await called_again(sms, at)


async def test_a_gateway_that_answers_its_tests_is_kept(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_link, "IDLE_SECONDS", 0.03)
    async with gateway() as at, texter(session, at) as sms:
        await sms.collect()
        for _ in range(6):
            sequence, _ = await at.next(ACTIVE_TEST)
            at.say(0x80000000 | ACTIVE_TEST, sequence)

        await sms.send(submission())

        assert len(at.connects) == 1


async def test_a_gateway_that_says_goodbye_is_answered_and_called_again(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_link, "GOODBYE_SECONDS", 0.1)
    async with gateway() as at, texter(session, at) as sms:
        await sms.send(submission())
        await at.next(SUBMIT)
        at.say(TERMINATE, 5)
        assert await at.next(0x80000000 | TERMINATE) == (5, b"")

        answer = await sms.send(submission())

        assert len(at.connects) == 2
    assert [outcome.state for outcome in answer.outcomes] == [State.SUBMITTED]


async def test_a_lost_connection_is_opened_again_for_the_reports(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at) as sms:
        await sms.collect()
        at.hang_up()

        assert await called_again(sms, at)


async def test_a_gateway_in_trouble_is_left_in_peace_for_a_while(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_pool, "BACK_OFF", (0.2,))
    async with gateway(welcome=b"\3" + bytes(17)) as at, texter(session, at) as sms:
        with pytest.raises(ProviderRefused):
            await sms.collect()
        assert await sms.collect() == []
        with pytest.raises(ProviderRefused, match="wrong password"):
            await sms.send(submission())
        assert len(at.connects) == 1

        at.welcome = WELCOME
        await asyncio.sleep(0.2)
        answer = await sms.send(submission())

    assert [outcome.state for outcome in answer.outcomes] == [State.SUBMITTED]


async def test_the_pause_is_told(session: aiohttp.ClientSession) -> None:
    async with gateway(welcome=HANG_UP) as at, texter(session, at) as sms:
        with pytest.raises(ProviderBusy):
            await sms.send(submission())
        with pytest.raises(ProviderBusy) as held_up:
            await sms.send(submission())

    assert held_up.value.retry_after == pytest.approx(1, abs=0.5)
