"""SMTP: what is said to the server, every answer as it is read, encryption that never gives way."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.policy import default
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.providers.mail_server import HANG_UP, MailServer, mail_server
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers import smtp, smtp_pool
from ums.providers.contract import Account, Answer, Outcome, Submission, Target
from ums.providers.smtp import Smtp
from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.script import Script
from ums.vocabulary import Reason, SandboxAddress, State

CONTENT = {"subject": "Your order", "text": "<p>It is on its way.</p>"}
CREATED = 1_700_000_000_000
SENDER = {"sender": "Shop <shop@shop.example>"}
LOGIN = {"account": "shop", "password": "secret"}


@asynccontextmanager
async def mailer(
    session: aiohttp.ClientSession, sandbox: SandboxAddress | None = None, **credentials: object
) -> AsyncIterator[Smtp]:
    provider = Smtp(Account("shopmail", SENDER | credentials, sandbox), session)
    try:
        yield provider
    finally:
        await provider.close()


@pytest.fixture
async def mail(running: Sandbox, session: aiohttp.ClientSession) -> AsyncIterator[Smtp]:
    """Sends to the stand-in over STARTTLS, one mail at a time."""
    async with mailer(session, running.address, encryption="starttls", connections=1, **LOGIN) as made:
        yield made


def submission(*addresses: str, content: dict[str, str] | None = None) -> Submission:
    targets = [Target(number, address) for number, address in enumerate(addresses or ("ann@people.example",), 1)]
    return Submission("", content or CONTENT, targets, CREATED)


async def told(session: aiohttp.ClientSession, server: MailServer, *addresses: str) -> list[Outcome]:
    async with mailer(session, **at(server), encryption="none", connections=1) as provider:
        return list((await provider.send(submission(*addresses))).outcomes)


def fates(answer: Answer) -> list[tuple[State, Reason | None, str]]:
    return [(outcome.state, outcome.reason, outcome.code) for outcome in answer.outcomes]


async def test_a_mail_arrives_as_it_was_written(mail: Smtp, running: Sandbox) -> None:
    answer = await mail.send(submission("ann@people.example"))

    [stored] = running.record("smtp").accepted
    expected = Outcome(1, State.DELIVERED, None, "250 2.0.0", f"OK: queued as {stored['queued']}", stored["queued"])
    assert answer.outcomes == [expected]
    envelope = {name: stored[name] for name in ("sender", "targets", "tls", "user")}
    assert envelope == {"sender": "shop@shop.example", "targets": ["ann@people.example"], "tls": True, "user": "shop"}
    message = email.message_from_string(stored["raw"], policy=default)
    assert not message.defects
    assert (message["Subject"], message["To"]) == ("Your order", "ann@people.example")


async def test_every_recipient_gets_a_mail_of_its_own(mail: Smtp, running: Sandbox) -> None:
    await mail.send(submission("ann@people.example", "ben@people.example"))

    stored = [
        (mail["targets"], email.message_from_string(mail["raw"])["To"]) for mail in running.record("smtp").accepted
    ]
    assert stored == [(["ann@people.example"], "ann@people.example"), (["ben@people.example"], "ben@people.example")]


async def test_a_repeated_mail_has_the_same_message_id_and_another_mail_another(mail: Smtp, running: Sandbox) -> None:
    await mail.send(submission("ann@people.example", "ben@people.example"))
    await mail.send(submission("ann@people.example", "ben@people.example"))

    ids = [email.message_from_string(mail["raw"])["Message-ID"] for mail in running.record("smtp").accepted]
    assert ids == [f"<1.{CREATED}@shop.example>", f"<2.{CREATED}@shop.example>"] * 2


@pytest.mark.parametrize(("encryption", "tls"), [("none", False), ("starttls", True), ("ssl", True)])
async def test_each_kind_of_encryption_reaches_the_stand_in(
    running: Sandbox, session: aiohttp.ClientSession, encryption: str, tls: bool
) -> None:
    async with mailer(session, running.address, encryption=encryption, **LOGIN) as provider:
        await provider.send(submission())

    assert [stored["tls"] for stored in running.record("smtp").accepted] == [tls]


async def test_what_is_said_to_the_server_is_what_rfc_5321_asks_for(session: aiohttp.ClientSession) -> None:
    async with mail_server(EHLO="250-ready\r\n250 SIZE 0") as server:
        await told(session, server, "ann@münchen.example")

    size = len(server.mails[0]) - len(".\r\n")
    hello, *rest = server.heard
    assert hello.startswith("EHLO ")
    assert rest == [
        f"MAIL FROM:<shop@shop.example> SIZE={size}",
        "RCPT TO:<ann@xn--mnchen-3ya.example>",
        "DATA",
        "QUIT",
    ]


async def test_a_server_that_knows_no_ehlo_is_greeted_in_the_old_way(session: aiohttp.ClientSession) -> None:
    async with mail_server(EHLO="502 what?", HELO="250 ready") as server:
        [outcome] = await told(session, server)

    assert outcome.state is State.DELIVERED
    assert server.verbs() == ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("address", "state", "reason", "code"),
    [
        ("code-550-5.1.1-rcpt@x.example", State.INVALID, Reason.INVALID_ADDRESS, "550 5.1.1"),
        ("code-553-5.1.3-rcpt@x.example", State.INVALID, Reason.INVALID_ADDRESS, "553 5.1.3"),
        ("code-556-5.1.10-rcpt@x.example", State.INVALID, Reason.INVALID_ADDRESS, "556 5.1.10"),
        ("code-550-5.2.1-rcpt@x.example", State.INVALID, Reason.INVALID_ADDRESS, "550 5.2.1"),
        ("code-550-5.7.1-rcpt@x.example", State.REFUSED, Reason.PROVIDER, "550 5.7.1"),
        ("code-552-5.2.2-rcpt@x.example", State.PLANNED, None, "552 5.2.2"),
        ("code-550-5.2.2-rcpt@x.example", State.REFUSED, Reason.UNREACHABLE, "550 5.2.2"),
        ("code-450-4.2.1-rcpt@x.example", State.PLANNED, None, "450 4.2.1"),
        ("code-452-4.5.3-rcpt@x.example", State.PLANNED, None, "452 4.5.3"),
        ("greylist-1-ann@x.example", State.PLANNED, None, "450 4.7.1"),
        ("code-552-5.3.4-dot@x.example", State.REFUSED, Reason.CONTENT, "552 5.3.4"),
        ("code-554-5.6.0-dot@x.example", State.REFUSED, Reason.CONTENT, "554 5.6.0"),
        ("code-554-5.7.1-dot@x.example", State.REFUSED, Reason.PROVIDER, "554 5.7.1"),
        ("code-550-5.1.1-dot@x.example", State.INVALID, Reason.INVALID_ADDRESS, "550 5.1.1"),
        ("code-451-4.3.0-dot@x.example", State.PLANNED, None, "451 4.3.0"),
        ("drop-before-dot@x.example", State.PLANNED, None, "no_answer"),
        ("drop-after-dot@x.example", State.UNKNOWN, Reason.UNKNOWN, "no_answer"),
        ("not an address", State.INVALID, Reason.INVALID_ADDRESS, ""),
    ],
)
async def test_one_recipients_fate_is_its_own(
    mail: Smtp, running: Sandbox, address: str, state: State, reason: Reason | None, code: str
) -> None:
    answer = await mail.send(submission("ann@people.example", address, "ben@people.example"))

    fine = (State.DELIVERED, None, "250 2.0.0")
    assert fates(answer) == [fine, (state, reason, code), fine]
    assert answer.outcomes[1].words


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        ({"RCPT": "550 no such user"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "551 not here"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "550 4.2.1 contradictory"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "552 too many recipients"}, State.PLANNED, None),
        ({"RCPT": "554 refused"}, State.REFUSED, Reason.PROVIDER),
        ({"RCPT": "251 will forward"}, State.DELIVERED, None),
        ({"DATA": "554 no valid recipients"}, State.REFUSED, Reason.PROVIDER),
        ({"DATA": "451 later"}, State.PLANNED, None),
        ({"dot": "554 looks like spam"}, State.REFUSED, Reason.CONTENT),
        ({"dot": "550 refused"}, State.REFUSED, Reason.PROVIDER),
        ({"dot": "421 closing"}, State.PLANNED, None),
        ({"dot": "%$ garbage"}, State.UNKNOWN, Reason.UNKNOWN),
        ({"MAIL": "552 too large"}, State.REFUSED, Reason.CONTENT),
        ({"EHLO": "250-ready\r\n250 SIZE 100"}, State.REFUSED, Reason.CONTENT),
        ({"DATA": HANG_UP}, State.PLANNED, None),
    ],
)
async def test_bare_codes_are_understood_too(
    session: aiohttp.ClientSession, said: dict[str, str], state: State, reason: Reason | None
) -> None:
    async with mail_server(**said) as server:
        [outcome] = await told(session, server)

    assert (outcome.state, outcome.reason) == (state, reason)


@pytest.mark.parametrize(
    ("text", "provider_id"),
    [
        ("250 2.0.0 Ok: queued as 4F2A1B.", "4F2A1B"),
        ("250 Ok: queued as 4SxQ-Z_1", "4SxQ-Z_1"),
        ("250 Mail OK", None),
    ],
)
async def test_the_servers_id_is_kept_where_it_gives_one(
    session: aiohttp.ClientSession, text: str, provider_id: str | None
) -> None:
    async with mail_server(dot=text) as server:
        [outcome] = await told(session, server)

    assert outcome.provider_id == provider_id


async def test_a_refused_recipient_is_taken_back_before_the_next(session: aiohttp.ClientSession) -> None:
    async with mail_server(RCPT=["550 5.1.1 nobody", "250 OK"]) as server:
        await told(session, server, "ann@people.example", "ben@people.example")

    assert server.verbs() == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    "said", [{"MAIL": ["421 closing", "250 OK"]}, {"MAIL": [HANG_UP, "250 OK"]}, {"RCPT": ["421 bye", "250 OK"]}]
)
async def test_a_conversation_that_ends_early_is_taken_up_again(
    session: aiohttp.ClientSession, said: dict[str, list[str]]
) -> None:
    async with mail_server(**said) as server:
        [outcome] = await told(session, server)

    assert outcome.state is State.DELIVERED
    assert (server.conversations, len(server.mails)) == (2, 1)


async def test_a_connection_that_was_closed_while_idle_is_no_failure(session: aiohttp.ClientSession) -> None:
    async with mail_server(dot=["250 OK", "250 OK"], MAIL=["250 OK", HANG_UP, "250 OK"]) as server:
        outcomes = await told(session, server, "ann@people.example", "ben@people.example")

    assert [outcome.state for outcome in outcomes] == [State.DELIVERED, State.DELIVERED]
    assert len(server.mails) == 2


async def test_nothing_is_repeated_once_the_dot_was_sent(session: aiohttp.ClientSession) -> None:
    async with mail_server(dot=HANG_UP) as server:
        [outcome] = await told(session, server)

    assert outcome.state is State.UNKNOWN
    assert (server.conversations, len(server.mails)) == (1, 1)


async def test_a_silent_server_leaves_the_outcome_unknown(mail: Smtp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "DOT_SECONDS", 0.1)

    answer = await mail.send(submission("slow-dot@people.example", "ann@people.example"))

    assert [outcome.state for outcome in answer.outcomes] == [State.UNKNOWN, State.DELIVERED]


@pytest.mark.parametrize(
    "said", [{"banner": "421 too many"}, {"banner": "450 later"}, {"MAIL": "451 4.3.2 later"}, {"MAIL": "421 bye"}]
)
async def test_when_nothing_could_be_sent_the_server_is_busy(
    session: aiohttp.ClientSession, said: dict[str, str]
) -> None:
    async with mail_server(**said) as server:
        with pytest.raises(ProviderBusy, match=r"421|45"):
            await told(session, server, "ann@people.example", "ben@people.example")

    assert server.mails == []


@pytest.mark.parametrize(
    "said",
    [
        {"banner": "554 you are blocked"},
        {"MAIL": "553 sender must be the login"},
        {"MAIL": "550 5.7.1 not allowed"},
        {"MAIL": "530 5.7.0 authentication required"},
        {"RCPT": "530 authentication required"},
        {"RCPT": "550 5.1.8 bad sender domain"},
        {"RCPT": "550 5.7.8 authenticate first"},
    ],
)
async def test_what_concerns_the_account_stops_everything(session: aiohttp.ClientSession, said: dict[str, str]) -> None:
    async with mail_server(**said) as server:
        with pytest.raises(ProviderRefused, match=r"55|53"):
            await told(session, server, "ann@people.example", "ben@people.example")

    assert server.mails == []


async def test_what_stops_a_batch_half_way_leaves_the_rest_for_another_try(session: aiohttp.ClientSession) -> None:
    async with mail_server(MAIL=["250 OK", "451 4.3.2 later"]) as server:
        outcomes = await told(session, server, "ann@people.example", "ben@people.example", "eve@people.example")

    assert [(o.id, o.state, o.code) for o in outcomes] == [
        (1, State.DELIVERED, "250"),
        (2, State.PLANNED, "451 4.3.2"),
        (3, State.PLANNED, "451 4.3.2"),
    ]


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


def place(running: Sandbox, encryption: str) -> dict[str, object]:
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


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: all@people.example", "Hello\nX: y", "nul\0"])
async def test_a_header_cannot_be_smuggled_in_by_the_subject(mail: Smtp, running: Sandbox, subject: str) -> None:
    answer = await mail.send(submission(content=CONTENT | {"subject": subject}))

    assert [(o.state, o.reason) for o in answer.outcomes] == [(State.REFUSED, Reason.CONTENT)]
    assert running.record("smtp").addresses == []


async def test_a_command_cannot_be_smuggled_in_by_an_address(mail: Smtp, running: Sandbox) -> None:
    answer = await mail.send(submission("ann@people.example>\r\nRCPT TO:<eve@people.example"))

    assert [outcome.state for outcome in answer.outcomes] == [State.INVALID]
    assert running.record("smtp").addresses == []


async def test_a_sender_that_is_no_address_is_for_the_operator(session: aiohttp.ClientSession) -> None:
    async with mailer(session, sender="Shop", server="127.0.0.1", port=1) as provider:
        with pytest.raises(ProviderRefused, match=r"sender: not an e-mail address"):
            await provider.send(submission())


async def test_attachments_are_refused_rather_than_lost(mail: Smtp, running: Sandbox) -> None:
    answer = await mail.send(submission(content=CONTENT | {"files": "https://shop.example/bill.pdf"}))

    assert [(o.state, o.reason) for o in answer.outcomes] == [(State.REFUSED, Reason.CONTENT)]
    assert running.record("smtp").addresses == []


async def test_connections_are_used_again_and_replaced_in_time(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(
            session, **at(server), connections=1, messagesPerConnection=3
        ) as provider,
    ):
        for _ in range(2):
            await provider.send(submission(*["ann@people.example"] * 4))

    assert (server.conversations, len(server.mails)) == (3, 8)
    assert server.verbs().count("QUIT") == 3


async def test_no_more_connections_are_opened_than_allowed(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(session, **at(server), connections=3) as provider,
    ):
        many = submission(*["ann@people.example"] * 20)
        await asyncio.gather(*(provider.send(many) for _ in range(4)))

    assert (server.conversations, len(server.mails)) == (3, 80)


async def test_an_idle_connection_is_let_go(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "IDLE_SECONDS", 0.05)
    async with (
        mail_server() as server,
        mailer(session, **at(server)) as provider,
    ):
        await provider.send(submission())
        await asyncio.sleep(0.2)
        await provider.send(submission())

    assert server.conversations == 2


async def test_a_closed_provider_lets_go_of_the_server(session: aiohttp.ClientSession) -> None:
    async with (
        mail_server() as server,
        mailer(session, **at(server)) as provider,
    ):
        await provider.send(submission())
        assert server.verbs()[-1] == "QUIT"


async def test_mail_under_way_while_the_provider_is_closed_arrives_all_the_same(mail: Smtp, running: Sandbox) -> None:
    running.play("smtp", Script(latency=0.05))
    sending = asyncio.create_task(mail.send(submission("ann@people.example", "ben@people.example")))
    await asyncio.sleep(0.02)

    await mail.close()

    assert [outcome.state for outcome in (await sending).outcomes] == [State.DELIVERED, State.DELIVERED]
