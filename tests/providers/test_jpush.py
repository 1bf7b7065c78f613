"""JPush: the request as it is sent, every answer as it is read."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body, each
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.jpush import public as jpush
from ums.providers.jpush.public import Jpush
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, SandboxAddress, State

KEY, SECRET = "7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1"
ALERT = {"notification": {"alert": "Hello"}}
EXAMPLE = Example(
    {"appKey": "key", "masterSecret": "secret"},
    {"platform": "all", "notification": {"alert": "Hello"}},
    "1a0018970a{:06}",
)
TARGETS = [Target(7, "rid-a"), Target(8, "rid-b")]


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Jpush:
    return Jpush(Account("shopapp", {"appKey": KEY, "masterSecret": SECRET, **more}, sandbox), session)


@pytest.fixture
def push(session: aiohttp.ClientSession, doors: Doors) -> Jpush:
    """Talks to `doors` as if they were JPush."""
    return provider(session, baseUrl=doors.url)


def submission(content: dict[str, Any] | None = None, key: str = f"{KEY}-1") -> Submission:
    return Submission(key, content or ALERT, TARGETS, 0)


async def test_a_push_is_worded_as_the_reference_says(push: Jpush, doors: Doors) -> None:
    doors.answer(200, {"sendno": "18", "msg_id": "1828256757"})

    await push.send(submission({"platform": ["android"], "message": {"msg_content": "x"}, "options": {"sendno": 18}}))

    sent = await doors.report("/v3/push")
    assert sent.method == "POST"
    assert sent.headers["authorization"] == (
        "Basic N2Q0MzFlNDJkZmE2YTZkNjkzYWMyZDA0OjVlOTg3YWM2ZDJlMDRkOTVhOWQ4ZjBkMQ=="
    )
    assert sent.headers["content-type"] == "application/json"
    assert body(sent) == {
        "platform": ["android"],
        "audience": {"registration_id": ["rid-a", "rid-b"]},
        "message": {"msg_content": "x"},
        "options": {"sendno": 18, "apns_production": True},
        "cid": f"{KEY}-1",
    }


async def test_the_platform_is_all_and_the_environment_production_unless_given(push: Jpush, doors: Doors) -> None:
    doors.answer(200, {"msg_id": 1})
    doors.answer(200, {"msg_id": 2})

    await push.send(submission())
    await push.send(submission(ALERT | {"options": {"apns_production": False}}, key=""))

    first, second = body(await doors.report("/v3/push")), body(await doors.report("/v3/push"))
    assert (first["platform"], first["options"]) == ("all", {"apns_production": True})
    assert second["options"] == {"apns_production": False}
    assert "cid" not in second


async def test_an_accepted_push_is_submitted_for_every_target(push: Jpush, doors: Doors) -> None:
    doors.answer(200, {"sendno": "0", "msg_id": 2081584083})

    answer = await push.send(submission())

    assert each(answer, TARGETS) == [Outcome(7, State.SUBMITTED), Outcome(8, State.SUBMITTED)]
    assert answer.provider_id == "2081584083"


async def test_an_answer_without_a_message_id_leaves_the_outcome_unknown(push: Jpush, doors: Doors) -> None:
    doors.answer(200, {"sendno": "0"})

    with pytest.raises(OutcomeUnknown, match="msg_id"):
        await push.send(submission())


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (1002, State.REFUSED, Reason.CONTENT),
        (1003, State.REFUSED, Reason.CONTENT),
        (1005, State.REFUSED, Reason.CONTENT),
        (1009, State.REFUSED, Reason.CONTENT),
        (1035, State.REFUSED, Reason.CONTENT),
        (4711, State.REFUSED, Reason.CONTENT),
        (1011, State.INVALID, Reason.INVALID_ADDRESS),
    ],
)
async def test_a_refused_push_is_lost_for_every_target(
    push: Jpush, doors: Doors, code: int, state: State, reason: Reason
) -> None:
    doors.answer(400, {"msg_id": 2081584083, "error": {"message": "so it is", "code": code}})

    answer = await push.send(submission())

    expected = [Outcome(target.id, state, reason, str(code), "so it is") for target in TARGETS]
    assert each(answer, TARGETS) == expected
    assert (answer.code, answer.words) == (str(code), "so it is")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (405, 1001),
        (401, 1004),
        (400, 1008),
        (404, 1020),
        (403, 2003),
        (403, 2004),
        (403, 2005),
        (403, 2006),
        (403, 2007),
        (400, 2008),
        (403, 4711),
    ],
)
async def test_what_only_the_operator_can_mend_stops_the_push(
    push: Jpush, doors: Doors, status: int, code: int
) -> None:
    doors.answer(status, {"error": {"message": "so it is", "code": code}})

    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await push.send(submission())


@pytest.mark.parametrize(
    ("status", "code"), [(500, 1000), (503, 1030), (400, 1012), (429, 2002), (400, 2002), (502, 4711)]
)
async def test_what_time_mends_is_busy(push: Jpush, doors: Doors, status: int, code: int) -> None:
    doors.answer(status, {"error": {"message": "so it is", "code": code}})

    with pytest.raises(ProviderBusy, match="so it is"):
        await push.send(submission())


async def test_a_gateways_own_error_is_busy_or_for_the_operator(push: Jpush, doors: Doors) -> None:
    doors.answer(502, b"<html>Bad Gateway")
    with pytest.raises(ProviderBusy, match="502: <html>Bad Gateway"):
        await push.send(submission())

    doors.answer(404, b"<html>Not Found")
    with pytest.raises(ProviderRefused, match="404: <html>Not Found"):
        await push.send(submission())


@pytest.mark.parametrize("beside", [True, False])
async def test_an_illegal_id_does_not_condemn_the_others(push: Jpush, doors: Doors, beside: bool) -> None:
    error: dict[str, Any] = {"code": 1003, "message": "illegal"}
    said: dict[str, Any] = {"error": error}
    (said if beside else error)["illegal_rids"] = ["rid-b"]
    doors.answer(400, said)

    answer = await push.send(submission())

    assert each(answer, TARGETS) == [
        Outcome(7, State.PLANNED, None, "1003", "illegal"),
        Outcome(8, State.INVALID, Reason.INVALID_ADDRESS, "1003", "illegal"),
    ]


async def test_ids_that_are_not_ours_do_not_make_us_try_for_ever(push: Jpush, doors: Doors) -> None:
    doors.answer(400, {"error": {"code": 1003, "message": "illegal", "illegal_rids": ["another"]}})

    answer = await push.send(submission())

    assert {outcome.state for outcome in each(answer, TARGETS)} == {State.REFUSED}


async def test_request_keys_are_fetched_ten_at_a_time_and_given_once(push: Jpush, doors: Doors) -> None:
    for number in range(3):
        doors.answer(200, {"cidlist": [f"cid-{number}-{i}" for i in range(10)]})

    keys = await asyncio.gather(*(push.request_key() for _ in range(25)))

    assert len(set(keys)) == 25
    fetched = [doors.reports.get_nowait() for _ in range(doors.reports.qsize())]
    assert [(path, report.query) for path, report in fetched] == (
        [("/v3/push/cid", {"count": "10", "type": "push"})] * 3
    )


async def test_request_keys_do_not_lie_about_until_they_are_forgotten(
    push: Jpush, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpush, "CID_SHELF_LIFE", -1.0)
    doors.answer(200, {"cidlist": ["old", "old too"]})
    doors.answer(200, {"cidlist": ["new"]})

    assert [await push.request_key(), await push.request_key()] == ["old", "new"]


async def test_no_answer_about_keys_is_worth_another_try(push: Jpush, doors: Doors) -> None:
    doors.answer(200, b"garbage")
    with pytest.raises(ProviderBusy):
        await push.request_key()

    doors.answer(401, {"error": {"code": 1004, "message": "Authentication failed"}})
    with pytest.raises(ProviderRefused, match="1004"):
        await push.request_key()


async def test_a_push_repeated_with_its_key_is_sent_once(session: aiohttp.ClientSession, running: Sandbox) -> None:
    push = provider(session, running.address)
    once = submission(key=await push.request_key())
    running.play("jpush", Script(lose_answer=0.5))

    first = await push.send(once)
    with pytest.raises(OutcomeUnknown):
        await push.send(once)
    third = await push.send(once)

    assert third == first
    assert running.record("jpush").addresses == ["rid-a", "rid-b"]


@pytest.mark.parametrize(
    ("left", "reset", "pause"),
    [("0", "41", 41.0), ("1", "41", 0), ("600", "60", 0), ("0", "soon", 0), ("none", "41", 0), ("", "", 0)],
)
async def test_the_last_push_of_a_minute_asks_for_a_pause(
    push: Jpush, doors: Doors, left: str, reset: str, pause: float
) -> None:
    headers = {"x-rate-limit-remaining": left, "X-Rate-Limit-Reset": reset}
    doors.answer(200, {"msg_id": 1}, headers)
    doors.answer(400, {"error": {"code": 1011, "message": "nobody"}}, headers)

    assert [(await push.send(submission())).pause for _ in range(2)] == [pause, pause]


async def test_a_push_too_many_says_when_to_try_again(push: Jpush, doors: Doors) -> None:
    error = {"error": {"code": 2002, "message": "Rate limit exceeded"}}
    doors.answer(429, error, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "17"})

    with pytest.raises(ProviderBusy) as busy:
        await push.send(submission())

    assert (busy.value.code, busy.value.retry_after) == ("2002", 17)


async def test_the_stand_ins_limit_is_obeyed(session: aiohttp.ClientSession, running: Sandbox) -> None:
    running.play("jpush", Script(per_minute=2))
    push = provider(session, running.address)

    first, second = await push.send(submission(key="")), await push.send(submission(key=""))

    assert first.pause == 0
    assert 1 <= second.pause <= 60
    with pytest.raises(ProviderBusy):
        await push.send(submission(key=""))
