"""JPush's stand-in, tried with JPush's own client, request by request, and with a receiver of receipts."""

import asyncio
import json
from typing import Any

import aiohttp
import jpush
import pytest
from jpush import common

from tests.providers.conftest import Doors, body, opened
from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.script import Script
from ums.schemas import check

PUSH = {"platform": "all", "audience": {"registration_id": ["rid-a", "rid-b"]}, "notification": {"alert": "Hello"}}


async def call(
    running: Sandbox, session: aiohttp.ClientSession, method: str, path: str, sent: object = None, **more: Any
) -> tuple[int, Any]:
    """The HTTP status, and the JSON of the answer."""
    raw = sent if isinstance(sent, bytes) else json.dumps(sent)
    auth = more.pop("headers", {"Authorization": "Basic a2V5OnNlY3JldA=="})
    async with session.request(method, running.address.http + "/jpush" + path, data=raw, headers=auth) as response:
        answered = await response.read()
        return response.status, json.loads(answered) if answered else None


@pytest.fixture
def official(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> jpush.JPush:
    """JPush's own client, for Python; it does not know that it is elsewhere."""
    monkeypatch.setitem(common.ZONES["DEFAULT"], "PUSH", f"{running.address.http}/jpush/v3/")
    return jpush.JPush("key", "secret", timeout=5)


async def test_the_official_client_pushes(official: jpush.JPush, running: Sandbox) -> None:
    push = official.create_push()
    push.audience = jpush.audience(jpush.registration_id("rid-a"))
    push.notification = jpush.notification(alert="Hello", android=jpush.android(alert="Hello", title="Shop"))
    push.platform = jpush.all_
    push.options = {"time_to_live": 60, "sendno": 18}

    answer = await asyncio.to_thread(push.send)

    assert answer.payload["sendno"] == "18"
    [accepted] = running.record("jpush").accepted
    assert accepted["targets"] == ["rid-a"]
    assert accepted["msg_id"] == answer.payload["msg_id"]
    assert accepted["push"]["notification"]["android"]["title"] == "Shop"
    official.session.close()


async def test_the_official_client_pushes_to_every_platform_with_all_that_it_can_say(
    official: jpush.JPush, running: Sandbox
) -> None:
    push = official.create_push()
    push.audience, push.platform = jpush.audience(jpush.registration_id("rid-a", "rid-b")), jpush.all_
    push.notification = jpush.notification(
        alert="Hello",
        ios=jpush.ios({"title": "Shop", "body": "Hello"}, "+2", "ding.caf", mutable_content=True, thread_id="orders"),
        android=jpush.android("Hello", "Shop", style=1, big_text="At length", channel_id="orders", badge_add_num=1),
        hmos=jpush.hmos("Hello", "Shop", "MARKETING", intent={"url": "action.system.home"}, badge_add_num=1),
        quickapp={"alert": "Hello", "title": "Shop", "page": "/orders"},
    )
    push.message = jpush.message("for the app itself", extras={"order": "7"})
    push.options = {"apns_production": True, "third_party_channel": {"xiaomi": {"distribution": "ospush"}}}

    assert (await asyncio.to_thread(push.send_validate)).payload["sendno"] == "0"
    assert running.record("jpush").submissions == 0
    await asyncio.to_thread(push.send)

    [accepted] = running.record("jpush").accepted
    sent = {name: getattr(push, name) for name in ("platform", "notification", "message", "options")}
    assert accepted["push"] == sent
    assert check("content/app", sent) == []
    official.session.close()


async def test_the_official_client_gets_cids_and_pushes_once_with_one(official: jpush.JPush, running: Sandbox) -> None:
    cids = (await asyncio.to_thread(official.create_push().get_cid, 3)).payload["cidlist"]
    push = official.create_push()
    push.audience, push.platform = jpush.audience(jpush.registration_id("rid-a")), jpush.all_
    push.notification, push.cid = jpush.notification(alert="Hello"), cids[0]

    answers = [(await asyncio.to_thread(push.send)).payload for _ in range(2)]

    assert len(set(cids)) == 3
    assert answers[0] == answers[1]
    assert running.record("jpush").addresses == ["rid-a"]
    official.session.close()


async def test_the_official_client_understands_refusals(official: jpush.JPush, running: Sandbox) -> None:
    running.play("jpush", Script.parse({"refuse": ["rid-a"]}))
    push = official.create_push()
    push.audience, push.platform = jpush.audience(jpush.registration_id("rid-a")), jpush.all_
    push.notification = jpush.notification(alert="Hello")

    with pytest.raises(common.JPushFailure) as failure:
        await asyncio.to_thread(push.send)
    assert failure.value.error_code == 1011

    running.play("jpush", Script.parse({"accounts": {"key": "another"}}))
    with pytest.raises(common.Unauthorized):
        await asyncio.to_thread(push.send)
    official.session.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"platform": None}, 1002),
        ({"platform": ["symbian"]}, 1003),
        ({"platform": "android"}, 1003),
        ({"audience": None}, 1002),
        ({"audience": {"registration_id": []}}, 1003),
        ({"audience": {"registration_id": [""]}}, 1003),
        ({"audience": {"registration_id": "rid-a"}}, 1003),
        ({"audience": {"registration_id": [f"rid-{n}" for n in range(1001)]}}, 1003),
        ({"notification": None}, 1002),
        ({"notification": "Hello"}, 1003),
        ({"options": 7}, 1003),
        ({"message": {"msg_content": "x" * 4000}}, 1005),
        ({"speed": "high"}, 1009),
    ],
)
async def test_a_push_that_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, change: dict[str, Any], code: int
) -> None:
    for path in ("/v3/push", "/v3/push/validate"):
        status, answer = await call(running, session, "POST", path, PUSH | change)
        assert (status, answer["error"]["code"]) == (400, code)

    assert running.record("jpush").submissions == 0


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]"])
async def test_what_is_no_json_object_is_refused(running: Sandbox, session: aiohttp.ClientSession, raw: bytes) -> None:
    status, answer = await call(running, session, "POST", "/v3/push", raw)

    assert (status, answer["error"]["code"]) == (400, 1003)


async def test_a_thousand_targets_are_not_too_many(running: Sandbox, session: aiohttp.ClientSession) -> None:
    ids = [f"rid-{number}" for number in range(1000)]

    status, _ = await call(running, session, "POST", "/v3/push", PUSH | {"audience": {"registration_id": ids}})

    assert status == 200
    assert running.record("jpush").addresses == ids


async def test_illegal_ids_are_listed_and_nothing_is_sent(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script.parse({"refuse": ["b$"]}))

    status, answer = await call(running, session, "POST", "/v3/push", PUSH)

    assert (status, answer["error"]["code"], answer["error"]["illegal_rids"]) == (400, 1003, ["rid-b"])
    assert running.record("jpush").submissions == 0


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic nonsense"}, {"Authorization": "Bearer a2V5OnNlY3JldA=="}]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/v3/push"), ("GET", "/v3/push/cid"), ("DELETE", "/v3/push/1")])
async def test_nothing_is_done_for_strangers(
    running: Sandbox, session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str]
) -> None:
    status, answer = await call(running, session, method, path, PUSH, headers=headers)

    assert (status, answer["error"]["code"]) == (401, 1004)


async def test_validating_sends_nothing(running: Sandbox, session: aiohttp.ClientSession) -> None:
    status, answer = await call(running, session, "POST", "/v3/push/validate", PUSH)

    assert (status, sorted(answer)) == (200, ["msg_id", "sendno"])
    assert running.record("jpush").submissions == 0


async def test_at_most_ten_cids_are_given(running: Sandbox, session: aiohttp.ClientSession) -> None:
    _, answer = await call(running, session, "GET", "/v3/push/cid?count=500&type=push")
    assert len(answer["cidlist"]) == 10
    assert all(cid.startswith("key-") for cid in answer["cidlist"])

    status, _ = await call(running, session, "GET", "/v3/push/cid?count=many")
    assert status == 400


async def test_a_cid_whose_push_failed_is_not_used_up(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script.parse({"refuse": ["b$"]}))
    await call(running, session, "POST", "/v3/push", PUSH | {"cid": "key-1"})
    left = {"audience": {"registration_id": ["rid-a"]}, "cid": "key-1"}

    assert (await call(running, session, "POST", "/v3/push", PUSH | left))[0] == 200
    assert running.record("jpush").addresses == ["rid-a"]


async def test_the_rate_is_told_and_kept(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script(per_minute=2))
    url, auth = f"{running.address.http}/jpush/v3/push", aiohttp.encode_basic_auth("key", "secret")
    answers = []
    for _ in range(3):
        async with session.post(url, json=PUSH, headers={"Authorization": auth}) as response:
            answers.append((response.status, response.headers["X-Rate-Limit-Remaining"]))
            assert response.headers["X-Rate-Limit-Limit"] == "2"
            assert 1 <= int(response.headers["X-Rate-Limit-Reset"]) <= 60

    assert answers == [(200, "1"), (200, "0"), (429, "0")]


async def test_receipts_come_back_in_arrays_with_the_apps_own_credentials(
    running: Sandbox, session: aiohttp.ClientSession, doors: Doors
) -> None:
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1}]}))
    ids = [f"rid-{number}" for number in range(250)]
    _, answer = await call(running, session, "POST", "/v3/push", PUSH | {"audience": {"registration_id": ids}})

    reports = [await doors.report("/v1/app/callback") for _ in range(3)]

    assert {report.headers["authorization"] for report in reports} == {"Basic a2V5OnNlY3JldA=="}
    records = [record for report in reports for record in body(report)]
    assert sorted(map(len, map(body, reports))) == [50, 100, 100]
    assert sorted(record["registration_id"] for record in records) == sorted(ids)
    assert {(record["msg_id"], record["type"]) for record in records} == {(answer["msg_id"], "delivered")}


async def test_a_click_comes_after_its_delivery(running: Sandbox, session: aiohttp.ClientSession, doors: Doors) -> None:
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1, "clicked": 1, "clickedAfter": 0.2}]}))
    await call(running, session, "POST", "/v3/push", PUSH)

    first, second = await doors.report("/v1/app/callback"), await doors.report("/v1/app/callback")

    assert [record["type"] for record in body(first)] == ["delivered"] * 2
    assert [record["type"] for record in body(second)] == ["clicked"] * 2
    assert body(second)[0]["time"] - body(first)[0]["time"] == pytest.approx(200, abs=1)


async def test_receipts_wait_for_a_receiver_that_is_away(session: aiohttp.ClientSession) -> None:
    port, script = free_address().port, Script.parse({"receipts": [{"delivered": 1}]})
    async with sandbox(free_address(), f"http://127.0.0.1:{port}", {"jpush": script}) as running:
        await call(running, session, "POST", "/v3/push", PUSH)
        await asyncio.sleep(0.1)
        assert running.record("jpush").receipts_posted == 0

        async with opened(Doors(), port) as doors:
            assert len(body(await doors.report("/v1/app/callback"))) == 2


async def test_receipts_that_were_not_taken_come_again(
    running: Sandbox, session: aiohttp.ClientSession, doors: Doors
) -> None:
    doors.answer(500, {})
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1}]}))
    await call(running, session, "POST", "/v3/push", PUSH)

    first, second = await doors.report("/v1/app/callback"), await doors.report("/v1/app/callback")

    assert body(first) == body(second)


async def test_a_recalled_push_reports_no_more(running: Sandbox, session: aiohttp.ClientSession, doors: Doors) -> None:
    running.play("jpush", Script.parse({"receipts": [{"delivered": 1, "after": 0.2}]}))
    _, recalled = await call(running, session, "POST", "/v3/push", PUSH)
    _, kept = await call(running, session, "POST", "/v3/push", PUSH)

    assert await call(running, session, "DELETE", f"/v3/push/{recalled['msg_id']}") == (200, None)

    records = body(await doors.report("/v1/app/callback"))
    assert {record["msg_id"] for record in records} == {kept["msg_id"]}
    assert running.record("jpush").recalled == [recalled["msg_id"]]


async def test_what_was_never_pushed_cannot_be_recalled(running: Sandbox, session: aiohttp.ClientSession) -> None:
    status, answer = await call(running, session, "DELETE", "/v3/push/4711")

    assert (status, answer["error"]["code"]) == (400, 1003)


async def test_the_rate_is_told_with_a_refusal_too(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("jpush", Script(per_minute=2))
    url, auth = f"{running.address.http}/jpush/v3/push", aiohttp.encode_basic_auth("key", "secret")

    async with session.post(url, json={}, headers={"Authorization": auth}) as response:
        assert (response.status, response.headers["X-Rate-Limit-Remaining"]) == (400, "1")


async def test_the_private_cloud_is_another_one(running: Sandbox, session: aiohttp.ClientSession, doors: Doors) -> None:
    running.play("jpush-private", Script.parse({"receipts": [{"delivered": 1}]}))
    url = f"{running.address.http}/jpush-private/v3/push"
    async with session.post(url, json=PUSH, headers={"Authorization": "Basic a2V5OnNlY3JldA=="}) as response:
        assert response.status == 200

    assert len(body(await doors.report("/v1/app/callback"))) == 2
    assert running.record("jpush-private").addresses == ["rid-a", "rid-b"]
    assert running.record("jpush").submissions == 0
