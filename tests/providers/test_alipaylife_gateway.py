"""Alipay's signatures: known vectors, every form of a key, and answers whose raw text is full of traps."""

import json
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ums.providers.alipaylife.gateway import is_signed, members, private_key, public_key, signature, signed_text

# https://opendocs.alipay.com/common/02kf5q - computed by that rule, with a throw-away key.
PUBLIC = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0H9Xgq8s+I/MSlVOSYFAikO0dnVm5zbZnlKhel4eUH5FvVdQ5HFj5Ys/91yXSNt1injw"
    "f4l3XsdAuharrKFHVgByXp+ep+SEMPIvxMeyDXhs+McdIuzgiGGf1iqW4xQP1nNnVjO0L0pDzjoTlsP3drWVjUTLmaFmhRN5o5V4nKYO5jQopD9T"
    "mIfoUn87kMOcFLNXmZr4PSNiRZfjerUJl4LFN9Pt6Mw8AwjTDiST73B8aDxzYO0rITcqazNIAT7nvOELUkyRRssUbo8lJO7auR0zAI0zx68YASzc"
    "rSZ4tGWICE91yJtJ38Gxe5e1OuOmo72ll8u9B8YfUHWZ2Z6RJwIDAQAB"
)
BUSINESS = (
    '{"to_user_id":"2088102122458832","template":{"template_id":"MDI4YzIxMDE2M2I5YTQzYjUxNWE4MjA4NmU1MTIyYmM=",'
    '"context":{"head_color":"#85be53","url":"https://ums.example.com/c/abc?x=1&y=2","action_name":"查看详情",'
    '"keyword1":{"value":"HU7142","color":"#85be53"}}}}'
)
FIELDS = {
    "method": "alipay.open.public.message.single.send",
    "app_id": "2014072300007148",
    "app_auth_token": "",
    "biz_content": BUSINESS,
    "charset": "utf-8",
    "format": "JSON",
    "sign_type": "RSA2",
    "timestamp": "2024-07-24 03:07:50",
    "version": "1.0",
}
REQUEST_SIGNATURE = (
    "ZdTnCwfFdMOtyrvgw4KX0mzie4ppiliZcxSz95hO/JnVApfynfhMOR09yA0zKuXLJ9gl3ltAVf8e84UiXVd8O2288C2PH5FdqG26XgWlcDRrJcZO"
    "dTtYLbKlM4G1KbnqlgIv9our/8ZC8Q1eLKaiBkMmuXyBY5ZFA2yKfQz9MpajXPvsJu8Yfa8Joj4njc1YIGaaOZIQ1mFnWYI4tUqV2dvj8QbatBzv"
    "KWTg8FpEPNFc7hNOzmUAdua3qiqq4sPdCWH2F+nwAwBdIWLPrzMuSXxVeQpy+s2MtA/eWgqqYhBN/6WT//gd+FO0d7Vkk7MkPl34HrsEiuA9D4Pt"
    "/anzUA=="
)
NODE = '{"code":"40004","msg":"Business Failed","sub_code":"PUB.MSG_TEMPLATE_NOT_EXIST","sub_msg":"消息模板不存在"}'
NODE_SIGNATURE = (
    "M+DuVVRns+0VvNhk5xavE+53UhfoI6bPZoDUP5q0TEkmmqldSCriwNHWS+UjfskZhnUQyTzZiLKd2fZe1PqyI7so1Yco3iY7OXbBphAB7QYPhucY"
    "33S3MzEgqgIglcJQqYSem/IXUCqd03+HqtgaAo655pELNEptzlV3lGLpb6N/ABXzLuCShSdZ4gFlauYs78xmZK2qqEY/eOLkSvbzFcZbz43+2hz3"
    "lqPVmd1xSic2lcLDo5Q8hoiI7AAS6VaUC8t1Qtd8td9lwcAl8HeMw48kggQSPJY+ZC7vk6FcHlfHZT7ZM64ii8lgBx+NXqtBonmJ/rMItcZW/Ac2"
    "U2P4bA=="
)
KEY = rsa.generate_private_key(65537, 2048)
OWN_PUBLIC = KEY.public_key()


def test_a_request_is_signed_by_name_without_what_is_empty() -> None:
    text = signed_text(FIELDS | {"sign": "an earlier one"})

    assert text.startswith('app_id=2014072300007148&biz_content={"to_user_id":"2088102122458832"')
    assert text.endswith("&sign_type=RSA2&timestamp=2024-07-24 03:07:50&version=1.0")
    assert is_signed(public_key(PUBLIC), text, REQUEST_SIGNATURE)


def test_an_answer_is_proven_by_its_own_text() -> None:
    assert is_signed(public_key(PUBLIC), NODE, NODE_SIGNATURE)
    assert not is_signed(public_key(PUBLIC), NODE.replace("40004", "10000"), NODE_SIGNATURE)
    assert not is_signed(OWN_PUBLIC, NODE, NODE_SIGNATURE)


@pytest.mark.parametrize("signed", ["", "nonsense", "bm8=", None, 7, NODE_SIGNATURE[:-4], "é"])
def test_what_is_no_signature_proves_nothing(signed: object) -> None:
    assert not is_signed(public_key(PUBLIC), NODE, signed)


def test_a_slash_may_be_signed_as_it_is_meant() -> None:
    assert is_signed(OWN_PUBLIC, '{"a":"x\\/y"}', signature(KEY, '{"a":"x\\/y"}'))
    assert is_signed(OWN_PUBLIC, '{"a":"x\\/y"}', signature(KEY, '{"a":"x/y"}'))


def armoured(kind: PrivateFormat, encoding: Encoding = Encoding.PEM) -> bytes:
    return KEY.private_bytes(encoding, kind, NoEncryption())


@pytest.mark.parametrize(
    "text",
    [
        armoured(PrivateFormat.PKCS8).decode(),
        armoured(PrivateFormat.TraditionalOpenSSL).decode(),
        b64encode(armoured(PrivateFormat.PKCS8, Encoding.DER)).decode(),
        b64encode(armoured(PrivateFormat.TraditionalOpenSSL, Encoding.DER)).decode(),
        armoured(PrivateFormat.PKCS8).decode().replace("\n", "\\n"),
        armoured(PrivateFormat.PKCS8).decode().replace("\n", "\r\n  "),
    ],
)
def test_a_private_key_may_be_written_in_every_usual_form(text: str) -> None:
    assert private_key(text).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize("kind", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_a_public_key_may_be_written_in_every_usual_form(kind: PublicFormat) -> None:
    pem, der = (OWN_PUBLIC.public_bytes(encoding, kind) for encoding in (Encoding.PEM, Encoding.DER))

    assert public_key(pem.decode()).public_numbers() == OWN_PUBLIC.public_numbers()
    assert public_key(b64encode(der).decode()).public_numbers() == OWN_PUBLIC.public_numbers()


def test_a_key_of_another_kind_is_none() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    for read, text in (
        (private_key, other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()),
        (public_key, public),
        (private_key, public),
        (public_key, "sandbox-alipay-public-key"),
    ):
        with pytest.raises(ValueError, match="key"):
            read(text)


@pytest.mark.parametrize(
    "node",
    [
        NODE,
        '{"sub_msg":"a \\"} , \\"sign\\":\\"x\\" {","code":"1"}',
        '{"sub_msg":"\\\\","code":"1"}',
        '{ "code" : "1",\n "deep": [{"a": {"b": "]}"}}] }',
        '"ILpoMowjIQjfYMR847rnFQ=="',
        "{}",
        "7",
    ],
)
@pytest.mark.parametrize("gap", ["", " ", "\r\n\t"])
def test_a_member_is_found_with_its_very_text(node: str, gap: str) -> None:
    parts = ["{", '"x_response"', ":", node, ",", '"alipay_cert_sn"', ":", '"n"', ",", '"sign"', ":", '"s"', "}"]
    body = gap.join(["", *parts, ""])

    found = members(body)

    assert found["x_response"] == (json.loads(node), node)
    assert found["sign"] == ("s", '"s"')


@pytest.mark.parametrize("body", ["", "{", "{}", "[]", '"text"', '{"a"}', '{"a":}', '{"a":1', '{"a":1]', "null"])
def test_what_is_no_object_is_not_read(body: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|not a JSON object"):
        members(body)


def test_a_signature_of_ours_is_the_same_each_time() -> None:
    fields: dict[str, Any] = dict(FIELDS)

    assert signature(KEY, signed_text(fields)) == signature(KEY, signed_text(dict(reversed(fields.items()))))
