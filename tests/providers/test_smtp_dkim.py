"""DKIM: what we sign, dkimpy verifies, and nothing else."""

from typing import Any

import aiohttp
import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.providers.mail_server import CONTENT, CREATED, LOGIN, mailer, submission
from ums.errors import ProviderRefused
from ums.providers.contract import Attachment, Submission, Target
from ums.sandbox import Sandbox

RSA, ED25519 = generate_rsa(65537, 2048), Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def declared(key: Any, domain: str = "shop.example") -> dict[str, Any]:
    return {"dkim": {"domain": domain, "selector": "ums", "privateKey": pem(key)}}


def verified(raw: str, key: RSAPrivateKey | Ed25519PrivateKey) -> bool:
    """By a DNS that has nothing but the key's public half."""
    if isinstance(key, RSAPrivateKey):
        public, kind = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "rsa"
    else:
        public, kind = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), "ed25519"
    record = b"v=DKIM1; k=" + kind.encode() + b"; p=" + dkim.base64.b64encode(public)

    def found(name: bytes, **_: object) -> bytes | None:
        return record if name == b"ums._domainkey.shop.example." else None

    return bool(dkim.verify(raw.encode(), dnsfunc=found))


async def sent(running: Sandbox, session: aiohttp.ClientSession, key: Any, asked: Submission) -> list[str]:
    """The mails that arrived at the stand-in."""
    credentials = LOGIN | declared(key)
    async with mailer(session, running.address, encryption="ssl", **credentials) as provider:
        await provider.send(asked)
    return [str(mail["raw"]) for mail in running.record("smtp").accepted]


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
async def test_every_mail_bears_a_signature_that_others_verify(
    running: Sandbox, session: aiohttp.ClientSession, key: Any
) -> None:
    odd = CONTENT | {"subject": "  订单  10086 " + "x" * 200, "text": "<p>一  路  顺风</p>\n\n\n"}

    mails = await sent(running, session, key, submission("ann@people.example", "ben@people.example", content=odd))

    assert [verified(mail, key) for mail in mails] == [True, True]


async def test_files_and_a_plain_body_are_signed_too(running: Sandbox, session: aiohttp.ClientSession) -> None:
    file = Attachment("a  b.txt", "text/plain", b"")
    content = {"subject": "Bill", "text": "plain, with a  gap \n", "files": ["https://shop.example/a"]}
    targets = [Target(1, "ann@people.example")]

    with_file = await sent(running, session, RSA, Submission("", content, targets, CREATED, files=[file]))
    plain = await sent(running, session, RSA, submission(content={"subject": "Bill", "text": "plain, with a  gap \n"}))

    assert [verified(mail, RSA) for mail in [*with_file, *plain]] == [True] * 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Subject: Your order", "Subject: Your refund"),
        ("To: ann@", "To: eve@"),
        ("From: Shop", "From: Bank <x@shop.example>\r\nFrom: Shop"),
        ("\r\n\r\n--=_alt", "\r\n\r\nmore\r\n--=_alt"),
    ],
)
async def test_whoever_changes_a_mail_breaks_its_signature(
    running: Sandbox, session: aiohttp.ClientSession, old: str, new: str
) -> None:
    [mail] = await sent(running, session, RSA, submission())

    assert old in mail
    assert not verified(mail.replace(old, new), RSA)


async def test_lines_of_a_signed_mail_are_short(running: Sandbox, session: aiohttp.ClientSession) -> None:
    [mail] = await sent(running, session, RSA, submission())

    assert max(map(len, mail.split("\r\n"))) <= 78
    assert "h=from:to:message-id:subject:date:auto-submitted:mime-version:" in mail


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("not a key", r"dkim: dkim\.privateKey is no private key in PEM"),
        (
            pem(generate_private_key(SECP256R1())),
            r"dkim: dkim\.privateKey: expected RSA with at least 1024 bits, or Ed25519",
        ),
    ],
)
async def test_a_key_that_is_none_is_for_the_operator_and_is_not_shown(
    session: aiohttp.ClientSession, key: str, words: str
) -> None:
    given = {"domain": "shop.example", "selector": "ums", "privateKey": key}
    async with mailer(session, server="127.0.0.1", port=1, dkim=given) as provider:
        with pytest.raises(ProviderRefused, match=words) as refused:
            await provider.send(submission())

    assert key not in str(refused.value)
