"""Against a real mail server: Debian's postfix takes our mails, and dovecot shows us what comes back."""

import asyncio
import email
from collections.abc import AsyncIterator
from email.policy import default
from typing import Any

import aiohttp
import pytest

from tests.post_office import ACCOUNT, PASSWORD, PostOffice
from tests.post_office import post_office as post_office
from tests.providers.conftest import each
from tests.providers.mail_server import CONTENT, CREATED, mailer, submission
from tests.providers.test_smtp_dkim import RSA, declared, verified
from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Attachment, Outcome, Receipt, Submission, Target
from ums.providers.smtp import pool
from ums.providers.smtp.provider import Smtp
from ums.vocabulary import Reason, State, system_clock

pytestmark = pytest.mark.xdist_group("post_office")


@pytest.fixture(autouse=True)
async def goodbye() -> AsyncIterator[None]:
    """A closed TLS connection waits for the other side's goodbye, and the loop of a test must not end before."""
    yield
    await asyncio.sleep(0.3)


def account(office: PostOffice, **more: Any) -> dict[str, Any]:
    to = {"server": "127.0.0.1", "port": office.sending, "encryption": "starttls", "caFile": office.ca_file}
    return to | {"account": ACCOUNT, "password": PASSWORD, "sender": f"Shop <{ACCOUNT}>"} | more


def with_bounces(office: PostOffice, **more: Any) -> dict[str, Any]:
    box = {"server": "127.0.0.1", "port": office.reading, "account": ACCOUNT, "password": PASSWORD}
    return account(office, bounces=box | more)


async def sent(provider: Smtp, *addresses: str) -> list[Outcome]:
    asked = submission(*addresses)
    return each(await provider.send(asked), asked.targets)


async def collected(provider: Smtp) -> list[Receipt]:
    """What comes back, as soon as something does."""
    async with asyncio.timeout(20):
        while not (told := await provider.collect()):
            await asyncio.sleep(0.1)
    return told


async def test_postfix_takes_a_signed_mail_with_a_file_over_starttls_and_delivers_it_whole(
    post_office: PostOffice, session: aiohttp.ClientSession
) -> None:
    bill = Attachment("账单.pdf", "application/pdf", bytes(range(256)) * 500)
    content = CONTENT | {"files": ["https://shop.example/bill.pdf"]}
    async with mailer(session, **account(post_office), **declared(RSA)) as provider:
        targets = [Target(7, "ann@people.example")]
        [outcome] = (await provider.send(Submission("", content, targets, CREATED, files=[bill]))).outcomes

    assert (outcome.state, outcome.code) == (State.DELIVERED, "250 2.0.0")
    assert outcome.provider_id
    [raw] = [mail for mail in post_office.mails("ann@people.example", 1) if b"multipart/mixed" in mail]
    # As it came, without what postfix wrote above it, and with the line ends of the wire.
    ours = raw.decode().partition("DKIM-Signature")
    assert verified("".join(ours[1:]).replace("\n", "\r\n"), RSA)
    mail = email.message_from_bytes(raw, policy=default)
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == (bill.name, bill.content)
    assert mail["Return-Path"] == f"<{ACCOUNT}>"


@pytest.mark.parametrize("way", ["plain", "login", "cram-md5"])
async def test_it_lets_us_in_by_every_way_that_we_know_over_tls_from_the_first_byte(
    post_office: PostOffice, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(pool, "LOGINS", {way: pool.LOGINS[way]})
    tls = account(post_office) | {"port": post_office.sending_tls, "encryption": "ssl"}
    async with mailer(session, **tls) as provider:
        [outcome] = await sent(provider, "ann@people.example")

    assert outcome.state is State.DELIVERED


async def test_a_wrong_password_is_for_the_operator(post_office: PostOffice, session: aiohttp.ClientSession) -> None:
    async with mailer(session, **account(post_office) | {"password": "guessed"}) as provider:
        with pytest.raises(ProviderRefused, match="535"):
            await sent(provider, "ann@people.example")


async def test_each_recipient_has_a_fate_of_his_own(post_office: PostOffice, session: aiohttp.ClientSession) -> None:
    async with mailer(session, **account(post_office)) as provider:
        found = await sent(
            provider, "ann@people.example", "busy@people.example", "nobody@people.example", "eve@elsewhere.example"
        )

    assert [(outcome.state, outcome.reason, outcome.code) for outcome in found] == [
        (State.DELIVERED, None, "250 2.0.0"),
        (State.PLANNED, None, "450 4.2.1"),
        (State.INVALID, Reason.INVALID_ADDRESS, "550 5.1.1"),
        (State.REFUSED, Reason.UNREACHABLE, "550 5.4.4"),
    ]


async def test_a_mail_larger_than_the_server_takes_never_leaves(
    post_office: PostOffice, session: aiohttp.ClientSession
) -> None:
    async with mailer(session, **account(post_office)) as provider:
        asked = submission(content=CONTENT | {"text": "x" * 1_000_000})
        [outcome] = each(await provider.send(asked), asked.targets)

    assert (outcome.state, outcome.reason, outcome.code) == (State.REFUSED, Reason.CONTENT, "552 5.3.4")


async def test_what_comes_back_is_told_until_it_is_known_to_be_stored_and_other_mail_is_left_alone(
    post_office: PostOffice, session: aiohttp.ClientSession
) -> None:
    async with mailer(session, **with_bounces(post_office)) as provider:
        while await provider.collect():  # of other tests
            pass
        taken, human = await sent(provider, "gone@people.example", ACCOUNT)
        [receipt] = await collected(provider)
        async with mailer(session, **with_bounces(post_office)) as after_a_kill:
            assert await after_a_kill.collect() == [receipt]
        assert await provider.collect() == []
        async with mailer(session, **with_bounces(post_office)) as another:
            assert await another.collect() == []

    assert (taken.state, human.state) == (State.DELIVERED, State.DELIVERED)
    assert (receipt.provider_id, receipt.state, receipt.reason) == (
        taken.provider_id,
        State.UNDELIVERED,
        Reason.INVALID_ADDRESS,
    )
    assert (receipt.code, receipt.words) == ("5.1.6", "She has moved away")
    assert abs(system_clock() - receipt.at) < 60_000
    [unread] = post_office.mails(ACCOUNT, 1)
    assert f"Message-ID: <{human.provider_id}@shop.example>".encode() in unread


async def test_a_mailbox_that_cannot_be_opened_is_told_apart_by_who_must_act(
    post_office: PostOffice, session: aiohttp.ClientSession
) -> None:
    async with mailer(session, **with_bounces(post_office, password="guessed")) as provider:
        with pytest.raises(ProviderRefused, match="lets nobody in") as refused:
            await provider.collect()
    assert "guessed" not in str(refused.value)
    async with mailer(session, **with_bounces(post_office, mailbox="Nowhere")) as provider:
        with pytest.raises(ProviderRefused, match="Nowhere"):
            await provider.collect()
    async with mailer(session, **with_bounces(post_office, port=1)) as provider:
        with pytest.raises(ProviderBusy, match="no_mailbox"):
            await provider.collect()
