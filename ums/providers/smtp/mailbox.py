"""The mailbox to which mails come back, read over IMAP: https://www.rfc-editor.org/rfc/rfc9051

A report is marked as read only when its receipts are known to be stored, which the next call proves: a process that is
killed in between reads it again. What is no report is left as it is, unread.
"""

import imaplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Receipt
from ums.providers.smtp.bounces import Seal, read
from ums.vocabulary import Clock, system_clock

SECONDS = 30.0
EVERY = 60
"""Seconds between two looks."""
MOST = 100
"""Reports that are handed out at a time."""
MOST_BYTES = 512 * 1024
"""Of a mail that are read: what a report says stands before what it returns."""
MOST_STRANGERS = 10_000


class Mailbox:
    """Calls block: they are made in a thread of their own, one at a time."""

    def __init__(
        self, declared: Mapping[str, Any], tls: ssl.SSLContext, seal: Seal, clock: Clock = system_clock
    ) -> None:
        self._declared, self._tls, self._seal, self._clock = declared, tls, seal, clock
        self._port = int(declared.get("port", 993))
        self._handed_out: list[str] = []
        self._strangers: dict[str, None] = {}

    def collect(self) -> list[Receipt]:
        """What has come since the last time; raises ProviderBusy or ProviderRefused."""
        with self._opened() as box:
            if self._handed_out:
                _said(box.uid("STORE", ",".join(self._handed_out), "+FLAGS.SILENT", r"(\Seen)"))
                self._handed_out.clear()
            return self._fresh(box)

    def _fresh(self, box: imaplib.IMAP4) -> list[Receipt]:
        found = _said(box.uid("SEARCH", "UNSEEN"))
        uids = [uid for uid in (found[0] or b"").decode().split() if uid not in self._strangers]
        receipts: list[Receipt] = []
        for uid in uids:
            told = read(_mail(box, uid), self._seal, self._clock())
            if told.is_report:
                self._handed_out.append(uid)
            else:
                self._pass_over(uid)
            receipts += told.receipts
            if len(receipts) >= MOST:
                break
        return receipts

    def _pass_over(self, uid: str) -> None:
        self._strangers[uid] = None
        if len(self._strangers) > MOST_STRANGERS:
            del self._strangers[next(iter(self._strangers))]

    @contextmanager
    def _opened(self) -> Iterator[imaplib.IMAP4]:
        place = f"{self._declared['server']}:{self._port}"
        try:
            box = self._connected()
        except ssl.SSLCertVerificationError as error:
            raise ProviderRefused("certificate", f"{place}: {error.verify_message}; set caFile") from error
        except (OSError, imaplib.IMAP4.error) as error:
            raise ProviderBusy("no_mailbox", f"{place}: {error}") from error
        try:
            _log_in(box, self._declared, place)
            yield box
        except imaplib.IMAP4.abort as error:
            raise ProviderBusy("no_mailbox", f"{place}: {error}") from error
        except imaplib.IMAP4.error as error:
            raise ProviderRefused("mailbox", f"{place}: {error}") from error
        except OSError as error:
            raise ProviderBusy("no_mailbox", f"{place}: {error}") from error
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                box.logout()

    def _connected(self) -> imaplib.IMAP4:
        server, port = self._declared["server"], self._port
        if self._declared.get("encryption", "ssl") == "ssl":
            return imaplib.IMAP4_SSL(server, port, ssl_context=self._tls, timeout=SECONDS)
        box = imaplib.IMAP4(server, port, timeout=SECONDS)
        box.starttls(self._tls)
        return box


def _log_in(box: imaplib.IMAP4, declared: Mapping[str, Any], place: str) -> None:
    try:
        box.login(declared["account"], declared["password"])
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise ProviderRefused(
            "mailbox", f"{place}: the mailbox lets nobody in with this account and password"
        ) from error
    _said(box.select(f'"{declared.get("mailbox", "INBOX")}"'))


def _mail(box: imaplib.IMAP4, uid: str) -> bytes:
    """Without marking it as read; empty when it has gone meanwhile."""
    found = _said(box.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_BYTES}>)"))
    return next((bytes(piece[1]) for piece in found if isinstance(piece, tuple)), b"")


def _said(answer: tuple[str, list[Any]]) -> list[Any]:
    status, found = answer
    if status != "OK":
        raise imaplib.IMAP4.error(found[0].decode(errors="replace") if found and found[0] else status)
    return found
