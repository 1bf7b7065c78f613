"""What a mail server writes when it could not deliver what it, or another before it, had taken.

A report of https://www.rfc-editor.org/rfc/rfc3464 in the form of https://www.rfc-editor.org/rfc/rfc6522. Anybody can
write such a mail, so it counts only when it bears a Message-ID, or an envelope id, that we signed.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Iterator
from datetime import UTC
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ums.providers.contract import Receipt
from ums.providers.smtp.replies import blamed
from ums.vocabulary import State


class Seal:
    """Gives every mail of one account an id that nobody else can make."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"ums message id\0" + secret.encode()).digest()

    def id(self, delivery: int, stamp: str) -> str:
        """The left half of a Message-ID; the same for the same delivery and stamp."""
        plain = f"{delivery}.{stamp}"
        return f"{plain}.{self._mac(plain)}"

    def known(self, sealed: str) -> bool:
        plain, _, mac = sealed.rpartition(".")
        return hmac.compare_digest(mac.encode(), self._mac(plain).encode())

    def _mac(self, plain: str) -> str:
        return b32encode(hmac.digest(self._key, plain.encode(), "sha256")[:10]).decode().lower()


class Read(NamedTuple):
    is_report: bool
    """Anything else is somebody else's mail."""
    receipts: list[Receipt]


def read(raw: bytes, seal: Seal, now: int) -> Read:
    """What a mail tells of ours. A delay is no news: the server goes on trying."""
    mail = message_from_bytes(raw)
    blocks = [block for part in _parts(mail, "message/delivery-status") for block in part.walk() if block is not part]
    if not blocks:
        return Read(is_report=False, receipts=[])
    about = next((found for found in _ids(mail, blocks) if seal.known(found)), "")
    failed = [block for block in blocks if (block.get("Action") or "").strip().lower() == "failed"]
    if not about or not failed:
        return Read(is_report=True, receipts=[])
    status = (failed[0].get("Status") or "").split("(")[0].strip()
    kind, _, said = (failed[0].get("Diagnostic-Code") or "").partition(";")
    words = " ".join((said or kind).split())
    receipt = Receipt(about, "", State.UNDELIVERED, _at(mail, now), blamed(status), status, words or "it came back")
    return Read(is_report=True, receipts=[receipt])


def _parts(mail: Message, kind: str) -> Iterator[Message]:
    return (part for part in mail.walk() if part.get_content_type() == kind)


def _ids(mail: Message, blocks: list[Message]) -> Iterator[str]:
    """Of the mail that it speaks of: as we asked for it in the envelope, and in what came back of the mail itself."""
    for block in blocks:
        yield (block.get("Original-Envelope-Id") or "").strip()
    for part in _parts(mail, "text/rfc822-headers"):
        written = part.get_payload(decode=True)
        returned = message_from_bytes(written) if isinstance(written, bytes) else message_from_string("")
        yield _left(returned)
    for part in _parts(mail, "message/rfc822"):
        yield from (_left(inner) for inner in part.walk() if inner is not part)


def _left(mail: Message) -> str:
    return (mail.get("Message-ID") or "").strip().removeprefix("<").partition("@")[0]


def _at(mail: Message, now: int) -> int:
    """When it was written, and never later than now."""
    try:
        written = parsedate_to_datetime(mail.get("Date") or "")
    except ValueError:
        return now
    moment = written if written.tzinfo else written.replace(tzinfo=UTC)
    return min(now, int(moment.timestamp() * 1000))
