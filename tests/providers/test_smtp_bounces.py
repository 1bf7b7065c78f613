"""Reports of mail servers, as they are read: what is ours, what failed, and what is somebody else's mail."""

import pytest

from ums.providers.contract import Receipt
from ums.providers.smtp.bounces import Seal, read
from ums.providers.smtp.provider import Smtp
from ums.vocabulary import Reason, State

SEAL = Seal("secret")
ID = SEAL.id(4294967297, "1700000000000")
NOW = 1_800_000_000_000
AT = 1_792_584_000_000

REPORT = f"""\
From: MAILER-DAEMON@mx.example
Date: Wed, 21 Oct 2026 12:00:00 +0000
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Original-Recipient: rfc822;ann@people.example
Final-Recipient: rfc822; ann@people.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1
    No such user

--b
Content-Type: message/rfc822

From: Shop <shop@shop.example>
Message-ID: <{ID}@shop.example>
Subject: Hello

Hello
--b--
"""


def told(report: str) -> list[Receipt]:
    found = read(report.encode(), SEAL, NOW)
    assert found.is_report
    return found.receipts


def test_a_mail_that_failed_is_undelivered_with_the_code_and_the_words_of_the_server_that_gave_up() -> None:
    expected = Receipt(ID, "", State.UNDELIVERED, AT, Reason.INVALID_ADDRESS, "5.1.1", "550 5.1.1 No such user")
    assert told(REPORT) == [expected]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("message/rfc822", "text/rfc822-headers"),
        (f"Message-ID: <{ID}@shop.example>", "X: y"),
        ("Action: failed", "Action: FAILED"),
    ],
)
def test_it_is_known_by_the_headers_that_came_back_or_by_its_envelope(old: str, new: str) -> None:
    report = REPORT.replace("Reporting-MTA", f"Original-Envelope-Id: {ID}\nReporting-MTA") if new == "X: y" else REPORT

    assert [receipt.provider_id for receipt in told(report.replace(old, new))] == [ID]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Action: failed", "Action: delayed"),
        ("Action: failed", "Action: delivered"),
        ("Action: failed", "Action: relayed"),
        (ID, ID.replace("4294967297", "4294967298")),
        (ID, Seal("another").id(4294967297, "1700000000000")),
        (ID, "4294967297.1700000000000"),
    ],
)
def test_a_delay_a_success_and_a_report_about_a_mail_that_we_did_not_sign_tell_nothing(old: str, new: str) -> None:
    assert told(REPORT.replace(old, new)) == []


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"From: ann@people.example\nSubject: Re: Hello\n\nThank you",
        b"Auto-Submitted: auto-replied\nSubject: Out of office\n\nI am away",
        b'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n--b\n\nread\n--b--',
        b"\xff\xfe garbage \x00",
    ],
)
def test_what_is_no_report_is_left_alone(mail: bytes) -> None:
    found = read(mail, SEAL, NOW)

    assert (found.is_report, found.receipts) == (False, [])


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.2.2", Reason.UNREACHABLE), ("4.4.7", Reason.UNREACHABLE), ("5.7.1", Reason.PROVIDER), ("", Reason.PROVIDER),
        ("5.1.10 (null MX)", Reason.INVALID_ADDRESS), ("5.3.4", Reason.CONTENT),
    ],
)  # fmt: skip
def test_the_enhanced_code_says_whom_to_blame(status: str, reason: Reason) -> None:
    assert [receipt.reason for receipt in told(REPORT.replace("Status: 5.1.1", f"Status: {status}"))] == [reason]


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2099 12:00:00 +0000", "yesterday", ""])
def test_a_report_is_never_of_the_future(date: str) -> None:
    [receipt] = told(REPORT.replace("Wed, 21 Oct 2026 12:00:00 +0000", date))

    assert receipt.at == NOW


def test_only_an_account_with_a_mailbox_has_something_to_be_fetched() -> None:
    assert Smtp.keeps_receipts({"bounces": {"server": "imap.shop.example"}})
    assert not Smtp.keeps_receipts({"server": "smtp.shop.example"})
