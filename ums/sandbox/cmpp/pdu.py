"""CMPP as a gateway reads and writes it: China Mobile's QB-GF-028-2003 (3.0.0), and 2.0 with its narrower fields.

https://github.com/Lihuanghe/SMSGate (folder doc)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

CONNECT, TERMINATE, SUBMIT, DELIVER, ACTIVE_TEST = 0x1, 0x2, 0x4, 0x5, 0x8
ANSWER = 0x80000000
VERSION_2, VERSION_2_1, VERSION_3 = 0x20, 0x21, 0x30
HEADER = 12
LIMIT = 4096


class Unreadable(ValueError):
    """The field that was wanted lies beyond the end."""


class Fields:
    """The fields of a body, taken one after the other."""

    def __init__(self, body: bytes) -> None:
        self._left = body

    def raw(self, size: int) -> bytes:
        if size > len(self._left):
            raise Unreadable(f"{size} bytes wanted, {len(self._left)} left")
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.raw(size), "big")

    def text(self, size: int) -> str:
        return self.raw(size).rstrip(b"\x00").decode("latin-1")

    @property
    def left(self) -> int:
        return len(self._left)


@dataclass(frozen=True)
class Connect:
    account: str
    proof: bytes
    version: int
    stamp: int

    def is_proven_by(self, secret: str) -> bool:
        stamp = f"{self.stamp:010d}"
        hashed = self.account.encode("latin-1") + b"\x00" * 9 + secret.encode() + stamp.encode()
        return hashlib.md5(hashed).digest() == self.proof  # noqa: S324 - the protocol's choice


@dataclass(frozen=True)
class Submit:
    part: tuple[int, int]
    """Number and total."""
    wants_report: bool
    service: str
    headed: bool
    """Whether the content begins with a user data header."""
    coding: int
    account: str
    fee_type: str
    fee: str
    source: str
    numbers: Sequence[str]
    content: bytes
    surplus: int
    """Bytes after the last field."""

    @property
    def text(self) -> str:
        """Without the header."""
        words = self.content[self.content[0] + 1 :] if self.headed and self.content else self.content
        return words.decode("utf-16-be" if self.coding in (8, 24) else "latin-1", errors="replace")


@dataclass(frozen=True)
class Dialect:
    """One version's way of writing."""

    version: int

    @property
    def _is_3(self) -> bool:
        return self.version >= VERSION_3

    @property
    def _terminal(self) -> int:
        return 32 if self._is_3 else 21

    @property
    def _tail(self) -> int:
        return 20 if self._is_3 else 8

    def result(self, value: int) -> bytes:
        return value.to_bytes(4 if self._is_3 else 1, "big")

    def connected(self, status: int, proof: bytes, secret: str | None) -> bytes:
        """AuthenticatorISMG is empty on failure, and where the secret is not known."""
        digest = hashlib.md5(self.result(status) + proof + (secret or "").encode())  # noqa: S324 - the protocol's choice
        shown = digest.digest() if status == 0 and secret else b"\x00" * 16
        return self.result(status) + shown + bytes([VERSION_3])

    def submit(self, body: bytes) -> Submit:
        """Raises Unreadable."""
        fields = Fields(body)
        fields.raw(8)
        total, number, registered, _level = fields.raw(4)
        service = fields.text(10)
        fields.raw(1 + self._terminal + self._is_3)
        _pid, headed, coding = fields.raw(3)
        account, fee_type, fee = fields.text(6), fields.text(2), fields.text(6)
        fields.raw(17 + 17)
        source = fields.text(21)
        numbers = [fields.text(self._terminal) for _ in range(fields.number(1))]
        fields.raw(self._is_3)
        content = fields.raw(fields.number(1))
        fields.raw(self._tail)
        return Submit(
            part=(number, total),
            wants_report=registered == 1,
            service=service,
            headed=bool(headed),
            coding=coding,
            account=account,
            fee_type=fee_type,
            fee=fee,
            source=source,
            numbers=numbers,
            content=content,
            surplus=fields.left,
        )

    def report(self, msg_id: int, stat: str, times: tuple[str, str], number: str) -> bytes:
        """The content of a DELIVER; `times` are of the submission and of the end, as YYMMDDHHMM."""
        terminal = number.encode().ljust(self._terminal, b"\x00")
        head = msg_id.to_bytes(8, "big") + stat.encode().ljust(7, b"\x00")
        return head + "".join(times).encode() + terminal + (msg_id & 0xFFFF).to_bytes(4, "big")

    def deliver(self, own_id: int, service: str, ends: tuple[str, str], content: bytes, *, registered: bool) -> bytes:
        """`ends` are the number that was written to and the one that wrote."""
        to, by = ends
        head = own_id.to_bytes(8, "big") + to.encode().ljust(21, b"\x00") + service.encode().ljust(10, b"\x00")
        kinds = bytes([0, 0, 0])
        phone = by.encode().ljust(self._terminal, b"\x00") + bytes(self._is_3)
        return head + kinds + phone + bytes([registered, len(content)]) + content + bytes(self._tail)


def connect(body: bytes) -> Connect:
    """Raises Unreadable."""
    fields = Fields(body)
    return Connect(fields.text(6), fields.raw(16), fields.number(1), fields.number(4))


def pdu(command: int, sequence: int, body: bytes = b"") -> bytes:
    length = HEADER + len(body)
    return b"".join(number.to_bytes(4, "big") for number in (length, command, sequence)) + body
