"""Alipay's stand-in, request by request."""

import json
from base64 import b64decode, b64encode
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ums.sandbox import Sandbox
from ums.sandbox.script import Script

METHOD = "alipay.open.public.message.single.send"
NODE = "alipay_open_public_message_single_send_response"
CONTEXT: dict[str, Any] = {"head_color": "#85be53", "url": "https://shop.example", "action_name": "See"}
MESSAGE: dict[str, Any] = {"to_user_id": "2088102122458832", "template": {"template_id": "t1", "context": CONTEXT}}
FIELDS = {
    "app_id": "key",
    "method": METHOD,
    "charset": "utf-8",
    "sign_type": "RSA2",
    "sign": "c2lnbmVk",
    "timestamp": "2024-07-24 03:07:50",
    "version": "1.0",
}
KEY = rsa.generate_private_key(65537, 2048)
PEM, DER = (KEY.public_key().public_bytes(e, PublicFormat.SubjectPublicKeyInfo) for e in (Encoding.PEM, Encoding.DER))


def signed(fields: dict[str, str]) -> dict[str, str]:
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "sign")
    return fields | {"sign": b64encode(KEY.sign(text.encode(), PKCS1v15(), SHA256())).decode()}


async def call(
    running: Sandbox, session: aiohttp.ClientSession, message: object = MESSAGE, **fields: str
) -> dict[str, Any]:
    """The node of the answer, common fields in the query and the message in the body."""
    query, content = FIELDS | fields, message if isinstance(message, str) else json.dumps(message)
    url = f"{running.address.http}/alipaylife/gateway.do"
    async with session.post(url, params=query, data={"biz_content": content}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        node = json.loads(await response.text())[NODE]
        assert isinstance(node, dict)
        return node


async def test_a_message_is_accepted_without_an_id(running: Sandbox, session: aiohttp.ClientSession) -> None:
    assert await call(running, session) == {"code": "10000", "msg": "Success"}

    [accepted] = running.record("alipaylife").accepted
    assert (accepted["targets"], accepted["account"]) == (["2088102122458832"], "key")
    assert accepted["template"] == MESSAGE["template"]


async def test_all_fields_may_stand_in_the_body(running: Sandbox, session: aiohttp.ClientSession) -> None:
    form = FIELDS | {"biz_content": json.dumps({"to_open_id": "o1", "template": MESSAGE["template"]})}

    async with session.post(f"{running.address.http}/alipaylife/gateway.do", data=form) as response:
        assert json.loads(await response.text())[NODE]["code"] == "10000"

    assert running.record("alipaylife").addresses == ["o1"]


async def test_an_answer_is_signed_over_its_raw_text_by_the_key_that_is_told(
    running: Sandbox, session: aiohttp.ClientSession
) -> None:
    running.play("alipaylife", Script.parse({"accounts": {"key": PEM.decode()}}))
    async with session.get(f"{running.address.http}/alipaylife/public-key") as response:
        key = load_der_public_key(b64decode(await response.text()))
    assert isinstance(key, rsa.RSAPublicKey)

    async with session.post(f"{running.address.http}/alipaylife/gateway.do", params=FIELDS) as response:
        text = await response.text()

    node, _, signature = text.removeprefix(f'{{"{NODE}":').rpartition(',"sign":')
    assert "\\/" in node
    key.verify(b64decode(json.loads(signature[:-1])), node.encode(), PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    ("field", "sub_code"),
    [
        ("method", "isv.missing-method"),
        ("app_id", "isv.missing-app-id"),
        ("sign_type", "isv.missing-signature-type"),
        ("sign", "isv.missing-signature"),
        ("timestamp", "isv.missing-timestamp"),
        ("version", "isv.missing-version"),
    ],
)
async def test_what_is_missing_is_named(
    running: Sandbox, session: aiohttp.ClientSession, field: str, sub_code: str
) -> None:
    node = await call(running, session, **{field: ""})

    assert (node["code"], node["sub_code"]) == ("40001", sub_code)


@pytest.mark.parametrize(
    ("field", "value", "sub_code"),
    [
        ("method", "alipay.trade.pay", "isv.invalid-method"),
        ("sign_type", "MD5", "isv.invalid-signature-type"),
        ("charset", "gbk", "isv.invalid-charset"),
        ("timestamp", "2024-07-24T03:07:50", "isv.invalid-timestamp"),
        ("sign", "no base64", "isv.invalid-signature"),
    ],
)
async def test_what_is_wrong_is_named(
    running: Sandbox, session: aiohttp.ClientSession, field: str, value: str, sub_code: str
) -> None:
    node = await call(running, session, **{field: value})

    assert (node["code"], node["sub_code"]) == ("40002", sub_code)
    assert running.record("alipaylife").submissions == 0
    assert running.record("alipaylife").turned_away == 1


@pytest.mark.parametrize("public", [PEM.decode(), b64encode(DER).decode()])
async def test_a_known_application_must_sign(running: Sandbox, session: aiohttp.ClientSession, public: str) -> None:
    running.play("alipaylife", Script.parse({"accounts": {"key": public}}))
    content = json.dumps(MESSAGE)
    good = signed(FIELDS | {"biz_content": content})

    assert (await call(running, session, content, sign=good["sign"]))["code"] == "10000"
    assert (await call(running, session, content))["sub_code"] == "isv.invalid-signature"
    assert (await call(running, session, content + " ", sign=good["sign"]))["sub_code"] == "isv.invalid-signature"
    assert (await call(running, session, content, app_id="other"))["sub_code"] == "isv.invalid-app-id"


def changed(**context: object) -> dict[str, Any]:
    return MESSAGE | {"template": {"template_id": "t1", "context": CONTEXT | context}}


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[]",
        {"template": MESSAGE["template"]},
        {"to_user_id": "2088102122458832"},
        MESSAGE | {"template": {"template_id": "", "context": CONTEXT}},
        changed(head_color=""),
        changed(url=None),
        changed(action_name=7),
        changed(keyword1="HU7142"),
        changed(keyword1={"value": "HU7142"}),
        changed(surprise={"value": "a", "color": "#000000"}),
    ],
)
async def test_a_message_that_is_not_in_order_is_refused(
    running: Sandbox, session: aiohttp.ClientSession, message: object
) -> None:
    node = await call(running, session, message)

    assert (node["code"], node["sub_code"]) == ("40002", "isv.invalid-parameter")


async def test_nothing_is_sent_with_a_master_template(running: Sandbox, session: aiohttp.ClientSession) -> None:
    node = await call(running, session, MESSAGE | {"template": {"template_id": "TM000000116", "context": CONTEXT}})

    assert (node["code"], node["sub_code"]) == ("40004", "PUB.MSG_TEMPLATE_NOT_EXIST")


async def test_an_address_can_be_refused(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("alipaylife", Script.parse({"refuse": ["^2088"]}))

    node = await call(running, session)

    assert (node["sub_code"], "to_user_id" in node["sub_msg"]) == ("isv.invalid-parameter", True)


async def test_faults_come_in_alipays_words(running: Sandbox, session: aiohttp.ClientSession) -> None:
    running.play("alipaylife", Script(busy=1, error_rate=1))
    assert [(await call(running, session))["code"] for _ in range(2)] == ["40005", "20000"]

    running.play("alipaylife", Script(per_minute=1))
    assert [(await call(running, session))["code"] for _ in range(2)] == ["10000", "40005"]
