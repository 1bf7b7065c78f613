"""SMTP: what is said to the server, and every answer as it is read."""

import email
from collections.abc import AsyncIterator
from email.policy import default

import aiohttp
import pytest

from tests.providers.conftest import Example
from tests.providers.mail_server import CONTENT, CREATED, HANG_UP, LOGIN, mail_server, mailer, submission, told
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Answer, Attachment, Outcome, Submission, Target
from ums.providers.smtp import pool as smtp_pool
from ums.providers.smtp import provider as smtp
from ums.providers.smtp.provider import Smtp
from ums.sandbox import Sandbox
from ums.vocabulary import Reason, State

EXAMPLE = Example(
    {"account": "key", "password": "secret", "sender": "Shop <shop@shop.example>", "server": "unused", "port": 25}
    | {"encryption": "starttls"},
    {"subject": "Hello", "text": "<p>Hello</p>"},
    "ann{:06}@people.example",
)


@pytest.fixture
async def mail(running: Sandbox, session: aiohttp.ClientSession) -> AsyncIterator[Smtp]:
    """Sends to the stand-in over STARTTLS, one mail at a time."""
    async with mailer(session, running.address, encryption="starttls", connections=1, **LOGIN) as made:
        yield made


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


@pytest.mark.parametrize(("name", "said"), [("mail.shop.example", "mail.shop.example"), ("3f2a1b", "[127.0.0.1]")])
async def test_a_machine_greets_with_its_full_name_or_its_address(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setattr(smtp_pool, "_own_name", lambda: name)
    async with mail_server() as server:
        await told(session, server)

    assert server.heard[0] == f"EHLO {said}"


async def test_a_server_that_knows_no_ehlo_is_greeted_in_the_old_way(session: aiohttp.ClientSession) -> None:
    async with mail_server(EHLO="502 what?", HELO="250 ready") as server:
        [outcome] = await told(session, server)

    assert outcome.state is State.DELIVERED
    assert server.verbs() == ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("address", "fate"),
    [
        ("code-550-5.1.1-rcpt@x.example", (State.INVALID, Reason.INVALID_ADDRESS, "550 5.1.1")),
        ("code-553-5.1.3-rcpt@x.example", (State.INVALID, Reason.INVALID_ADDRESS, "553 5.1.3")),
        ("code-556-5.1.10-rcpt@x.example", (State.INVALID, Reason.INVALID_ADDRESS, "556 5.1.10")),
        ("code-550-5.2.1-rcpt@x.example", (State.INVALID, Reason.INVALID_ADDRESS, "550 5.2.1")),
        ("code-550-5.7.1-rcpt@x.example", (State.REFUSED, Reason.PROVIDER, "550 5.7.1")),
        ("code-552-5.2.2-rcpt@x.example", (State.PLANNED, None, "552 5.2.2")),
        ("code-550-5.2.2-rcpt@x.example", (State.REFUSED, Reason.UNREACHABLE, "550 5.2.2")),
        ("code-450-4.2.1-rcpt@x.example", (State.PLANNED, None, "450 4.2.1")),
        ("code-452-4.5.3-rcpt@x.example", (State.PLANNED, None, "452 4.5.3")),
        ("greylist-1-ann@x.example", (State.PLANNED, None, "450 4.7.1")),
        ("code-552-5.3.4-dot@x.example", (State.REFUSED, Reason.CONTENT, "552 5.3.4")),
        ("code-554-5.6.0-dot@x.example", (State.REFUSED, Reason.CONTENT, "554 5.6.0")),
        ("code-554-5.7.1-dot@x.example", (State.REFUSED, Reason.PROVIDER, "554 5.7.1")),
        ("code-550-5.1.1-dot@x.example", (State.INVALID, Reason.INVALID_ADDRESS, "550 5.1.1")),
        ("code-451-4.3.0-dot@x.example", (State.PLANNED, None, "451 4.3.0")),
        ("drop-before-dot@x.example", (State.PLANNED, None, "no_answer")),
        ("drop-after-dot@x.example", (State.UNKNOWN, Reason.UNKNOWN, "no_answer")),
        ("not an address", (State.INVALID, Reason.INVALID_ADDRESS, "")),
    ],
)
async def test_one_recipients_fate_is_its_own(mail: Smtp, address: str, fate: tuple[State, Reason | None, str]) -> None:
    answer = await mail.send(submission("ann@people.example", address, "ben@people.example"))

    fine = (State.DELIVERED, None, "250 2.0.0")
    assert fates(answer) == [fine, fate, fine]
    assert answer.outcomes[1].words


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        ({"RCPT": "550 no such user"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "551 not here"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "550 4.2.1 contradictory"}, State.INVALID, Reason.INVALID_ADDRESS),
        ({"RCPT": "450 5.1.8 contradictory"}, State.PLANNED, None),
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


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: all@people.example", "Hello\nX: y", "nul\0"])
async def test_a_header_cannot_be_smuggled_in_by_the_subject(mail: Smtp, running: Sandbox, subject: str) -> None:
    answer = await mail.send(submission(content=CONTENT | {"subject": subject}))

    assert answer.others
    assert (answer.others.state, answer.others.reason) == (State.REFUSED, Reason.CONTENT)
    assert running.record("smtp").addresses == []


async def test_a_command_cannot_be_smuggled_in_by_an_address(mail: Smtp, running: Sandbox) -> None:
    answer = await mail.send(submission("ann@people.example>\r\nRCPT TO:<eve@people.example"))

    assert [outcome.state for outcome in answer.outcomes] == [State.INVALID]
    assert running.record("smtp").addresses == []


async def test_a_sender_that_is_no_address_is_for_the_operator(session: aiohttp.ClientSession) -> None:
    async with mailer(session, sender="Shop", server="127.0.0.1", port=1) as provider:
        with pytest.raises(ProviderRefused, match=r"sender: not an e-mail address"):
            await provider.send(submission())


async def test_a_mail_without_one_of_its_files_is_refused_rather_than_sent(mail: Smtp, running: Sandbox) -> None:
    answer = await mail.send(submission(content=CONTENT | {"files": ["https://shop.example/bill.pdf"]}))

    assert answer.others
    assert (answer.others.state, answer.others.reason) == (State.REFUSED, Reason.CONTENT)
    assert running.record("smtp").addresses == []


async def test_files_reach_everybody_whole_however_large(mail: Smtp, running: Sandbox) -> None:
    bill = Attachment("账单.pdf", "application/pdf", bytes(range(256)) * 4096)
    content = CONTENT | {"files": ["https://shop.example/bill.pdf"]}
    targets = [Target(1, "ann@people.example"), Target(2, "ben@people.example")]

    answer = await mail.send(Submission("", content, targets, CREATED, files=[bill]))

    assert [outcome.state for outcome in answer.outcomes] == [State.DELIVERED] * 2
    for stored in running.record("smtp").accepted:
        [file] = email.message_from_string(stored["raw"], policy=default).iter_attachments()
        assert (file.get_filename(), file.get_content()) == (bill.name, bill.content)
