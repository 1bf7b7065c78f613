"""DingTalk: the call as it is sent, every answer as it is read."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body, each
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Answer, Outcome, Submission, Target
from ums.providers.dingtalk.provider import Dingtalk
from ums.sandbox import Sandbox
from ums.schemas import check
from ums.vocabulary import Reason, SandboxAddress, State

SEND = "/topapi/message/corpconversation/asyncsend_v2"
CREDENTIALS = {"agentId": 1234567890, "appKey": "dingabc", "appSecret": "hush+hush/=="}
TEXT = {"msg": {"msgtype": "text", "text": {"content": "Meeting at 3"}}}
EXAMPLE = Example({"agentId": 1, "appKey": "key", "appSecret": "secret"}, TEXT, "staff{:04}")
ANN, BEN, CAT, DAN = [Target(number, name) for number, name in enumerate(("ann", "ben", "cat", "dan"), 1)]

FORMS: list[dict[str, Any]] = [
    {"msgtype": "text", "text": {"content": "Meeting at 3"}},
    {"msgtype": "markdown", "markdown": {"title": "Meeting", "text": "**Meeting** at 3"}},
    {"msgtype": "link", "link": {"messageUrl": "https://a.example", "picUrl": "@l", "title": "a", "text": "b"}},
    {
        "msgtype": "oa",
        "oa": {
            "message_url": "https://a.example",
            "head": {"bgcolor": "FFBBBBBB", "text": "a"},
            "body": {"title": "a", "form": [{"key": "Name:", "value": "Ann"}], "rich": {"num": "1", "unit": "day"}},
        },
    },
    {
        "msgtype": "action_card",
        "action_card": {"title": "a", "markdown": "b", "single_title": "See", "single_url": "https://a.example"},
    },
    {
        "msgtype": "action_card",
        "action_card": {
            "title": "a",
            "markdown": "b",
            "btn_orientation": "1",
            "btn_json_list": [
                {"title": "Yes", "action_url": "https://a.example/yes"},
                {"title": "No", "action_url": "https://a.example/no"},
            ],
        },
    },
]


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Dingtalk:
    return Dingtalk(Account("staffding", CREDENTIALS | more, sandbox), session)


def token(doors: Doors, value: str = "token-1") -> None:
    """Lies ready as the answer to the next call."""
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "access_token": value, "expires_in": 7200})


def refusal(doors: Doors, code: object, words: str = "so it is") -> None:
    doors.answer(200, {"errcode": code, "errmsg": words, "request_id": "1"})


def accepted(doors: Doors, task: int = 256271667526) -> None:
    doors.answer(200, {"errcode": 0, "task_id": task, "request_id": "1"})


@pytest.fixture
def ding(session: aiohttp.ClientSession, doors: Doors) -> Dingtalk:
    """Talks to `doors` as if they were DingTalk; its first token lies ready."""
    token(doors)
    return provider(session, baseUrl=doors.url)


def submission(*targets: Target, msg: dict[str, Any] | None = None) -> Submission:
    return Submission("", {"msg": msg} if msg else TEXT, targets or (ANN, BEN), 0)


def states(answer: Answer, *targets: Target) -> dict[str, State]:
    return {t.address: o.state for t, o in zip(targets, each(answer, targets), strict=True)}


async def sent_to(doors: Doors) -> list[str]:
    """The userids of every call so far, whatever became of it; the token's call first."""
    await doors.report("/gettoken")
    return [body(await doors.report(SEND))["userid_list"] for _ in range(doors.reports.qsize())]


async def test_a_notification_is_worded_as_the_reference_says(ding: Dingtalk, doors: Doors) -> None:
    accepted(doors)

    answer = await ding.send(submission())

    asked, sent = await doors.report("/gettoken"), await doors.report(SEND)
    assert (asked.method, asked.query) == ("GET", {"appkey": "dingabc", "appsecret": "hush+hush/=="})
    assert (sent.method, sent.query) == ("POST", {"access_token": "token-1"})
    assert sent.headers["content-type"] == "application/json"
    assert body(sent) == {"agent_id": 1234567890, "userid_list": "ann,ben", "msg": TEXT["msg"]}
    assert each(answer, (ANN, BEN)) == [Outcome(1, State.SUBMITTED), Outcome(2, State.SUBMITTED)]
    assert answer.provider_id == "256271667526"


@pytest.mark.parametrize("msg", FORMS, ids=lambda msg: msg["msgtype"])
async def test_every_form_of_the_schema_is_sent_as_written_and_taken(
    running: Sandbox, session: aiohttp.ClientSession, msg: dict[str, Any]
) -> None:
    assert check("content/dingtalk", {"msg": msg}) == []

    answer = await provider(session, running.address).send(submission(msg=msg))

    [taken] = running.record("dingtalk").accepted
    assert (taken["msg"], taken["targets"], taken["task_id"]) == (msg, ["ann", "ben"], answer.provider_id)


def filled(size: int) -> dict[str, Any]:
    """A text message of so many bytes, not all of them of one character each."""
    frame = len(b'{"msgtype":"text","text":{"content":""}}') + len("é".encode())
    return {"msgtype": "text", "text": {"content": "é" + "x" * (size - frame)}}


async def test_a_message_may_have_2048_bytes(running: Sandbox, session: aiohttp.ClientSession) -> None:
    answer = await provider(session, running.address).send(submission(ANN, msg=filled(2048)))

    assert states(answer, ANN) == {"ann": State.SUBMITTED}


async def test_a_longer_message_is_a_problem_of_its_content_and_is_not_sent(ding: Dingtalk, doors: Doors) -> None:
    answer = await ding.send(submission(ANN, BEN, msg=filled(2049)))

    words = "the message has 2049 bytes; DingTalk takes 2048"
    assert each(answer, (ANN,)) == [Outcome(1, State.REFUSED, Reason.CONTENT, words=words)]
    assert doors.reports.empty()


@pytest.mark.parametrize("code", [34004, 34008, 34014, 34016, 40007, 40008, 40035, 40048, 41049, 45002, 400002])
async def test_a_call_refused_for_its_content_is_lost_for_everybody(ding: Dingtalk, doors: Doors, code: int) -> None:
    refusal(doors, code)

    answer = await ding.send(submission())

    assert each(answer, (ANN,)) == [Outcome(1, State.REFUSED, Reason.CONTENT, str(code), "so it is")]
    assert (answer.provider_id, answer.code, answer.words) == (None, str(code), "so it is")


@pytest.mark.parametrize("code", [33012, 40003, 40031, 50002, 50004, 60111, 60121])
async def test_a_userid_that_is_refused_alone_is_invalid(ding: Dingtalk, doors: Doors, code: int) -> None:
    refusal(doors, code)

    answer = await ding.send(submission(ANN))

    assert each(answer, (ANN,)) == [Outcome(1, State.INVALID, Reason.INVALID_ADDRESS, str(code), "so it is")]


@pytest.mark.parametrize(
    "code",
    [33001, 40013, 40056, 40089, 41011, 41044, 41045, 50003, 50005, 60011, 60020, 70003, 70004, 90020, 43001, 4711],
)
async def test_a_call_refused_for_the_account_is_for_the_operator(ding: Dingtalk, doors: Doors, code: int) -> None:
    refusal(doors, code)

    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await ding.send(submission())


@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        *((-1, None), (500, None), (34015, None), (41046, None), (41048, None), (45009, None), (400001, None)),
        *((90001, None), (90014, None), (90017, None)),
        *((90002, 1), (90018, 1), (41047, 60)),
    ],
)
async def test_a_busy_code_is_worth_another_try(ding: Dingtalk, doors: Doors, code: int, seconds: float | None) -> None:
    refusal(doors, code)

    with pytest.raises(ProviderBusy, match=f"{code}: so it is") as busy:
        await ding.send(submission())

    assert busy.value.retry_after == seconds


@pytest.mark.parametrize(
    ("sub_code", "error", "code"),
    [
        ("90018", ProviderBusy, "90018"),
        (90002, ProviderBusy, "90002"),
        ("60011", ProviderRefused, "60011"),
        ("isp.unknown", ProviderRefused, "88"),
    ],
)
async def test_what_the_gateway_says_stands_beneath_an_88(
    ding: Dingtalk, doors: Doors, sub_code: object, error: type[ProviderBusy | ProviderRefused], code: str
) -> None:
    doors.answer(200, {"errcode": 88, "errmsg": "long", "sub_code": sub_code, "sub_msg": "so it is"})

    with pytest.raises(error, match=f"{code}: so it is"):
        await ding.send(submission())


async def test_an_address_that_called_too_often_waits_for_five_minutes(ding: Dingtalk, doors: Doors) -> None:
    doors.answer(200, {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "9ff0"})

    with pytest.raises(ProviderBusy) as busy:
        await ding.send(submission())

    assert (busy.value.code, busy.value.retry_after) == ("1111", 300)


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (200, b'{"errcode": "many"}'),
        (200, b'{"errcode": 0, "errmsg": "ok"}'),
        (502, b"<html>"),
        (504, b""),
    ],
)
async def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(
    ding: Dingtalk, doors: Doors, status: int, raw: bytes
) -> None:
    doors.answer(status, raw)

    with pytest.raises(OutcomeUnknown):
        await ding.send(submission())


async def test_a_page_instead_of_the_interface_is_for_the_operator(ding: Dingtalk, doors: Doors) -> None:
    doors.answer(404, b"<html>not here")

    with pytest.raises(ProviderRefused, match="404: <html>not here"):
        await ding.send(submission())


async def test_a_lost_answer_is_not_repeated_under_a_key(ding: Dingtalk, doors: Doors) -> None:
    doors.hang_up()

    with pytest.raises(OutcomeUnknown):
        await ding.send(submission())

    assert await ding.request_key() == ""
