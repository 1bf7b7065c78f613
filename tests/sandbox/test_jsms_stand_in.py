"""JSMS's stand-in, request by request."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest

from tests.providers.conftest import Doors
from ums.sandbox import Sandbox
from ums.sandbox.script import Script

ANN, BEN = "13800000001", "13800000002"
BATCH = {"temp_id": 1, "recipients": [{"mobile": ANN, "temp_para": {"code": "1"}}, {"mobile": BEN}]}


async def call(
    running: Sandbox, session: aiohttp.ClientSession, method: str, path: str, sent: object = None, **more: Any
) -> tuple[int, Any]:
    """The HTTP status, and the JSON of the answer."""
    raw = sent if isinstance(sent, bytes) else json.dumps(sent)
    auth = more.pop("headers", {"Authorization": "Basic a2V5OnNlY3JldA=="})
    async with session.request(method, running.address.http + "/jsms" + path, data=raw, headers=auth) as response:
        return response.status, await response.json()


async def test_a_single_message_is_sent(running: Sandbox, session: aiohttp.ClientSession) -> None:
    sent = {"mobile": ANN, "temp_id": 1, "sign_id": 2, "temp_para": {"code": "1"}}

    status, answer = await call(running, session, "POST", "/v1/messages", sent)

    [accepted] = running.record("jsms").accepted
    assert (status, answer) == (200, {"msg_id": accepted["msg_ids"][0]})
    assert (accepted["targets"], accepted["temp_id"], accepted["sign_id"]) == ([ANN], 1, 2)


async def test_a_batch_answers_for_each_recipient(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jsms", Script.parse({"refuse": [BEN]}))

    status, answer = await call(running, session, "POST", "/v1/messages/batch", BATCH)

    [msg_id] = running.record("jsms").accepted[0]["msg_ids"]
    assert (status, answer) == (
        200,
        {
            "success_count": 1,
            "failure_count": 1,
            "recipients": [
                {"msg_id": msg_id, "mobile": ANN},
                {"error_code": "50006", "error_message": "invalid mobile", "mobile": BEN, "temp_para": None},
            ],
        },
    )


@pytest.mark.parametrize(
    ("path", "sent", "refusal"),
    [
        ("/v1/messages", b"nonsense", (403, 50007)),
        ("/v1/messages", [], (403, 50007)),
        ("/v1/messages", {"mobile": ANN}, (400, 50005)),
        ("/v1/messages", {"mobile": ANN, "temp_id": "one"}, (403, 50013)),
        ("/v1/messages", {"temp_id": 1}, (400, 50004)),
        ("/v1/messages", {"mobile": "+8613800000001", "temp_id": 1}, (403, 50006)),
        ("/v1/messages/batch", {"temp_id": 1, "recipients": []}, (403, 50030)),
        ("/v1/messages/batch", {"temp_id": 1}, (403, 50030)),
        ("/v1/messages/batch", {"temp_id": 1, "recipients": [{"mobile": ANN}] * 1001}, (403, 50031)),
        ("/v1/messages/batch", {"temp_id": 1, "recipients": ["13800000001"]}, (403, 50007)),
    ],
)
async def test_what_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, path: str, sent: object, refusal: tuple[int, int]
) -> None:
    status, answer = await call(running, session, "POST", path, sent)

    assert (status, answer["error"]["code"]) == refusal
    assert running.record("jsms").submissions == 0


async def test_nothing_is_done_for_strangers(running: Sandbox, session: aiohttp.ClientSession) -> None:
    status, answer = await call(running, session, "POST", "/v1/messages/batch", BATCH, headers={})
    assert (status, answer["error"]["code"]) == (400, 50001)

    running.play("jsms", Script.parse({"accounts": {"key": "another"}}))
    status, answer = await call(running, session, "GET", "/v1/accounts/app")
    assert (status, answer["error"]["code"]) == (401, 50002)


async def test_the_balance_can_be_asked_for(running: Sandbox, session: aiohttp.ClientSession) -> None:
    status, answer = await call(running, session, "GET", "/v1/accounts/app")

    assert status == 200
    assert sorted(answer) == ["app_balance", "app_industry", "app_market", "app_voice"]


async def test_the_rate_is_kept(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jsms", Script(per_minute=1))
    answers = [await call(running, session, "POST", "/v1/messages/batch", BATCH) for _ in range(2)]

    assert [status for status, _ in answers] == [200, 403]
    assert answers[1][1]["error"]["code"] == 50009


async def test_a_receipt_is_a_signed_form(running: Sandbox, session: aiohttp.ClientSession, doors: Doors) -> None:
    running.play("jsms", Script.parse({"receipts": [{"delivered": 1}]}))
    _, answer = await call(running, session, "POST", "/v1/messages", {"mobile": ANN, "temp_id": 1})

    report = await doors.report("/v1/sms/callback")

    form = {name: values[0] for name, values in parse_qs(report.body.decode(), strict_parsing=True).items()}
    signed = f"appKey=key&appMasterSecret=secret&nonce={form['nonce']}&timestamp={form['timestamp']}"
    assert report.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert form["signature"] == hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()
    assert form["type"] == "SMS_REPORT"
    data = json.loads(form["data"])
    assert (data["msgId"], data["phone"], data["status"]) == (answer["msg_id"], ANN, 4001)
    assert int(form["timestamp"]) == pytest.approx(data["receiveTime"], abs=2000)


async def test_whom_the_script_makes_reply_does_so_signed(
    running: Sandbox, session: aiohttp.ClientSession, doors: Doors
) -> None:
    running.play("jsms", Script.parse({"receipts": [{"match": f"^{BEN}$", "reply": "TD", "replyAfter": 0.1}]}))

    await call(running, session, "POST", "/v1/messages/batch", BATCH)

    told = parse_qs((await doors.report("/v1/sms/callback")).body.decode())
    reply = json.loads(told["data"][0])
    signed = f"appKey=key&appMasterSecret=secret&nonce={told['nonce'][0]}&timestamp={told['timestamp'][0]}"
    assert told["type"] == ["SMS_REPLY"]
    assert told["signature"] == [hashlib.sha1(signed.encode()).hexdigest()]  # noqa: S324 - the provider's choice
    assert (reply["phone"], reply["content"]) == (BEN, "TD")
    assert running.record("jsms").receipts_posted == 0
    assert doors.reports.empty()
