"""CMPP's stand-in, byte by byte: what is sent and expected here is written by hand."""

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.cmpp import session as cmpp_session
from ums.sandbox.script import Script

CONNECT, TERMINATE, SUBMIT, DELIVER, ACTIVE_TEST = 1, 2, 4, 5, 8
ANSWER = 0x80000000
STAMP = "0123040506"


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, command: int, body: bytes = b"", sequence: int = 1) -> None:
        self.writer.write(struct.pack(">III", 12 + len(body), command, sequence) + body)

    async def hear(self) -> tuple[int, int, bytes]:
        head = await asyncio.wait_for(self.reader.readexactly(12), 5)
        length, command, sequence = struct.unpack(">III", head)
        return command, sequence, await self.reader.readexactly(length - 12)

    async def submit(self, body: bytes) -> tuple[int, int]:
        """Message id and result, of 2.0."""
        self.say(SUBMIT, body, 7)
        command, sequence, answer = await self.hear()
        assert (command, sequence) == (ANSWER | SUBMIT, 7)
        msg_id, result = struct.unpack(">QB", answer)
        return msg_id, result

    async def is_left(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 5) == b""


@asynccontextmanager
async def connected(running: Sandbox) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(running.address.host, running.address.cmpp_port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def logged_in(running: Sandbox, version: int = 0x20) -> AsyncIterator[Client]:
    async with connected(running) as client:
        client.say(CONNECT, proof(version=version))
        _, _, answer = await client.hear()
        assert not any(answer[:-17])
        yield client


def proof(account: bytes = b"900001", secret: bytes = b"888888", version: int = 0x20) -> bytes:
    digest = hashlib.md5(account + bytes(9) + secret + STAMP.encode(), usedforsecurity=False).digest()
    return struct.pack(">6s16sBI", account, digest, version, int(STAMP))


def message(*numbers: str, content: bytes = b"Hello", wide: bool = False, **more: Any) -> bytes:
    """A SUBMIT's body; `wide` is 3.0."""
    size = 32 if wide else 21
    said: dict[str, Any] = {
        "total": 1,
        "number": 1,
        "report": 1,
        "udhi": 0,
        "coding": 0,
        "account": b"900001",
        "fee": b"000000",
    } | more
    return b"".join(
        (
            bytes(8) + bytes([said["total"], said["number"], said["report"], 0]) + b"SHOP".ljust(10, b"\0") + b"\2",
            bytes(size + wide) + bytes([0, said["udhi"], said["coding"]]) + said["account"] + b"01" + said["fee"],
            bytes(34) + said.get("source", b"10690001").ljust(21, b"\0") + bytes([len(numbers)]),
            b"".join(number.encode().ljust(size, b"\0") for number in numbers) + bytes(wide),
            bytes([len(content)]) + content + bytes(20 if wide else 8),
        )
    )


ANN, BEN = "13800000001", "13800000002"


@pytest.mark.parametrize(
    ("version", "status", "digest"),
    [
        (0x20, "00", "254d0d0f49721079f5f72020734456b8"),
        (0x21, "00", "254d0d0f49721079f5f72020734456b8"),
        (0x30, "00000000", "06ff1189c8ef98d04c32929b9a4c23d0"),
    ],
)
async def test_who_knows_the_secret_comes_in_and_is_shown_that_the_gateway_knows_it_too(
    running: Sandbox, version: int, status: str, digest: str
) -> None:
    running.play("cmpp", Script(accounts={"900001": "888888"}))
    async with connected(running) as client:
        client.say(CONNECT, proof(version=version), 9)

        command, sequence, body = await client.hear()

    assert (command, sequence, body.hex()) == (ANSWER | CONNECT, 9, status + digest + "30")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (proof(secret=b"guess"), 3),
        (proof(account=b"900002"), 2),
        (proof(version=0x7F), 4),
        (proof()[:-1], 1),
    ],
)
async def test_nobody_else_comes_in(running: Sandbox, body: bytes, status: int) -> None:
    running.play("cmpp", Script(accounts={"900001": "888888"}))
    async with connected(running) as client:
        client.say(CONNECT, body)

        _, _, answer = await client.hear()

        assert int.from_bytes(answer[:-17], "big") == status
        assert answer[-17:-1] == bytes(16)
        assert await client.is_left()


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n\r\n", struct.pack(">III", 12, SUBMIT, 1), bytes(12)])
async def test_what_does_not_begin_with_a_connect_is_left(running: Sandbox, raw: bytes) -> None:
    async with connected(running) as client:
        client.writer.write(raw)

        assert await client.is_left()


async def test_a_submit_is_accepted_and_kept(running: Sandbox) -> None:
    async with logged_in(running) as client:
        msg_id, result = await client.submit(message(ANN, BEN))

    [accepted] = running.record("cmpp").accepted
    assert (result, accepted["msg_id"]) == (0, msg_id)
    assert (accepted["targets"], accepted["text"], accepted["account"]) == ([ANN, BEN], "Hello", "900001")
    assert msg_id >> 16 & 0x3FFFFF == 1001


async def test_a_group_takes_as_many_ids_as_it_has_numbers(running: Sandbox) -> None:
    async with logged_in(running) as client:
        first, _ = await client.submit(message(ANN, BEN))
        second, _ = await client.submit(message(ANN))

    assert (first & 0xFFFF, second & 0xFFFF) == (1, 3)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (message(ANN)[:-1], 1),
        (message(ANN) + b"\0", 1),
        (message(ANN, total=1, number=2), 1),
        (message(ANN, coding=5), 1),
        (message(), 4),
        (message(*[ANN] * 100), 4),
        (message(ANN, fee=b"free!!"), 5),
        (message(ANN, content=b"x" * 160), 6),
        (message(ANN, content=b"\0x" * 71, coding=8), 6),
        (message(ANN, source=b"Shop"), 10),
        (message(ANN, account=b"900002"), 11),
        (message(ANN, "12345"), 13),
        (message(ANN, "13800000666"), 13),
    ],
)
async def test_what_is_not_in_order_is_refused(running: Sandbox, body: bytes, result: int) -> None:
    running.play("cmpp", Script.parse({"refuse": ["666$"]}))
    async with logged_in(running) as client:
        assert await client.submit(body) == (0, result)

    assert (running.record("cmpp").submissions, running.record("cmpp").turned_away) == (0, 1)


@pytest.mark.parametrize(
    ("script", "results"),
    [({"busy": 1}, [8, 0]), ({"perMinute": 1}, [0, 8]), ({"errorRate": 0.5}, [0, 100])],
)
async def test_the_script_is_obeyed(running: Sandbox, script: dict[str, Any], results: list[int]) -> None:
    running.play("cmpp", Script.parse(script))
    async with logged_in(running) as client:
        assert [(await client.submit(message(ANN)))[1] for _ in results] == results


@pytest.mark.parametrize(
    ("script", "heard"),
    [({"loseAnswer": 1}, b""), ({"half": 1}, struct.pack(">II", 21, 0x80000004) + b"\0\0")],
)
async def test_an_answer_may_be_lost_after_the_submit_was_accepted(
    running: Sandbox, script: dict[str, Any], heard: bytes
) -> None:
    running.play("cmpp", Script.parse(script))
    async with logged_in(running) as client:
        client.say(SUBMIT, message(ANN))

        assert await asyncio.wait_for(_rest(client.reader), 5) == heard

    assert running.record("cmpp").addresses == [ANN]


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_more_than_a_window_of_submits_is_flow_control(running: Sandbox) -> None:
    running.play("cmpp", Script(latency=0.1))
    async with logged_in(running) as client:
        for sequence in range(20):
            client.say(SUBMIT, message(ANN), sequence)
        results = [(await client.hear())[2][-1] for _ in range(20)]

    assert sorted(results) == [0] * 16 + [8] * 4


async def test_goodbye_is_answered(running: Sandbox) -> None:
    async with logged_in(running) as client:
        client.say(TERMINATE, b"", 5)

        assert await client.hear() == (ANSWER | TERMINATE, 5, b"")
        assert await client.is_left()


async def test_who_is_silent_is_tested_and_left(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmpp_session, "IDLE_SECONDS", 0.03)
    async with logged_in(running) as client:
        assert [(await client.hear())[0] for _ in range(3)] == [ACTIVE_TEST] * 3

        assert await asyncio.wait_for(_rest(client.reader), 5) == b""


async def test_a_stand_in_that_stops_says_goodbye(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as staying:
        async with sandbox(free_address(), "http://127.0.0.1:1") as made:
            client = await staying.enter_async_context(logged_in(made))

        assert (await client.hear())[0] == TERMINATE
        assert await client.is_left()
    assert caplog.records == []
