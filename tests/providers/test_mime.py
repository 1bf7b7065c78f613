"""Mails are assembled by hand; Python's own parser says whether they came out right."""

import email
from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ums.providers.contract import Attachment
from ums.providers.smtp.mime import Sender, Skeleton, body, encoded, mailbox, readable

SENDER = Sender.parse("Shop <shop@shop.example>")


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert not message.defects
    return message


def mail(
    text: str = "<p>Hello</p>",
    plain: str | None = None,
    *,
    subject: str = "Hello",
    sender: Sender = SENDER,
    files: Sequence[Attachment] = (),
) -> bytes:
    written = body(text, plain, files)
    skeleton = Skeleton(sender, subject, written, 1_700_000_000_123)
    return b"".join((skeleton.headers("ann@people.example", "7.1700000000123"), b"\r\n", *written.pieces))


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_mail_has_the_headers_that_a_notification_needs() -> None:
    message = parsed(mail())

    assert {name: str(value) for name, value in message.items()} == {
        "From": "Shop <shop@shop.example>",
        "To": "ann@people.example",
        "Message-ID": "<7.1700000000123@shop.example>",
        "Subject": "Hello",
        "Date": "Tue, 14 Nov 2023 22:13:20 +0000",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_alternative"',
    }


def test_html_comes_last_with_its_plain_text_before_it() -> None:
    message = parsed(mail("<p>Dear 安,</p><p>see <a href='https://a.example/b'>this</a></p>"))

    assert [piece.get_content_type() for piece in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "html") == "<p>Dear 安,</p><p>see <a href='https://a.example/b'>this</a></p>"
    assert part(message, "plain") == "Dear 安,\n\nsee this (https://a.example/b)\n"


def test_the_plain_text_can_be_given() -> None:
    message = parsed(mail("<p>Hello</p>", "Hello, reader"))

    assert part(message, "plain") == "Hello, reader"


def test_a_body_without_a_tag_is_plain_text_and_nothing_else() -> None:
    message = parsed(mail("2 < 3\nand so on"))

    assert message.get_content_type() == "text/plain"
    assert part(message, "plain") == "2 < 3\nand so on"


@given(st.text(max_size=300).filter(lambda text: "\r" not in text and not any("\ud800" <= c <= "\udfff" for c in text)))
def test_any_body_arrives_as_it_was(text: str) -> None:
    message = parsed(mail(f"<p>{text}</p>", text))

    assert part(message, "html") == f"<p>{text}</p>"
    assert part(message, "plain") == text


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=300))
def test_any_subject_arrives_as_it_was(subject: str) -> None:
    assert str(parsed(mail(subject=subject))["Subject"]) == subject


@given(st.text(max_size=300), st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300))
def test_every_mail_is_seven_bit_in_short_lines_and_no_line_begins_with_a_dot(text: str, subject: str) -> None:
    raw = mail(f"<p>{text}</p>", text, subject=subject)

    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    lines = raw.split(b"\r\n")
    assert not [line for line in lines if b"\r" in line or b"\n" in line]
    assert max(map(len, lines)) <= 78
    assert not [line for line in lines if line.startswith(b".")]


PDF = Attachment("terms.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(range(256)))


def test_files_come_after_the_text() -> None:
    note = Attachment("note.txt", "text/plain", b"")

    message = parsed(mail(files=[PDF, note]))

    assert part(message, "html") == "<p>Hello</p>"
    assert message.get_content_type() == "multipart/mixed"
    attached = [
        (each.get_filename(), each.get_content_type(), each.get_payload(decode=True))
        for each in message.iter_attachments()
    ]
    assert attached == [("terms.pdf", "application/pdf", PDF.content), ("note.txt", "text/plain", b"")]


NAMES = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=255)


@given(NAMES.filter(lambda name: name == name.strip()))
@example("合同 2026.pdf")
@example("a" * 200 + ".pdf")
@example('say "hi", back\\slash; semi=colon\'s.txt')
def test_any_name_of_a_file_arrives_as_it_was_in_short_lines(name: str) -> None:
    raw = mail(files=[Attachment(name, "application/pdf", b"x")])

    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert raw.isascii()
    for policy in (default, compat32):
        *_, file = email.message_from_bytes(raw, policy=policy).walk()
        assert file.get_filename() == name
        assert file.get_content_type() == "application/pdf"


def test_the_name_of_a_file_cannot_end_a_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        mail(files=[Attachment("a\r\nBcc: all@people.example", "text/plain", b"")])


@pytest.mark.parametrize("subject", ["=?utf-8?q?spoofed?=", " padded ", "a" * 200, "安" * 100, "tab\there"])
def test_a_subject_is_never_read_as_something_else(subject: str) -> None:
    assert str(parsed(mail(subject=subject))["Subject"]) == subject


@pytest.mark.parametrize("breaking", ["\r\nBcc: all@people.example", "\n", "\r", "\0", "\v", "\x1c", "\x85", "\u2028"])
def test_nothing_breaks_out_of_a_subject(breaking: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encoded(f"Hello{breaking}")


@pytest.mark.parametrize(
    "written",
    [
        "ann@people.example\r\nBcc: all@people.example",
        "ann@people.example\n",
        "ann@people.example> SIZE=1",
        "ann@people.example, ben@people.example",
        "Ann <ann@people.example>",
        '"ann smith"@people.example',
        "ann smith@people.example",
        "ann@people.example\0",
        "安@people.example",
        "ann@",
        "@people.example",
        "ann",
        "",
        "ann@-.example-",
        "ann@" + "ä" * 70 + ".example",
        "a" * 65 + "@people.example",
    ],
)
def test_nothing_but_one_plain_address_is_an_address(written: str) -> None:
    with pytest.raises(ValueError, match=r"address|label|codec"):
        mailbox(written)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ann@people.example", "ann@people.example"),
        ("a.n+n_1'=@sub.people.example", "a.n+n_1'=@sub.people.example"),
        ("ann@münchen.example", "ann@xn--mnchen-3ya.example"),
        ("ann@例子.example", "ann@xn--fsqu00a.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_a_domain_is_put_into_ascii(written: str, address: str) -> None:
    assert mailbox(written) == address


def test_a_senders_name_may_be_in_any_language() -> None:
    sender = Sender.parse("小店 <shop@例子.example>")

    message = parsed(mail(sender=sender))

    address = message["From"].addresses[0]
    assert (address.display_name, address.addr_spec) == ("小店", "shop@xn--fsqu00a.example")
    assert str(message["Message-ID"]) == "<7.1700000000123@xn--fsqu00a.example>"


def test_a_long_name_is_put_into_short_lines() -> None:
    sender = Sender.parse(f"{'店' * 60} <shop@shop.example>")

    raw = mail(sender=sender)

    assert max(map(len, raw.split(b"\r\n"))) <= 78
    # Python's newer parser takes the space between two encoded-words for a part of the name.
    written = email.message_from_bytes(raw, policy=compat32)["From"]
    assert str(make_header(decode_header(written))) == f"{'店' * 60} <shop@shop.example>"


@pytest.mark.parametrize(
    "written", ["", "Shop", "Shop <shop>", "a@b.example\r\nBcc: c@d.example", "Shop\n <a@b.example>"]
)
def test_a_sender_that_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"address|line break"):
        Sender.parse(written)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<b>bold</b> and <i>so</i> on", "bold and so on\n"),
        ("one<br>two<br/>three", "one\ntwo\nthree\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two\n"),
        ("<style>p {}</style><script>x</script><p>seen</p>", "seen\n"),
        ("<html><head><title>no</title></head><body>seen</body></html>", "seen\n"),
        ("&lt;3 &amp; more&nbsp;", "<3 & more\n"),
        ("<a href='https://a.example'>https://a.example</a>", "https://a.example\n"),
        ("<a>no link</a> <a href='mailto:a@b.example'>write</a>", "no link write (mailto:a@b.example)\n"),
        ("<p>unclosed <b>and <div>mixed", "unclosed and\nmixed\n"),
        ("</script></style>seen", "seen\n"),
    ],
)
def test_html_is_read_as_a_person_would(html: str, text: str) -> None:
    assert readable(html) == text
