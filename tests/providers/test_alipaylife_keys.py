"""The keys of an Alipay Life Account: what Alipay did not sign is not believed, and what is no key is not used."""

from typing import Any

import aiohttp
import pytest

from tests.providers.conftest import Doors
from tests.providers.test_alipaylife import ANN, BEN, CEM, OURS, answered, provider, sent
from tests.providers.test_alipaylife import life as life
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.alipaylife.provider import AlipayLife
from ums.vocabulary import SandboxAddress, State


async def test_a_success_that_alipay_did_not_sign_is_not_believed(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(OURS, code="10000", msg="Success"))
    doors.answer(200, b'{"alipay_open_public_message_single_send_response":{"code":"10000"}}')
    doors.answer(200, answered(code="10000", msg="Success").replace(b"Success", b"success"))

    answer = await sent(life, ANN, BEN, CEM)

    assert {(o.state, o.code) for o in answer.outcomes} == {(State.UNKNOWN, "no_answer")}
    assert all("not signed" in outcome.words for outcome in answer.outcomes)


async def test_a_refusal_with_a_false_signature_is_not_believed_either(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, answered(OURS, code="40004", msg="no", sub_code="PUB.MSG_SD_NOFOLLOW"))

    [outcome] = (await sent(life)).outcomes

    assert outcome.state is State.UNKNOWN


async def test_a_fault_of_the_gateway_may_come_unsigned(life: AlipayLife, doors: Doors) -> None:
    doors.answer(200, {"error_response": {"code": "40002", "msg": "Invalid", "sub_code": "isv.invalid-app-id"}})

    with pytest.raises(ProviderRefused, match=r"isv\.invalid-app-id: Invalid"):
        await sent(life)


@pytest.mark.parametrize("field", ["privateKey", "alipayPublicKey"])
@pytest.mark.parametrize("value", ["nonsense", "", "bm8ga2V5", "-----BEGIN PRIVATE KEY-----"])
async def test_what_is_no_key_is_for_the_operator_and_is_not_shown(
    session: aiohttp.ClientSession, doors: Doors, field: str, value: str
) -> None:
    wrong: dict[str, Any] = {"baseUrl": doors.url, field: value}
    with pytest.raises(ProviderRefused) as refused:
        await sent(provider(session, **wrong))

    assert refused.value.code == field
    assert not value or value not in str(refused.value)
    assert doors.reports.empty()


async def test_a_stand_in_that_hides_its_key_is_worth_another_try(session: aiohttp.ClientSession, doors: Doors) -> None:
    host, port = doors.url.removeprefix("http://").split(":")
    doors.answer(200, b"<html>")
    doors.hang_up()
    life = provider(session, SandboxAddress(host, int(port)), alipayPublicKey="sandbox-alipay")

    for _ in range(2):
        with pytest.raises(ProviderBusy, match="public key"):
            await sent(life)
