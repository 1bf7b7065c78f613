"""CMPP read and written by code of others: `pycmpp` (2.1, with the layouts of 2.0) and `cmppy` (3.0), both from PyPI.

Neither reads a DELIVER; those bytes are written by hand in the other tests of CMPP.
"""

import asyncio
import struct
from typing import Any

import aiohttp
import pytest
from cmppy import Cmppy
from cmppy.request import SubmitReq
from pycmpp import Cmpp as Pycmpp
from pycmpp.request import SubmitRequestInstance
from pycmpp.response import ConnectResponseInstance, SubmitResponseInstance

from tests.providers.cmpp_gateway import SUBMIT, gateway, submission, texter
from ums.sandbox import Sandbox
from ums.sandbox.script import Script

ACCOUNT = {"900001": "888888"}
WORDS = "您的订单10086已发货"
LONG = "您的包裹正在路上。" * 9


def told(client: Pycmpp, answer: Any, size: int) -> Any:
    """What `pycmpp` makes of an answer of so many bytes."""
    answer.resolve(client.so.recv(size, 0x100))  # MSG_WAITALL
    return answer


def texted(running: Sandbox, secret: str, *texts: str) -> list[int]:
    """`pycmpp` logs in, sends the texts and says goodbye: the status of each answer."""
    client = Pycmpp(running.address.host, running.address.cmpp_port, "900001", secret, "10690001", delivery=1)
    client.connect()
    client.so.settimeout(5)
    client.auth()
    statuses = [told(client, ConnectResponseInstance(), 30).status]
    for text in texts:
        client.submit(text, ["13800000001", "13800000002"])
        parts = 1 if len(text) < 70 else 2
        statuses += [told(client, SubmitResponseInstance(), 21).status for _ in range(parts)]
    client.disconnect()
    return statuses


async def test_pycmpp_logs_in_to_the_stand_in_and_sends_short_and_long_texts(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"accounts": ACCOUNT}))

    assert await asyncio.to_thread(texted, running, "888888", WORDS, LONG) == [0, 0, 0, 0]

    short, first, second = running.record("cmpp").accepted
    assert (short["text"], short["targets"]) == (WORDS, ["13800000001", "13800000002"])
    assert first["text"] + second["text"] == LONG
    assert (first["part"], second["part"], first["version"]) == ([1, 2], [2, 2], 0x21)


async def test_pycmpp_is_turned_away_with_a_wrong_secret(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"accounts": ACCOUNT}))

    assert await asyncio.to_thread(texted, running, "999999") == [3]


async def test_pycmpp_is_told_of_flow_control(running: Sandbox) -> None:
    running.play("cmpp", Script.parse({"busy": 1}))

    assert await asyncio.to_thread(texted, running, "888888", WORDS, WORDS) == [0, 8, 0]


async def test_cmppy_logs_in_with_3_0_and_sends(running: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    running.play("cmpp", Script.parse({"accounts": ACCOUNT}))
    client = Cmppy(running.address.host, running.address.cmpp_port, "900001", "888888")
    request = SubmitReq("900001", WORDS, src_id="10690001", dest_terminal_id=["8613800000001", "8613800000002"])

    answer = await asyncio.to_thread(client.request, request)

    [accepted] = running.record("cmpp").accepted
    assert (answer.result, answer.msg_id, answer.sequence) == (0, accepted["msg_id"], request.sequence)
    assert (accepted["version"], accepted["text"], accepted["source"]) == (0x30, WORDS, "10690001")
    assert accepted["targets"] == ["8613800000001", "8613800000002"]
    capsys.readouterr()  # it prints what it reads and writes


@pytest.mark.parametrize(("text", "parts"), [(WORDS, [(1, 1)]), (LONG, [(1, 2), (2, 2)])])
async def test_pycmpp_reads_every_field_of_what_our_provider_submits(
    session: aiohttp.ClientSession, text: str, parts: list[tuple[int, int]]
) -> None:
    async with gateway() as at, texter(session, at, serviceId="SHOP", destinations=99) as sms:
        await sms.send(submission("+8613800000001", "13800000002", content=text))
        heard = [await at.next(SUBMIT) for _ in parts]

    read = [SubmitRequestInstance().resolve(_whole(*submit)) for submit in heard]
    assert [(one.pop("pk_number"), one.pop("pk_total")) for one in read] == parts
    assert "".join(one.pop("msg_content") for one in read) == text
    heads = [one.pop("msg_head") for one in read]
    assert [head and (head[:3], *map(ord, head[4:])) for head in heads] == (
        [None] if len(parts) == 1 else [("\5\0\3", 2, 1), ("\5\0\3", 2, 2)]
    )
    for one in read:
        assert {name: one[name] for name in FIELDS} == FIELDS | {"tp_udhi": int(len(parts) > 1)}


FIELDS = {
    "command_id": 4,
    "msg_id": 0,
    "register_delivery": 1,
    "msg_level": 1,
    "service_id": "SHOP" + 6 * "\0",
    "fee_usertype": 2,
    "fee_terminal_id": 21 * "\0",
    "tp_pid": 0,
    "tp_udhi": 0,
    "msg_fmt": 8,
    "msg_src": "900001",
    "fee_type": "01",
    "fee_code": "000000",
    "valid_time": 17 * "\0",
    "at_time": 17 * "\0",
    "src_id": "10690001".ljust(21, "\0"),
    "destusr_tl": 2,
    "dest_terminal_id": "13800000001".ljust(21, "\0") + "13800000002".ljust(21, "\0"),
    "reserve": 8 * "\0",
}


def _whole(sequence: int, body: bytes) -> bytes:
    """The PDU, its header before it."""
    return struct.pack(">III", 12 + len(body), SUBMIT, sequence) + body
