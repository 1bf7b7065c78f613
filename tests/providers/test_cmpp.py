"""CMPP: what is submitted, and what each result of the gateway means."""

from dataclasses import replace

import aiohttp
import pytest

from tests.providers.cmpp_gateway import (
    HANG_UP,
    MSG_ID,
    SILENCE,
    SUBMIT,
    WELCOME_3,
    Gateway,
    answered,
    gateway,
    submission,
    texter,
)
from tests.providers.conftest import Example, each
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.cmpp import link as cmpp_link
from ums.providers.cmpp import round as cmpp_round
from ums.providers.cmpp.provider import Cmpp
from ums.providers.contract import Account, Outcome
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, State

EXAMPLE = Example(
    {"supplier": "Any", "host": "unused", "port": 7890, "account": "key", "password": "secret"}
    | {"accessNumber": "10690001"},
    {"content": "Order 7 is on its way."},
    "+86138{:08}",
)
ANN, BEN, CAT = "+8613800000001", "13800000002", "8613800000003"
LONG = "\u4f60" * 71


def fates(outcomes: list[Outcome]) -> list[tuple[int, State, Reason | None, str]]:
    return sorted((outcome.id, outcome.state, outcome.reason, outcome.code) for outcome in outcomes)


async def heard(at: Gateway, count: int) -> list[bytes]:
    return [(await at.next(SUBMIT))[1] for _ in range(count)]


def number(body: bytes) -> str:
    """The first of a SUBMIT of 2.0."""
    return body[117:138].rstrip(b"\0").decode()


async def test_a_text_is_submitted_with_a_report_asked_for(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at, serviceId="SHOP") as sms:
        answer = await sms.send(submission(ANN))

        [body] = await heard(at, 1)
    assert answer.outcomes == [Outcome(1, State.SUBMITTED, provider_id=f"{MSG_ID}:13800000001")]
    assert (body[8:12], body[12:22], body[45:47]) == (b"\1\1\1\1", b"SHOP" + bytes(6), b"\0\0")
    assert (body[47:53], body[95:116].rstrip(b"\0"), number(body)) == (b"900001", b"10690001", "13800000001")
    assert body[138:] == b"\5Hello" + bytes(8)


async def test_each_number_has_a_submit_of_its_own_unless_the_supplier_takes_groups(
    session: aiohttp.ClientSession,
) -> None:
    async with gateway() as at, texter(session, at) as sms:
        await sms.send(submission(ANN, BEN, CAT))

        assert [number(body) for body in await heard(at, 3)] == ["13800000001", "13800000002", "13800000003"]


async def test_a_group_shares_the_message_id_and_each_is_told_apart_by_its_number(
    session: aiohttp.ClientSession,
) -> None:
    async with gateway() as at, texter(session, at, destinations=2) as sms:
        answer = await sms.send(submission(ANN, BEN, CAT))

        first, second = await heard(at, 2)
    assert (first[116], second[116]) == (2, 1)
    ids = {f"{MSG_ID}:13800000001", f"{MSG_ID}:13800000002", f"{MSG_ID}:13800000003"}
    assert {outcome.provider_id for outcome in answer.outcomes} == ids


async def test_3_0_has_its_own_layout(session: aiohttp.ClientSession) -> None:
    accepted = MSG_ID.to_bytes(8, "big") + bytes(4)
    async with gateway(accepted, welcome=WELCOME_3) as at, texter(session, at, version="3.0") as sms:
        answer = await sms.send(submission(ANN))

        [body] = await heard(at, 1)
    assert at.connects[0][22] == 0x30
    assert len(body) == 163 - 12 + 32 + len("Hello")
    assert fates(list(answer.outcomes)) == [(1, State.SUBMITTED, None, "")]


async def test_a_longer_text_goes_in_parts_and_by_the_id_of_the_last(session: aiohttp.ClientSession) -> None:
    async with gateway(answered(0, 1), answered(0, 2)) as at, texter(session, at) as sms:
        answer = await sms.send(submission(ANN, content=LONG))

        first, second = await heard(at, 2)
    assert [body[8:10] for body in (first, second)] == [b"\2\1", b"\2\2"]
    assert [body[45:47] for body in (first, second)] == [b"\1\x08", b"\1\x08"]
    reference = first[142:143]
    assert first[138:145] == b"\x8c\5\0\3" + reference + b"\2\1"
    assert second[138:145] == b"\x0e\5\0\3" + reference + b"\2\2"
    assert [outcome.provider_id for outcome in answer.outcomes] == ["2:13800000001"]


async def test_flow_control_in_the_middle_of_a_text_is_waited_for(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_round, "PAUSES", (0.01, 0.01))
    async with gateway(answered(0, 1), answered(8, 0), answered(0, 2)) as at, texter(session, at) as sms:
        answer = await sms.send(submission(ANN, content=LONG))

        assert [body[9] for body in await heard(at, 3)] == [1, 2, 2]
    assert [outcome.provider_id for outcome in answer.outcomes] == ["2:13800000001"]


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (6, State.REFUSED, Reason.CONTENT),
        (9, State.REFUSED, Reason.PROVIDER),
        (13, State.INVALID, Reason.INVALID_ADDRESS),
        (77, State.REFUSED, Reason.PROVIDER),
        (150, State.INVALID, Reason.UNSUBSCRIBED),
        (151, State.REFUSED, Reason.CONTENT),
    ],
)
async def test_a_result_that_concerns_the_text_or_the_number_is_its_outcome(
    session: aiohttp.ClientSession, result: int, state: State, reason: Reason
) -> None:
    codes = {"150": {"reason": "unsubscribed", "words": "on the blacklist"}, "151": {"reason": "content"}}
    async with gateway(answered(result, 0)) as at, texter(session, at, codes=codes) as sms:
        answer = await sms.send(submission(ANN))

    assert fates(list(answer.outcomes)) == [(1, state, reason, str(result))]
    assert all(outcome.provider_id is None for outcome in answer.outcomes)


@pytest.mark.parametrize("result", [1, 2, 4, 5, 7, 10, 11, 12, 152])
async def test_a_result_that_concerns_the_account_is_for_the_operator(
    session: aiohttp.ClientSession, result: int
) -> None:
    codes = {"152": {"reason": "account", "words": "no balance"}}
    async with gateway(answered(result, 0)) as at, texter(session, at, codes=codes) as sms:
        with pytest.raises(ProviderRefused, match=f"^{result}: "):
            await sms.send(submission(ANN, BEN))


@pytest.mark.parametrize("result", [3, 8])
async def test_flow_control_is_worth_another_try(session: aiohttp.ClientSession, result: int) -> None:
    codes = {"8": {"reason": "content"}}
    async with gateway(answered(result, 0)) as at, texter(session, at, codes=codes) as sms:
        with pytest.raises(ProviderBusy) as busy:
            await sms.send(submission(ANN, BEN))

    assert (busy.value.code, busy.value.retry_after) == (str(result), 1)


async def test_after_flow_control_nothing_more_is_sent_and_the_rest_waits(session: aiohttp.ClientSession) -> None:
    async with gateway(answered(0, 1), answered(8, 0)) as at, texter(session, at, window=1) as sms:
        answer = await sms.send(submission(ANN, BEN, CAT))

        await heard(at, 2)
        assert at.heard.empty()
    expected = [(1, State.SUBMITTED, None, ""), (2, State.PLANNED, None, "8"), (3, State.PLANNED, None, "8")]
    assert fates(list(answer.outcomes)) == expected
    assert answer.pause == 1


async def test_a_wrong_number_in_a_group_is_found_by_trying_each(session: aiohttp.ClientSession) -> None:
    answers = answered(13, 0), answered(0, 1), answered(13, 0), answered(0, 2)
    async with gateway(*answers) as at, texter(session, at, destinations=99) as sms:
        answer = await sms.send(submission(ANN, BEN, CAT))

    assert fates(list(answer.outcomes)) == [
        (1, State.SUBMITTED, None, ""),
        (2, State.INVALID, Reason.INVALID_ADDRESS, "13"),
        (3, State.SUBMITTED, None, ""),
    ]


async def test_a_text_refused_for_a_group_is_not_tried_again(session: aiohttp.ClientSession) -> None:
    async with gateway(answered(6, 0)) as at, texter(session, at, destinations=99) as sms:
        answer = await sms.send(submission(ANN, BEN))

        await heard(at, 1)
        assert at.heard.empty()
    assert {outcome.reason for outcome in answer.outcomes} == {Reason.CONTENT}


@pytest.mark.parametrize("lost", [HANG_UP, b"", b"1234"])
async def test_a_submit_without_an_answer_is_unknown(session: aiohttp.ClientSession, lost: object) -> None:
    async with gateway(lost) as at, texter(session, at) as sms:
        answer = await sms.send(submission(ANN))

    assert fates(list(answer.outcomes)) == [(1, State.UNKNOWN, Reason.UNKNOWN, "no_answer")]


async def test_only_what_was_submitted_is_unknown_when_the_connection_is_lost(session: aiohttp.ClientSession) -> None:
    async with gateway(answered(0), HANG_UP) as at, texter(session, at, window=1) as sms:
        answer = await sms.send(submission(ANN, BEN, CAT))

    states = [state for _, state, _, _ in fates(list(answer.outcomes))]
    assert states == [State.SUBMITTED, State.UNKNOWN, State.PLANNED]


async def test_a_gateway_that_is_silent_leaves_the_outcome_unknown(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmpp_link, "ANSWER_SECONDS", 0.1)
    async with gateway(SILENCE) as at, texter(session, at, window=1) as sms:
        answer = await sms.send(submission(ANN, BEN))

        await heard(at, 1)
        assert at.heard.empty()
    assert [state for _, state, _, _ in fates(list(answer.outcomes))] == [State.UNKNOWN, State.PLANNED]
    assert "no answer to SUBMIT" in answer.outcomes[0].words


@pytest.mark.parametrize("address", ["", "1380000000", "+85212345678", "138000000011", "\uff11380000000\uff11"])
async def test_what_is_no_mainland_number_is_never_sent(session: aiohttp.ClientSession, address: str) -> None:
    async with gateway() as at, texter(session, at) as sms:
        answer = await sms.send(submission(address))

    assert fates(list(answer.outcomes)) == [(1, State.INVALID, Reason.INVALID_ADDRESS, "")]
    assert at.connects == []


async def test_one_number_written_in_two_ways_is_sent_once(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at) as sms:
        answer = await sms.send(submission("+8613800000002", BEN))

    assert fates(list(answer.outcomes)) == [
        (1, State.SUBMITTED, None, ""),
        (2, State.INVALID, Reason.DUPLICATE, ""),
    ]


@pytest.mark.parametrize("content", ["", "\u4f60" * 67 * 256])
async def test_a_text_that_cannot_be_sent_is_refused(session: aiohttp.ClientSession, content: str) -> None:
    async with gateway() as at, texter(session, at) as sms:
        answer = await sms.send(submission(ANN, content=content))

    [refused] = each(answer, submission(ANN).targets)
    assert (refused.state, refused.reason) == (State.REFUSED, Reason.CONTENT)
    assert refused.words == answer.words != ""
    assert at.connects == []


async def test_each_number_gets_the_text_that_is_its_own_and_those_who_share_one_share_a_submit(
    session: aiohttp.ClientSession,
) -> None:
    texts = {ANN: "See /c/ann", BEN: "See /c/ben", CAT: "See /c/ann"}
    personal = replace(submission(ANN, BEN, CAT), personal=lambda target: {"content": texts[target.address]})
    async with gateway() as at, texter(session, at, destinations=99) as sms:
        await sms.send(personal)

        shared, own = await heard(at, 2)
    assert (shared[116], shared[117 + 42 :]) == (2, b"\x0aSee /c/ann" + bytes(8))
    assert (own[116], own[117 + 21 :]) == (1, b"\x0aSee /c/ben" + bytes(8))


async def test_a_text_that_only_one_number_cannot_get_keeps_no_other_from_being_sent(
    session: aiohttp.ClientSession,
) -> None:
    personal = replace(submission(ANN, BEN), personal=lambda target: {"content": "Hi" if target.id == 1 else ""})
    async with gateway() as at, texter(session, at) as sms:
        answer = await sms.send(personal)

    assert fates(list(answer.outcomes)) == [(1, State.SUBMITTED, None, ""), (2, State.REFUSED, Reason.CONTENT, "")]


async def test_a_service_id_that_cannot_be_written_is_for_the_operator(session: aiohttp.ClientSession) -> None:
    async with gateway() as at, texter(session, at, serviceId="\u5546") as sms:
        with pytest.raises(ProviderRefused, match="serviceId"):
            await sms.send(submission(ANN))


@pytest.mark.parametrize("version", ["2.0", "3.0"])
async def test_the_stand_in_takes_long_texts_in_both_versions(
    session: aiohttp.ClientSession, running: Sandbox, version: str
) -> None:
    sms = Cmpp(Account("it", EXAMPLE.credentials | {"version": version, "destinations": 99}, running.address), session)
    running.play("cmpp", Script.parse({"accounts": {"key": "secret"}}))

    answer = await sms.send(submission(ANN, BEN, content=LONG))
    await sms.close()

    [first, second] = running.record("cmpp").accepted
    assert first["text"] + second["text"] == LONG
    assert (first["targets"], first["part"], second["part"]) == (["13800000001", "13800000002"], [1, 2], [2, 2])
    ids = [f"{second['msg_id']}:13800000001", f"{second['msg_id']}:13800000002"]
    assert sorted(str(outcome.provider_id) for outcome in answer.outcomes) == ids
