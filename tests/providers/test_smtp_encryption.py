"""SMTP: encryption and passwords, which never give way."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from tests.providers.mail_server import LOGIN, at, mail_server, mailer, submission
from ums.errors import ProviderBusy, ProviderRefused
from ums.sandbox import Sandbox, free_address, sandbox
from ums.vocabulary import State


async def test_a_wrong_password_is_tried_once(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server(EHLO="250-ready\r\n250 AUTH LOGIN PLAIN CRAM-MD5", AUTH="535 5.7.8 no") as server,
        mailer(session, **at(server), connections=1, **LOGIN) as provider,
    ):
        with pytest.raises(ProviderRefused, match=r"535: .*5\.7\.8 no"):
            await provider.send(submission("ann@people.example", "ben@people.example"))

    assert server.verbs() == ["EHLO", "AUTH"]


async def test_a_server_that_wants_no_account_says_so(session: aiohttp.ClientSession) -> None:
    async with mail_server() as server, mailer(session, **at(server), **LOGIN) as provider:
        with pytest.raises(ProviderRefused, match=r"no_auth: 127\.0\.0\.1 offers none of plain, login, cram-md5"):
            await provider.send(submission())


async def test_a_password_never_leaves_in_clear(session: aiohttp.ClientSession) -> None:
    async with mailer(session, server="mail.example", port=25, encryption="none", **LOGIN) as provider:
        with pytest.raises(ProviderRefused, match=r"no_tls: a password is never sent in clear"):
            await provider.send(submission())


@pytest.mark.parametrize("said", [{}, {"EHLO": "250-ready\r\n250 STARTTLS", "STARTTLS": "502 no"}])
async def test_without_starttls_no_mail_leaves(session: aiohttp.ClientSession, said: dict[str, str]) -> None:
    async with (
        mail_server(**said) as server,
        mailer(session, **at(server), encryption="starttls") as provider,
    ):
        with pytest.raises(ProviderRefused, match=r"STARTTLS|502"):
            await provider.send(submission())

    assert server.mails == []
    assert "MAIL" not in server.verbs()


async def test_starttls_that_fails_for_now_is_worth_another_try(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server(EHLO="250-ready\r\n250 STARTTLS", STARTTLS="454 not now") as server,
        mailer(session, **at(server), encryption="starttls") as provider,
    ):
        with pytest.raises(ProviderBusy, match="454"):
            await provider.send(submission())

    assert "MAIL" not in server.verbs()


async def test_tls_to_a_plain_port_is_for_the_operator(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(session, **at(server), encryption="ssl") as provider,
    ):
        with pytest.raises(ProviderRefused, match="is encryption ssl right for this port"):
            await provider.send(submission())


@pytest.fixture
async def trusted(tmp_path: Path) -> AsyncIterator[tuple[Sandbox, str]]:
    """A sandbox whose certificate, for localhost only, was signed by a CA in the file beside it."""
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with sandbox(free_address(), "http://127.0.0.1:1", tls=server) as running:
        yield running, str(tmp_path / "ca.pem")


def place(running: Sandbox, encryption: str) -> dict[str, Any]:
    port = running.address.smtps_port if encryption == "ssl" else running.address.smtp_port
    return {"server": "localhost", "port": port, "encryption": encryption, "connections": 1, **LOGIN}


@pytest.mark.parametrize("encryption", ["starttls", "ssl"])
async def test_a_certificate_of_a_known_authority_is_trusted(
    trusted: tuple[Sandbox, str], session: aiohttp.ClientSession, encryption: str
) -> None:
    running, ca_file = trusted
    async with mailer(session, caFile=ca_file, **place(running, encryption)) as provider:
        await provider.send(submission())

    assert [stored["tls"] for stored in running.record("smtp").accepted] == [True]


@pytest.mark.parametrize("encryption", ["starttls", "ssl"])
@pytest.mark.parametrize("more", [{}, {"server": "127.0.0.1", "caFile": "given"}])
async def test_a_certificate_that_does_not_verify_is_for_the_operator(
    trusted: tuple[Sandbox, str], session: aiohttp.ClientSession, encryption: str, more: dict[str, str]
) -> None:
    running, ca_file = trusted
    wanted = place(running, encryption) | more | ({"caFile": ca_file} if more else {})
    async with mailer(session, **wanted) as provider:
        with pytest.raises(ProviderRefused, match=r"certificate: .*; set caFile to the CA that signed it"):
            await provider.send(submission())

    assert running.record("smtp").addresses == []


@pytest.mark.parametrize("encryption", ["starttls", "ssl"])
async def test_any_certificate_will_do_when_the_operator_says_so(
    trusted: tuple[Sandbox, str], session: aiohttp.ClientSession, encryption: str
) -> None:
    running, _ = trusted
    async with mailer(session, verifyCertificate=False, **place(running, encryption)) as provider:
        [outcome] = (await provider.send(submission())).outcomes

    assert outcome.state is State.DELIVERED


async def test_a_ca_file_that_is_not_there_is_for_the_operator(
    trusted: tuple[Sandbox, str], session: aiohttp.ClientSession
) -> None:
    async with mailer(session, caFile="nowhere.pem", **place(trusted[0], "ssl")) as provider:
        with pytest.raises(ProviderRefused, match=r"ca_file: .*"):
            await provider.send(submission())


@pytest.mark.parametrize(("encryption", "tls"), [("none", False), ("starttls", True), ("ssl", True)])
async def test_each_kind_of_encryption_reaches_the_stand_in(
    running: Sandbox, session: aiohttp.ClientSession, encryption: str, tls: bool
) -> None:
    async with mailer(session, running.address, encryption=encryption, **LOGIN) as provider:
        await provider.send(submission())

    assert [stored["tls"] for stored in running.record("smtp").accepted] == [tls]
