"""A template's life: applied, in review, approved by callback, sent with, deleted at JSMS, invalid."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import uvicorn

from tests.provider_templates.conftest import DOCUMENTS
from tests.shop import open_shop
from ums.messaging.engine import Engine
from ums.messaging.worker import serve
from ums.provider_templates.keep import keep_templates
from ums.providers.jsms.receipts import signature
from ums.reconcile import reconcile
from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.jsms import JsmsStandIn
from ums.settings import Settings
from ums.vocabulary import SandboxAddress, system_clock
from ums.web import application

SEND = """mutation { sendMessage(input: {
  audience: {addresses: [{type: SMS, addresses: ["13800000001"]}]}
  body: {template: {name: "login", variables: {code: "1234"}}}
}) { message { id } problems { code message } } }"""
LIST = "{ providerTemplates { edges { node { name providerId state review reason } } } }"
SYNC = 'mutation { syncProviderTemplates(deliveryChannel: "sms") { gone problems { code } } }'


class House:
    """API, worker and sandbox, each over its sockets."""

    def __init__(self, url: str, session: aiohttp.ClientSession, stand_ins: Sandbox) -> None:
        self.url, self.session, self.sandbox = url, session, stand_ins

    async def asks(self, query: str) -> Any:
        headers = {"authorization": aiohttp.encode_basic_auth("shop", "sandbox-shop-master-secret")}
        async with self.session.post(f"{self.url}/graphql", json={"query": query}, headers=headers) as response:
            answer = await response.json()
        assert "errors" not in answer, answer
        [found] = answer["data"].values()
        return found

    async def kept(self) -> dict[str, Any]:
        return {edge["node"]["name"]: edge["node"] for edge in (await self.asks(LIST))["edges"]}

    async def becomes(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The listed object, once it is so."""
        for _ in range(100):
            found = (await self.kept()).get(name, {})
            if wanted.items() <= found.items():
                return dict(found)
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} is {found}, not {wanted}")


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    settings, port = open_shop(settings), free_address().port
    settings = replace(settings, public_url=f"http://127.0.0.1:{port}")
    (settings.config / "more.yaml").write_text(DOCUMENTS)
    app = application(settings, system_clock)
    async with sandbox(SandboxAddress.parse(settings.sandbox), settings.public_url) as stand_ins:
        await reconcile(settings, write=True)
        server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="on", log_config=None))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        engine: Engine = app.state.engine
        worker = asyncio.create_task(serve(engine, beside=[lambda engine: keep_templates(engine, every=0.1)]))
        async with aiohttp.ClientSession() as session:
            yield House(settings.public_url, session, stand_ins)
        engine.stopping.set()
        await worker
        server.should_exit = True
        await serving


async def test_a_templates_life(house: House) -> None:
    first = await house.becomes("login-code", state="NORMAL", review="IN_REVIEW")
    [refused] = (await house.asks(SEND))["problems"]
    assert refused["code"] == "template_invalid"
    assert f"template {first['providerId']} of sms is in review" in refused["message"]

    await house.becomes("login-code", review="APPROVED")  # by callback: nobody asked
    await house.becomes("shop", review="APPROVED")
    sent = await house.asks(SEND)
    assert sent["problems"] == []
    for _ in range(100):
        if accepted := list(house.sandbox.record("jsms").accepted):
            break
        await asyncio.sleep(0.1)
    assert accepted[0]["temp_id"] == int(first["providerId"])

    jsms = house.sandbox.actors["jsms"]
    assert isinstance(jsms, JsmsStandIn)
    jsms.reviewer.delete_template("sms-key", int(first["providerId"]))
    assert await house.asks(SYNC) == {"gone": 1, "problems": []}

    gone = await house.becomes("login-code", state="INVALID")
    assert gone["reason"] == "the provider has none of this id any more; it was deleted there"
    [refused] = (await house.asks(SEND))["problems"]
    assert refused["code"] == "template_invalid"
    assert "is invalid" in refused["message"]


def posted(secret: str, said: dict[str, Any]) -> dict[str, str]:
    """A form as JSMS posts it of a signature, signed with this secret."""
    nonce, timestamp = "7659972084945889195", str(system_clock())
    signed = signature("sms-key", secret, nonce, timestamp)
    return {
        "nonce": nonce, "timestamp": timestamp, "signature": signed, "type": "SMS_SIGN", "data": json.dumps(said),
    }  # fmt: skip


async def test_a_rejection_arrives_with_its_reason_and_a_forged_one_does_not(house: House) -> None:
    number = int((await house.becomes("shop", review="APPROVED"))["providerId"])
    said = {"signId": number, "status": 2, "refuseReason": "not your name"}

    async with house.session.post(f"{house.url}/v1/sms/callback", data=posted("guessed", said)) as response:
        assert response.status == 401
    assert (await house.kept())["shop"]["review"] == "APPROVED"

    form = posted("sandbox-sms-secret", said)
    async with house.session.post(f"{house.url}/v1/sms/callback", data=form) as response:
        assert response.status == 200
    assert (await house.becomes("shop", review="REJECTED"))["reason"] == "not your name"
