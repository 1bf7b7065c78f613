"""A mail as bytes: what all recipients share is assembled once, by hand, because `email` takes a millisecond a mail.

Everything is 7-bit with CRLF line ends and lines of at most 76 characters, so no server has to convert or refuse it:
https://www.rfc-editor.org/rfc/rfc5322 and https://www.rfc-editor.org/rfc/rfc2045
"""

import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import cached_property
from html.parser import HTMLParser
from typing import NamedTuple

from ums.providers.contract import Attachment
from ums.providers.smtp.dkim import body_hash
from ums.providers.smtp.filenames import attached

BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""Whatever somebody may take for the end of a header line, and other control characters."""
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", re.ASCII)
DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?", re.ASCII)
TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
BOUNDARY, MIXED = "=_alternative", b"=_mixed"
"""Cannot stand in a part: base64 knows no `_`."""


class Body(NamedTuple):
    """What all recipients of a content share."""

    headers: bytes
    """Those of MIME, but for its version."""
    pieces: tuple[bytes, ...]
    """Whatever is large stands in them once, however many mails there are."""


@dataclass(frozen=True)
class Sender:
    address: str
    """For the envelope, its domain in ASCII."""
    header: str
    domain: str

    @classmethod
    def parse(cls, written: str) -> "Sender":
        """Of `address` or `Name <address>`; raises ValueError."""
        name, address = parseaddr(_unbroken(written))
        address = mailbox(address)
        return cls(address, _named(name, address), address.rpartition("@")[2])


class Skeleton:
    """One content from one sender, at one time: `message` fills in who it goes to; raises ValueError."""

    def __init__(self, sender: Sender, subject: str, body: Body, created_at: int) -> None:
        date = format_datetime(datetime.fromtimestamp(created_at / 1000, UTC))
        self.body = body
        self.created_at = created_at
        self._before_to = f"From: {sender.header}\r\nTo: ".encode()
        self._before_id = b"\r\nMessage-ID: <"
        self._after_id = (
            f"@{sender.domain}>\r\nSubject: {encoded(subject)}\r\nDate: {date}\r\n"
            "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        ).encode() + body.headers

    def headers(self, recipient: str, unique: str, way_out: str = "") -> bytes:
        """`recipient` as `mailbox` returned it; `unique` is the left half of the Message-ID.

        `way_out` is a URL that unsubscribes when something is posted to it.
        """
        first = unsubscribe(way_out) if way_out else b""
        return b"".join((first, self._before_to, recipient.encode(), self._before_id, unique.encode(), self._after_id))

    @cached_property
    def body_hash(self) -> str:
        """As DKIM wants it, worked out once for all who get this."""
        return body_hash(self.body.pieces)


def mailbox(written: str) -> str:
    """One plain address with its domain in ASCII; raises ValueError.

    Quoted local parts, comments and address lists are refused: nothing in an address can end a line or a command.
    """
    local, _, domain = written.rpartition("@")
    if not LOCAL_PART.fullmatch(local):
        raise ValueError(f"not an e-mail address: {written[:100]!r}")
    if not domain.isascii():
        domain = domain.encode("idna").decode()  # a UnicodeError, which is a ValueError, when it cannot be
    if not DOMAIN.fullmatch(domain):
        raise ValueError(f"not an e-mail address: {written[:100]!r}")
    return f"{local}@{domain}"


def unsubscribe(url: str) -> bytes:
    """One click does it where the URL is https: https://www.rfc-editor.org/rfc/rfc8058#section-3.1"""
    one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if url.startswith("https://") else ""
    return f"List-Unsubscribe: <{_unbroken(url)}>\r\n{one_click}".encode("ascii")


def encoded(subject: str) -> str:
    """A header value, in encoded-words where it needs them: https://www.rfc-editor.org/rfc/rfc2047"""
    subject = _unbroken(subject)
    plain = subject.isascii() and subject.isprintable() and "=?" not in subject and len(subject) <= 66
    if plain and subject == subject.strip():
        return subject
    return Header(subject, "utf-8", header_name="Subject", maxlinelen=75).encode(linesep="\r\n")


def body(text: str, plain: str | None = None, files: Sequence[Attachment] = ()) -> Body:
    """`text` is HTML when there is a tag in it, `plain` is derived when absent; raises ValueError."""
    head, _, content = _text(text, plain).partition(b"\r\n\r\n")
    if not files:
        return Body(head + b"\r\n", (content,))
    pieces = [b"--%s\r\n%s\r\n\r\n%s" % (MIXED, head, content)]
    for file in files:
        pieces += [b"--%s\r\n%s\r\n" % (MIXED, attached(file.name, file.content_type)), file.encoded]
    return Body(b'Content-Type: multipart/mixed; boundary="%s"\r\n' % MIXED, (*pieces, b"--%s--\r\n" % MIXED))


def _text(text: str, plain: str | None) -> bytes:
    if not TAG.search(text):
        return _part("plain", text if plain is None else plain)
    return b"".join(
        (
            f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n--{BOUNDARY}\r\n'.encode(),
            _part("plain", readable(text) if plain is None else plain),
            f"--{BOUNDARY}\r\n".encode(),
            _part("html", text),
            f"--{BOUNDARY}--\r\n".encode(),
        )
    )


def readable(html: str) -> str:
    """The plain text of an HTML body; a link is followed by its address."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _named(name: str, address: str) -> str:
    """`formataddr` writes a long name into one encoded-word, however long; words have 75 characters at most."""
    if name.isascii():
        return formataddr((name, address))
    return Header(name, "utf-8", header_name="From", maxlinelen=75).encode(linesep="\r\n") + f"\r\n <{address}>"


def _part(subtype: str, text: str) -> bytes:
    lines = encodebytes(text.encode("utf-8", "replace")).replace(b"\n", b"\r\n")
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + lines


def _unbroken(value: str) -> str:
    if BREAKS.search(value):
        raise ValueError(f"a line break or a control character in a header: {value[:100]!r}")
    return value


class _Reader(HTMLParser):
    """Collects what a person would read."""

    HIDDEN = frozenset({"head", "script", "style", "template", "title"})
    BLOCKS = frozenset(
        (
            *("address", "article", "blockquote", "div", "dl", "dt", "footer", "header", "hr", "li", "ol"),
            *("p", "pre", "section", "table", "tr", "ul", "h1", "h2", "h3", "h4", "h5", "h6"),
        )
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0
        self._link = ""
        self._link_from = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self.HIDDEN
        if tag in self.BLOCKS or tag == "br":
            self.words.append("\n- " if tag == "li" else "\n")
        if tag == "a":
            self._link, self._link_from = dict(attrs).get("href") or "", len(self.words)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self.HIDDEN and self._hidden > 0
        if tag in self.BLOCKS:
            self.words.append("\n")
        if tag == "a":
            self._end_link()

    def _end_link(self) -> None:
        shown = "".join(self.words[self._link_from :]).strip()
        if self._link and not self._hidden and shown != self._link:
            self.words.append(f" ({self._link})")
        self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(re.sub(r"\s+", " ", data))
