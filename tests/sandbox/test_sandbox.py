"""The sandbox as a whole: it starts, is told what to do from outside, and leaves nothing behind."""

import asyncio
import time

import aiohttp
import pytest

from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.script import Script
from ums.vocabulary import SandboxAddress

PUSH = {"platform": "all", "audience": {"registration_id": ["rid-a"]}, "notification": {"alert": "Hello"}}
AUTH = {"Authorization": "Basic a2V5OnNlY3JldA=="}


async def push(session: aiohttp.ClientSession, address: SandboxAddress) -> int:
    async with session.post(f"{address.http}/jpush/v3/push", json=PUSH, headers=AUTH) as response:
        return response.status


async def test_nothing_is_left_when_it_stops() -> None:
    address = free_address()
    for _ in range(2):
        async with sandbox(address, "http://127.0.0.1:1", {"jpush": Script.parse({"receipts": [{"delivered": 1}]})}):
            _, mail = await asyncio.open_connection(address.host, address.smtp_port)
            async with aiohttp.ClientSession() as session:
                assert await push(session, address) == 200
        mail.close()

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("which", ["port", "smtp_port", "smtps_port"])
async def test_a_port_that_is_taken_is_said_and_nothing_is_left(which: str) -> None:
    address = free_address()
    taken = await asyncio.start_server(lambda _, writer: writer.close(), address.host, getattr(address, which))

    with pytest.raises(OSError, match="address already in use"):
        async with sandbox(address, "http://127.0.0.1:1"):
            pass

    taken.close()
    await taken.wait_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with sandbox(address, "http://127.0.0.1:1"):
        pass


async def test_a_script_can_be_played_from_outside(running: Sandbox, session: aiohttp.ClientSession) -> None:
    control = f"{running.address.http}/_control/jpush/script"
    async with session.put(control, json={"busy": 1}) as response:
        assert response.status == 204

    assert [await push(session, running.address) for _ in range(2)] == [429, 200]


async def test_a_script_that_makes_no_sense_is_refused_and_changes_nothing(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    control = f"{running.address.http}/_control/jpush/script"
    for body in (b"nonsense", b'{"bussy": 1}'):
        async with session.put(control, data=body) as response:
            assert response.status == 400

    async with session.put(control, json={"bussy": 1}) as response:
        assert "a script has no 'bussy'" in await response.text()
    assert running.stages["jpush"].script == Script()


async def test_the_record_can_be_read_and_cleared_from_outside(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    control = f"{running.address.http}/_control/jpush/record"
    await push(session, running.address)
    await push(session, running.address)
    async with session.get(control) as response:
        whole = await response.json()
    async with session.get(control, params={"newest": "1"}) as response:
        newest = await response.json()

    assert (whole["submissions"], whole["targets"], len(whole["accepted"])) == (2, 2, 2)
    assert whole["accepted"][0]["targets"] == ["rid-a"]
    assert (newest["submissions"], newest["accepted"]) == (2, whole["accepted"][1:])

    held = running.record("jpush")
    async with session.delete(control) as response:
        assert response.status == 204
    assert (held.submissions, held.addresses) == (0, [])
    assert running.record("jpush") is held


async def test_the_record_says_when_each_submission_was_accepted(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    before = time.time_ns() // 1_000_000
    await push(session, running.address)
    between = time.time_ns() // 1_000_000
    await push(session, running.address)
    after = time.time_ns() // 1_000_000

    first, second = (submission["at"] for submission in running.record("jpush").accepted)
    assert before <= first <= between <= second <= after


@pytest.mark.parametrize("path", ["/_control/telex/record", "/jpush/v3/nothing", "/"])
async def test_what_is_not_there_is_not_found(running: Sandbox, session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(running.address.http + path) as response:
        assert response.status == 404


async def test_an_answer_takes_as_long_as_the_script_says(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script(latency=0.15))
    started = asyncio.get_running_loop().time()

    await push(session, running.address)

    assert asyncio.get_running_loop().time() - started >= 0.15


async def test_the_share_that_fails_is_accepted_nowhere(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script(error_rate=0.5))

    assert [await push(session, running.address) for _ in range(4)] == [200, 500, 200, 500]
    assert (running.record("jpush").submissions, running.record("jpush").turned_away) == (2, 2)
