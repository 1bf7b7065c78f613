"""The SMTP stand-in, tried with Python's own client."""

import asyncio
import email
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from typing import TypeVar

import pytest
import trustme

from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.script import Script
from ums.vocabulary import SandboxAddress

Said = TypeVar("Said")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def running(authority: trustme.CA) -> AsyncIterator[Sandbox]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    async with sandbox(free_address(), "http://127.0.0.1:1", tls=server) as made:
        yield made


def mail(to: str = "ann@people.example") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@shop.example", to, "Hello"
    message.set_content("Hello\n.a line that begins with a dot\n")
    return message


async def talk(address: SandboxAddress, said: Callable[[smtplib.SMTP], Said]) -> Said:
    """In clear, with Python's own client; it cannot wait without a thread."""

    def conversation() -> Said:
        with smtplib.SMTP(address.host, address.smtp_port, timeout=10) as client:
            return said(client)

    return await asyncio.to_thread(conversation)


async def test_a_mail_over_starttls_is_stored_as_it_came(running: Sandbox, trusting: ssl.SSLContext) -> None:
    def said(client: smtplib.SMTP) -> None:
        client.starttls(context=trusting)
        client.login("shop", "secret")
        client.send_message(mail())

    await talk(running.address, said)

    [stored] = running.record("smtp").accepted
    assert (stored["sender"], stored["targets"]) == ("shop@shop.example", ["ann@people.example"])
    assert (stored["tls"], stored["user"]) == (True, "shop")
    text = email.message_from_string(stored["raw"]).get_payload()
    assert text == "Hello\r\n.a line that begins with a dot\r\n"


async def test_a_mail_over_implicit_tls_is_stored_too(running: Sandbox, trusting: ssl.SSLContext) -> None:
    def conversation() -> None:
        address = running.address
        with smtplib.SMTP_SSL(address.host, address.smtps_port, context=trusting, timeout=10) as client:
            assert not client.has_extn("starttls") or client.ehlo()[0] == 250
            client.send_message(mail())

    await asyncio.to_thread(conversation)

    [stored] = running.record("smtp").accepted
    assert (stored["tls"], stored["user"]) == (True, None)


async def test_its_own_certificate_is_trusted_by_nobody() -> None:
    async with sandbox(free_address(), "http://127.0.0.1:1") as running:
        with pytest.raises(ssl.SSLCertVerificationError):
            await talk(running.address, lambda client: client.starttls(context=ssl.create_default_context()))


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
async def test_a_password_is_checked(running: Sandbox, mechanism: str) -> None:
    running.play("smtp", Script.parse({"accounts": {"shop": "secret"}}))

    def said(client: smtplib.SMTP, password: str) -> int:
        client.ehlo()
        client.user, client.password = "shop", password
        try:
            return client.auth(mechanism.removeprefix("auth_").upper(), getattr(client, mechanism))[0]
        except smtplib.SMTPAuthenticationError as refused:
            return refused.smtp_code

    assert await talk(running.address, lambda client: said(client, "secret")) == 235
    assert await talk(running.address, lambda client: said(client, "wrong")) == 535


@pytest.mark.parametrize(
    ("recipient", "answers"),
    [
        ("ann@people.example", [250]),
        ("code-550-5.1.1-rcpt@people.example", [550]),
        ("code-450-4.2.1-rcpt-whatever@people.example", [450]),
        ("greylist-2-ann@people.example", [450, 450, 250]),
        ("refused@people.example", [550]),
    ],
)
async def test_the_recipient_decides_what_rcpt_is_answered(
    running: Sandbox, recipient: str, answers: list[int]
) -> None:
    running.play("smtp", Script.parse({"refuse": ["^refused@"]}))

    def said(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        client.mail("shop@shop.example")
        return [client.rcpt(recipient)[0] for _ in answers]

    assert await talk(running.address, said) == answers


async def test_a_mail_can_be_refused_at_its_dot(running: Sandbox) -> None:
    def said(client: smtplib.SMTP) -> int:
        try:
            client.send_message(mail("code-552-5.3.4-dot@people.example"))
        except smtplib.SMTPDataError as refused:
            return refused.smtp_code
        return 250

    assert await talk(running.address, said) == 552
    assert running.record("smtp").addresses == []


@pytest.mark.parametrize(
    ("recipient", "stored"), [("drop-before-dot@people.example", 0), ("drop-after-dot@people.example", 1)]
)
async def test_a_dropped_conversation_stored_the_mail_or_did_not(running: Sandbox, recipient: str, stored: int) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        await talk(running.address, lambda client: client.send_message(mail(recipient)))

    assert len(running.record("smtp").accepted) == stored


async def test_the_stand_in_offers_what_servers_offer(running: Sandbox) -> None:
    def said(client: smtplib.SMTP) -> dict[str, str]:
        client.ehlo()
        return client.esmtp_features

    offered = await talk(running.address, said)

    assert offered.keys() >= {"starttls", "size", "8bitmime", "auth"}
    assert offered["auth"].split() == ["LOGIN", "PLAIN"]
