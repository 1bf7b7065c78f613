"""JSMS: the request as it is sent, every recipient's fate."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body
from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.jsms.provider import Jsms
from ums.vocabulary import Reason, SandboxAddress, State

KEY, SECRET = "7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1"
CONTENT = {"temp_id": 1, "sign_id": 12, "temp_para": {"code": "88"}}
ANN, BEN = Target(7, "+8613800000001"), Target(8, "13800000002")

EXAMPLE = Example(
    {"appKey": "key", "masterSecret": "secret"}, {"temp_id": 1, "temp_para": {"code": "88"}}, "+86138{:08}"
)


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> Jsms:
    return Jsms(Account("shopsms", {"appKey": KEY, "masterSecret": SECRET, **more}, sandbox), session)


@pytest.fixture
def sms(session: aiohttp.ClientSession, doors: Doors) -> Jsms:
    """Talks to `doors` as if they were JSMS."""
    return provider(session, baseUrl=doors.url)


def submission(*targets: Target, content: dict[str, Any] | None = None) -> Submission:
    return Submission("", content or CONTENT, targets or (ANN, BEN), 0)


def failed(mobile: str, code: object) -> dict[str, Any]:
    return {"mobile": mobile, "error_code": code, "error_message": "so it is", "msg_id": "92"}


async def test_a_batch_is_worded_as_the_reference_says(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [{"mobile": "13800000001", "msg_id": "1"}]})

    await sms.send(submission())

    sent = await doors.report("/v1/messages/batch")
    assert sent.method == "POST"
    assert sent.headers["authorization"] == (
        "Basic N2Q0MzFlNDJkZmE2YTZkNjkzYWMyZDA0OjVlOTg3YWM2ZDJlMDRkOTVhOWQ4ZjBkMQ=="
    )
    assert body(sent) == {
        "temp_id": 1,
        "sign_id": 12,
        "recipients": [
            {"mobile": "13800000001", "temp_para": {"code": "88"}},
            {"mobile": "13800000002", "temp_para": {"code": "88"}},
        ],
    }


async def test_what_the_content_does_not_say_is_not_sent(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [{"mobile": "13800000001", "msg_id": "1"}]})

    await sms.send(submission(ANN, content={"temp_id": 1}))

    assert body(await doors.report("/v1/messages/batch")) == {
        "temp_id": 1,
        "recipients": [{"mobile": "13800000001"}],
    }


async def test_answers_are_matched_by_number_whatever_their_order(sms: Jsms, doors: Doors) -> None:
    accepted = {"mobile": "13800000001", "msg_id": 1}
    doors.answer(200, {"success_count": 1, "recipients": [failed("13800000002", "50006"), accepted]})

    answer = await sms.send(submission())

    assert answer.outcomes == [
        Outcome(7, State.SUBMITTED, provider_id="1"),
        Outcome(8, State.INVALID, Reason.INVALID_ADDRESS, "50006", "so it is", "92"),
    ]


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("50006", State.INVALID, Reason.INVALID_ADDRESS),
        (50006, State.INVALID, Reason.INVALID_ADDRESS),
        ("50024", State.INVALID, Reason.UNSUBSCRIBED),
        ("50034", State.REFUSED, Reason.DUPLICATE),
        ("50022", State.REFUSED, Reason.CONTENT),
        ("50037", State.REFUSED, Reason.CONTENT),
        ("50038", State.REFUSED, Reason.CONTENT),
        ("50054", State.REFUSED, Reason.CONTENT),
        ("50009", State.PLANNED, None),
        ("50014", State.PLANNED, Reason.ACCOUNT),
        ("50019", State.UNKNOWN, Reason.UNKNOWN),
        ("59999", State.PLANNED, Reason.ACCOUNT),
        ("words", State.PLANNED, Reason.ACCOUNT),
    ],
)
async def test_each_recipient_has_its_own_fate(
    sms: Jsms, doors: Doors, code: object, state: State, reason: Reason | None
) -> None:
    doors.answer(200, {"recipients": [{"mobile": "13800000001", "msg_id": 1}, failed("13800000002", code)]})

    answer = await sms.send(submission())

    assert answer.outcomes[1] == Outcome(8, state, reason, str(code), "so it is", "92")


async def test_a_recipient_that_the_answer_leaves_out_is_unknown(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [{"mobile": "13800000001", "msg_id": 1}]})

    answer = await sms.send(submission())

    assert [outcome.state for outcome in answer.outcomes] == [State.SUBMITTED, State.UNKNOWN]


async def test_an_answer_about_nobody_leaves_the_outcome_unknown(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": []})

    with pytest.raises(OutcomeUnknown):
        await sms.send(submission())


async def test_when_nobody_was_accepted_for_want_of_money_the_operator_must_act(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [failed("13800000001", "50014"), failed("13800000002", "50014")]})

    with pytest.raises(ProviderRefused, match="50014: so it is"):
        await sms.send(submission())


async def test_when_everybody_is_over_the_frequency_it_is_busy(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [failed("13800000001", 50009), failed("13800000002", 50009)]})

    with pytest.raises(ProviderBusy, match="50009"):
        await sms.send(submission())


@pytest.mark.parametrize("code", [50001, 50002, 50005, 50008, 50013, 50014, 50020, 50025, 50031, 50035, 50036, 50046])
async def test_a_call_refused_for_the_account_is_for_the_operator(sms: Jsms, doors: Doors, code: int) -> None:
    doors.answer(403, {"error": {"code": code, "message": "so it is"}})

    with pytest.raises(ProviderRefused, match=f"{code}: so it is"):
        await sms.send(submission())


async def test_a_call_out_of_frequency_is_busy(sms: Jsms, doors: Doors) -> None:
    doors.answer(403, {"error": {"code": 50009, "message": "out of freq"}})

    with pytest.raises(ProviderBusy, match="50009: out of freq"):
        await sms.send(submission())


async def test_a_call_refused_for_its_content_is_lost_for_everybody(sms: Jsms, doors: Doors) -> None:
    doors.answer(403, {"error": {"code": 50037, "message": "sensitive word"}})

    answer = await sms.send(submission())

    assert answer.outcomes == [
        Outcome(7, State.REFUSED, Reason.CONTENT, "50037", "sensitive word"),
        Outcome(8, State.REFUSED, Reason.CONTENT, "50037", "sensitive word"),
    ]


@pytest.mark.parametrize(
    ("status", "raw"), [(500, b'{"error": {"code": 50019, "message": "server error"}}'), (502, b"<html>"), (504, b"")]
)
async def test_a_server_error_may_have_sent_the_messages(sms: Jsms, doors: Doors, status: int, raw: bytes) -> None:
    doors.answer(status, raw)

    with pytest.raises(OutcomeUnknown):
        await sms.send(submission())


async def test_a_page_instead_of_the_interface_is_for_the_operator(sms: Jsms, doors: Doors) -> None:
    doors.answer(404, b"<html>not here")

    with pytest.raises(ProviderRefused, match="404: <html>not here"):
        await sms.send(submission())


@pytest.mark.parametrize(
    "address", ["", "1380000000", "+85212345678", "138000000011", "+86 13800000001", "\uff11380000000\uff11"]
)
async def test_what_is_no_mainland_number_is_never_sent(sms: Jsms, doors: Doors, address: str) -> None:
    answer = await sms.send(submission(Target(9, address)))

    assert [(o.id, o.state, o.reason) for o in answer.outcomes] == [(9, State.INVALID, Reason.INVALID_ADDRESS)]
    assert doors.reports.empty()


async def test_one_number_written_in_two_ways_is_sent_once(sms: Jsms, doors: Doors) -> None:
    doors.answer(200, {"recipients": [{"mobile": "13800000001", "msg_id": 1}]})

    answer = await sms.send(submission(ANN, Target(9, "13800000001")))

    assert {outcome.id: outcome.state for outcome in answer.outcomes} == {7: State.SUBMITTED, 9: State.INVALID}
    assert len(body(await doors.report("/v1/messages/batch"))["recipients"]) == 1
