"""Alipay Life Account: the request as it is sent, what each answer means for whom."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.providers.conftest import Doors, Example
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.alipaylife.gateway import is_signed, signature, signed_text
from ums.providers.alipaylife.provider import AT_ONCE, AlipayLife
from ums.providers.contract import Account, Answer, Outcome, Report, Submission, Target
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, SandboxAddress, State

OURS, ALIPAYS = (rsa.generate_private_key(65537, 2048) for _ in range(2))


OUR_PEM = OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


OUR_PUBLIC_PEM, ALIPAYS_PUBLIC_PEM = (
    key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in (OURS, ALIPAYS)
)


CONTEXT = {"head_color": "#85be53", "url": "https://shop.example/o/1?a=1&b=2", "action_name": "查看详情"}


CONTENT = {"template_id": "MDI4YzIx", "context": CONTEXT}


EXAMPLE = Example({"appId": "key", "privateKey": "secret", "alipayPublicKey": "alipays"}, CONTENT, "2088{:012}")


ANN, BEN, CEM = (Target(number, f"208810212245883{number}") for number in (7, 8, 9))


def provider(session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **more: object) -> AlipayLife:
    keys = {"privateKey": OUR_PEM, "alipayPublicKey": ALIPAYS_PUBLIC_PEM}
    return AlipayLife(Account("life", {"appId": "2014072300007148", **keys, **more}, sandbox), session)


@pytest.fixture
def life(session: aiohttp.ClientSession, doors: Doors) -> AlipayLife:
    """Talks to `doors` as if they were Alipay."""
    return provider(session, baseUrl=doors.url)


async def sent(life: AlipayLife, *targets: Target, content: dict[str, Any] | None = None) -> Answer:
    return await life.send(Submission("", content or CONTENT, targets or (ANN,), 0))


def answered(key: rsa.RSAPrivateKey = ALIPAYS, **node: str) -> bytes:
    """As Alipay words it."""
    raw = json.dumps(node, ensure_ascii=False)
    name = "alipay_open_public_message_single_send_response"
    return f'{{"{name}":{raw},"sign":"{signature(key, raw)}"}}'.encode()


def fields(report: Report) -> dict[str, str]:
    return {**report.query, **dict(parse_qsl(report.body.decode(), strict_parsing=True))}


async def test_a_message_is_worded_and_signed_as_the_reference_says(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(code="10000", msg="Success"))

    await sent(life, content={"template_id": "MDI4YzIx", "context": CONTEXT | {"keyword1": {"value": "HU7142"}}})

    report = await doors.report("/gateway.do")
    given = fields(report)
    assert report.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert is_signed(OURS.public_key(), signed_text(given), given.pop("sign"))
    assert json.loads(given.pop("biz_content")) == {
        "to_user_id": "2088102122458837",
        "template": {
            "template_id": "MDI4YzIx",
            "context": CONTEXT | {"keyword1": {"value": "HU7142", "color": "#000000"}},
        },
    }
    assert given.pop("timestamp")[4::3] == "-- ::"
    assert given == {
        "app_id": "2014072300007148",
        "method": "alipay.open.public.message.single.send",
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "version": "1.0",
    }


async def test_an_open_id_has_a_field_of_its_own_and_a_colour_is_kept(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(code="10000", msg="Success"))
    first = {"value": "Hello", "color": "#173177"}

    await sent(life, Target(1, "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"), content=_with(first=first))

    business = json.loads(fields(await doors.report("/gateway.do"))["biz_content"])
    assert business["to_open_id"] == "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
    assert business["template"]["context"]["first"] == first
    assert "to_user_id" not in business


@pytest.mark.parametrize("path", ["", "/", "/gateway.do"])
async def test_the_base_url_may_be_that_of_the_gateway_itself(
    session: aiohttp.ClientSession, doors: Doors, path: str
) -> None:
    doors.answer(200, answered(code="10000", msg="Success"))

    await sent(provider(session, baseUrl=doors.url + path))

    await doors.report("/gateway.do")


async def test_what_alipay_accepts_counts_as_delivered_under_an_id_of_our_own(life: AlipayLife, doors: Doors) -> None:
    for _ in range(2):
        doors.answer(200, answered(code="10000", msg="Success"))

    answer = await sent(life, ANN, BEN)

    assert [(o.id, o.state, o.code) for o in answer.outcomes] == [
        (7, State.DELIVERED, "10000"),
        (8, State.DELIVERED, "10000"),
    ]
    assert len({outcome.provider_id for outcome in answer.outcomes} - {None}) == 2


@pytest.mark.parametrize(
    ("code", "sub_code", "loss"),
    [
        ("40004", "PUB.MSG_TEMPLATE_NOT_EXIST", (State.REFUSED, Reason.CONTENT)),
        ("40004", "MSG_TEMPLATE_NOT_EXIST", (State.REFUSED, Reason.CONTENT)),
        ("40004", "USER_TEMPLATE_ILLEGAL", (State.REFUSED, Reason.CONTENT)),
        ("40002", "isv.invalid-parameter", (State.REFUSED, Reason.CONTENT)),
        ("40004", "PUB.MSG_SD_NOFOLLOW", (State.INVALID, Reason.UNSUBSCRIBED)),
        ("40004", "MSG_SD_NOFOLLOW", (State.INVALID, Reason.UNSUBSCRIBED)),
        ("40004", "PUB.SOMETHING_NEW", (State.REFUSED, Reason.PROVIDER)),
        ("40004", "pub.msg_sd_nofollow", (State.REFUSED, Reason.PROVIDER)),
        ("20000", "isp.unknow-error", (State.UNKNOWN, Reason.UNKNOWN)),
        ("20000", "aop.unknow-error", (State.UNKNOWN, Reason.UNKNOWN)),
        ("50000", "new", (State.UNKNOWN, Reason.UNKNOWN)),
    ],
)
async def test_a_refusal_says_what_became_of_the_target(
    life: AlipayLife, doors: Doors, code: str, sub_code: str, loss: tuple[State, Reason]
) -> None:
    doors.answer(200, answered(code=code, msg="Business Failed", sub_code=sub_code, sub_msg='消息 "}/\\'))

    answer = await sent(life)

    assert answer.outcomes == [Outcome(7, *loss, sub_code, '消息 "}/\\')]


async def test_a_parameter_that_names_the_receiver_is_about_the_address(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(code="40002", msg="Invalid", sub_code="isv.invalid-parameter", sub_msg="to_user_id"))

    [outcome] = (await sent(life)).outcomes

    assert (outcome.state, outcome.reason) == (State.INVALID, Reason.INVALID_ADDRESS)


@pytest.mark.parametrize(
    ("code", "sub_code"),
    [
        ("20001", "aop.invalid-auth-token"),
        ("40001", "isv.missing-app-id"),
        ("40002", "isv.invalid-signature"),
        ("40002", "isv.invalid-app-id"),
        ("40002", "isv.invalid-timestamp"),
        ("40003", "isv.something"),
        ("40006", "isv.insufficient-isv-permissions"),
    ],
)
async def test_what_only_the_operator_can_mend_stops_the_batch(
    life: AlipayLife, doors: Doors, code: str, sub_code: str
) -> None:
    for _ in range(AT_ONCE):
        doors.answer(200, answered(code=code, msg="no", sub_code=sub_code, sub_msg="so it is"))
    targets = [Target(number, f"2088{number:012}") for number in range(20)]

    with pytest.raises(ProviderRefused, match=f"{sub_code}: so it is"):
        await sent(life, *targets)

    assert doors.reports.qsize() <= AT_ONCE


@pytest.mark.parametrize(
    ("code", "sub_code"), [("40005", "isv.app-call-limited"), ("40004", "PUB.MSG_BATCH_SD_OVER"), ("40005", "")]
)
async def test_a_call_too_many_is_busy(life: AlipayLife, doors: Doors, code: str, sub_code: str) -> None:
    doors.answer(200, answered(code=code, msg="Call Limited", sub_code=sub_code))

    with pytest.raises(ProviderBusy, match="Call Limited"):
        await sent(life)


async def test_those_before_the_limit_are_sent_and_the_others_go_again_after_a_pause(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    running.play("alipaylife", Script(per_minute=3))
    targets = [Target(number, f"2088{number:012}") for number in range(20)]

    answer = await sent(provider(session, running.address, alipayPublicKey="sandbox-alipay"), *targets)

    states = [outcome.state for outcome in answer.outcomes]
    assert (states.count(State.DELIVERED), states.count(State.PLANNED), answer.pause) == (3, 17, 1.0)
    assert len(running.record("alipaylife").addresses) == 3
    assert running.record("alipaylife").turned_away <= AT_ONCE


async def test_a_template_that_is_gone_is_not_tried_on_everybody(
    session: aiohttp.ClientSession, running: Sandbox
) -> None:
    life = provider(session, running.address, alipayPublicKey="sandbox-alipay")
    targets = [Target(number, f"2088{number:012}") for number in range(20)]

    answer = await sent(life, *targets, content=CONTENT | {"template_id": "TM000000116"})

    assert {(o.state, o.code) for o in answer.outcomes} == {(State.REFUSED, "PUB.MSG_TEMPLATE_NOT_EXIST")}
    assert running.record("alipaylife").turned_away <= AT_ONCE


async def test_a_lost_answer_is_one_persons_alone(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(code="10000", msg="Success"))
    doors.hang_up()
    doors.answer(200, answered(code="10000", msg="Success"))

    answer = await sent(life, ANN, BEN, CEM)

    states = sorted(outcome.state for outcome in answer.outcomes)
    assert states == [State.UNKNOWN, State.DELIVERED, State.DELIVERED]
    assert not any("sign=" in outcome.words for outcome in answer.outcomes)


async def test_no_more_than_a_few_calls_are_under_way(life: AlipayLife, doors: Doors) -> None:
    for _ in range(20):
        doors.never_answer()
    sending = asyncio.create_task(sent(life, *(Target(number, f"2088{number:012}") for number in range(20))))
    await asyncio.sleep(0.3)

    assert doors.reports.qsize() == AT_ONCE
    sending.cancel()
    await asyncio.wait([sending])


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[]", b"{}", b'{"sign":"x"}', b'{"error_response":7}', b"\xff"])
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(
    life: AlipayLife, doors: Doors, raw: bytes
) -> None:
    doors.answer(200, raw)

    [outcome] = (await sent(life)).outcomes

    assert outcome.state is State.UNKNOWN


async def test_a_gateway_on_the_way_may_have_passed_the_message_on(life: AlipayLife, doors: Doors) -> None:
    doors.answer(502, b"<html>Bad Gateway")
    [outcome] = (await sent(life)).outcomes
    assert outcome.state is State.UNKNOWN

    doors.answer(404, b"<html>Not Found")
    with pytest.raises(ProviderRefused, match="404: <html>Not Found"):
        await sent(life)


def test_nothing_is_taken_back() -> None:
    assert not AlipayLife.recalls


def _with(**context: object) -> dict[str, Any]:
    return CONTENT | {"context": CONTEXT | context}
