"""Alipay's signatures against its own client, `alipay-sdk-python`.

It unpacks to 36,000 files, so it is an extra of its own: `pip install -e '.[crosschecks]'`; without it these tests are
skipped, but not where UMS_TEST_CROSSCHECKS says `required`.
"""

import asyncio
import json
import os
from base64 import b64encode
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.providers.conftest import Doors
from tests.providers.test_alipaylife import ALIPAYS, CONTENT, OUR_PUBLIC_PEM, OURS, provider, sent
from ums.sandbox import Sandbox
from ums.sandbox.script import Script
from ums.vocabulary import State

if os.environ.get("UMS_TEST_CROSSCHECKS") != "required":
    pytest.importorskip("alipay.aop", reason="alipay-sdk-python is not installed: pip install -e '.[crosschecks]'")

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.domain.AlipayOpenPublicMessageSingleSendModel import AlipayOpenPublicMessageSingleSendModel
from alipay.aop.api.exception.Exception import ResponseException
from alipay.aop.api.request.AlipayOpenPublicMessageSingleSendRequest import AlipayOpenPublicMessageSingleSendRequest
from alipay.aop.api.util import SignatureUtils, WebUtils

APP = "2014072300007148"
CONTEXT: dict[str, Any] = {"head_color": "#85be53", "url": "https://shop.example/o/1?a=1&b=2", "action_name": "查看"}
KEYWORD = {"value": "已发货", "color": "#85be53"}


def pkcs1(key: Any) -> str:
    """A private key as the client wants it: base64 without armour."""
    return b64encode(key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())).decode()


@pytest.fixture(autouse=True)
def _elsewhere(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client cannot say a port in its URL: its connections lead to the sandbox's all the same."""

    def connection(host: str, port: int, timeout: float) -> HTTPConnection:
        assert port == 80
        return HTTPConnection(host, running.address.port, timeout=timeout)

    monkeypatch.setattr(WebUtils, "httplib", SimpleNamespace(HTTPConnection=connection))


def official(alipays_public_key: str, own: Any = OURS) -> DefaultAlipayClient:
    config = AlipayClientConfig()
    config.server_url = "http://127.0.0.1/alipaylife/gateway.do"
    config.app_id, config.app_private_key = APP, pkcs1(own)
    config.alipay_public_key = alipays_public_key
    return DefaultAlipayClient(config)


def message(address: str = "2088102122458832", template_id: str = "t1") -> AlipayOpenPublicMessageSingleSendRequest:
    model = AlipayOpenPublicMessageSingleSendModel()
    model.to_user_id = address
    model.template = {"template_id": template_id, "context": CONTEXT | {"keyword1": KEYWORD}}
    return AlipayOpenPublicMessageSingleSendRequest(biz_model=model)


async def public_key(running: Sandbox, session: aiohttp.ClientSession) -> str:
    async with session.get(f"{running.address.http}/alipaylife/public-key") as response:
        return await response.text()


async def test_the_official_clients_call_is_proven_and_so_is_the_answer_to_it(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("alipaylife", Script.parse({"accounts": {APP: OUR_PUBLIC_PEM}}))
    client = official(await public_key(running, session))

    answer = await asyncio.to_thread(client.execute, message())

    assert json.loads(answer) == {"code": "10000", "msg": "Success"}
    [accepted] = running.record("alipaylife").accepted
    assert accepted["targets"] == ["2088102122458832"]
    assert accepted["template"] == {"template_id": "t1", "context": CONTEXT | {"keyword1": KEYWORD}}


async def test_the_official_client_reads_refusals_with_their_slashes(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("alipaylife", Script.parse({"accounts": {APP: OUR_PUBLIC_PEM}}))
    key = await public_key(running, session)

    stranger = json.loads(await asyncio.to_thread(official(key, own=ALIPAYS).execute, message()))
    missing = json.loads(await asyncio.to_thread(official(key).execute, message(template_id="TM01")))

    assert (stranger["sub_code"], "/" in stranger["sub_msg"]) == ("isv.invalid-signature", True)
    assert missing["sub_code"] == "PUB.MSG_TEMPLATE_NOT_EXIST"


async def test_the_official_client_takes_no_answer_that_another_key_signed(running: Sandbox) -> None:
    client = official("".join(OUR_PUBLIC_PEM.splitlines()[1:-1]))

    with pytest.raises(ResponseException, match="verify failed"):
        await asyncio.to_thread(client.execute, message())


async def test_our_providers_call_is_signed_and_its_answer_proven_as_the_official_client_does(
    session: aiohttp.ClientSession, doors: Doors
) -> None:
    node = json.dumps({"code": "10000", "msg": "Success", "sub_msg": "a/b 成功"}, ensure_ascii=False)
    signed = SignatureUtils.sign_with_rsa2(pkcs1(ALIPAYS), node, "utf-8")
    doors.answer(200, f'{{"alipay_open_public_message_single_send_response":{node},"sign":"{signed}"}}'.encode())

    answer = await sent(provider(session, baseUrl=doors.url), content=CONTENT)

    report = await doors.report("/gateway.do")
    fields = {**report.query, **dict(parse_qsl(report.body.decode()))}
    text = SignatureUtils.get_sign_content({name: value for name, value in fields.items() if name != "sign"})
    own = "".join(OUR_PUBLIC_PEM.splitlines()[1:-1])
    assert SignatureUtils.verify_with_rsa(own, text.encode(), fields["sign"])
    assert [outcome.state for outcome in answer.outcomes] == [State.DELIVERED]
