"""WeCom's linked companies: the request as it is sent, every answer as it is read."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors, Example, body, each
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Outcome, Submission, Target
from ums.providers.wecom.linked_corps import WecomLinked
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, SandboxAddress, State

TEXT = {"msgtype": "text", "text": {"content": "Hello"}}
PARTNERS = {"corpId": "key", "agentId": 1000002, "secret": "secret", "linkedCorps": [{"corpId": "wwLinked1"}]}
EXAMPLE = Example(PARTNERS, TEXT, "wwLinked1/u{:06}")
TARGETS = [Target(7, "wwLinked1/Ann"), Target(8, "wwLinked1/ben")]
TOKEN, SEND = "/cgi-bin/gettoken", "/cgi-bin/linkedcorp/message/send"


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> WecomLinked:
    return WecomLinked(Account("partnerwecom", PARTNERS | more, sandbox), session)


@pytest.fixture
def linked(session: aiohttp.ClientSession, doors: Doors) -> WecomLinked:
    """Talks to `doors` as if they were WeCom; they have given it a token."""
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "access_token": "T1", "expires_in": 7200})
    return provider(session, baseUrl=doors.url)


def submission(content: dict[str, Any] | None = None, targets: list[Target] | None = None) -> Submission:
    return Submission("", content or TEXT, targets or TARGETS, 0)


async def test_members_stand_in_an_array_under_their_companies(linked: WecomLinked, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "invaliduser": [], "invalidparty": [], "invalidtag": []})

    answer = await linked.send(submission(TEXT | {"safe": 1, "enable_duplicate_check": 1}))

    await doors.report(TOKEN)
    message = await doors.report(SEND)
    assert (message.method, message.query) == ("POST", {"access_token": "T1"})
    assert body(message) == {
        "touser": ["wwLinked1/Ann", "wwLinked1/ben"],
        "msgtype": "text",
        "agentid": 1000002,
        "text": {"content": "Hello"},
        "safe": 1,
    }
    assert each(answer, TARGETS) == [Outcome(7, State.DELIVERED), Outcome(8, State.DELIVERED)]
    assert answer.provider_id is None


async def test_members_that_the_answer_names_are_told_apart(linked: WecomLinked, doors: Doors) -> None:
    doors.answer(200, {"errcode": 0, "errmsg": "ok", "invaliduser": ["wwLinked1/ann", "zoe"]})

    told = each(await linked.send(submission()), TARGETS)

    assert [(outcome.state, outcome.reason, outcome.code) for outcome in told] == [
        (State.INVALID, Reason.INVALID_ADDRESS, "invaliduser"),
        (State.DELIVERED, None, ""),
    ]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ann", "CorpId/userid"),
        ("wwLinked1/", "CorpId/userid"),
        ("/ann", "CorpId/userid"),
        ("@all", "CorpId/userid"),
        ("wwLinked1/an n", "CorpId/userid"),
        ("wwOther/ann", "wwOther is not in credentials.linkedCorps"),
        ("wwlinked1/ann", "wwlinked1 is not in credentials.linkedCorps"),
    ],
)
async def test_only_members_of_the_declared_companies_are_written_to(
    linked: WecomLinked, doors: Doors, address: str, words: str
) -> None:
    answer = await linked.send(submission(targets=[Target(1, address)]))

    [told] = answer.outcomes
    assert (told.state, told.reason) == (State.INVALID, Reason.INVALID_ADDRESS)
    assert words in told.words
    assert doors.reports.empty()


async def test_a_card_of_wecoms_own_forms_cannot_be_said_to_linked_companies(linked: WecomLinked, doors: Doors) -> None:
    answer = await linked.send(submission({"msgtype": "template_card", "template_card": {"card_type": "text_notice"}}))

    assert {(outcome.state, outcome.reason) for outcome in each(answer, TARGETS)} == {(State.REFUSED, Reason.CONTENT)}
    assert doors.reports.empty()


async def test_what_wecom_would_cut_off_is_not_sent(linked: WecomLinked, doors: Doors) -> None:
    answer = await linked.send(submission({"msgtype": "text", "text": {"content": "好" * 683}}))

    assert {(outcome.state, outcome.reason) for outcome in each(answer, TARGETS)} == {(State.REFUSED, Reason.CONTENT)}
    assert doors.reports.empty()


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (81013, State.INVALID, Reason.INVALID_ADDRESS),
        (82001, State.INVALID, Reason.INVALID_ADDRESS),
        (85002, State.REFUSED, Reason.CONTENT),
    ],
)
async def test_a_refused_message_is_lost_for_every_member(
    linked: WecomLinked, doors: Doors, code: int, state: State, reason: Reason
) -> None:
    doors.answer(200, {"errcode": code, "errmsg": "so it is"})

    answer = await linked.send(submission())

    assert each(answer, TARGETS) == [Outcome(t.id, state, reason, str(code), "so it is") for t in TARGETS]


async def test_who_must_act_is_told(linked: WecomLinked, doors: Doors) -> None:
    doors.answer(200, {"errcode": 60020, "errmsg": "not allow to access from your ip"})
    with pytest.raises(ProviderRefused, match="60020"):
        await linked.send(submission())

    doors.answer(200, {"errcode": 45009, "errmsg": "api freq out of limit"})
    with pytest.raises(ProviderBusy, match="45009") as busy:
        await linked.send(submission())
    assert busy.value.retry_after == 60


async def test_a_lost_answer_is_never_worth_a_repeat(session: aiohttp.ClientSession, running: Sandbox) -> None:
    linked = provider(session, running.address)
    running.play("wecom-linked", Script(lose_answer=1))

    told = each(await linked.send(submission()), TARGETS)

    assert await linked.request_key() == ""
    assert [(outcome.state, outcome.code) for outcome in told] == [(State.UNKNOWN, "no_answer")] * 2
    assert running.record("wecom-linked").submissions == 1


async def test_nothing_can_be_taken_back(linked: WecomLinked) -> None:
    assert not linked.recalls
    with pytest.raises(NotImplementedError):
        await linked.recall("m-1")


async def test_the_31st_message_of_a_minute_waits(session: aiohttp.ClientSession, running: Sandbox) -> None:
    linked = provider(session, running.address)
    for _ in range(30):
        await linked.send(submission(targets=TARGETS[:1]))

    told = each(await linked.send(submission()), TARGETS)

    assert [outcome.state for outcome in told] == [State.PLANNED, State.DELIVERED]
