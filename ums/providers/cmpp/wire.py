"""CMPP 2.0 and 3.0 on the wire: PDUs packed and unpacked. Integers are big-endian, text is padded with zero bytes.

3.0.0 is China Mobile's QB-GF-028-2003: https://github.com/Lihuanghe/SMSGate (folder doc). What 2.0 has instead:
https://blog.csdn.net/changqing505/article/details/104225879
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct(">III")
"""Total length, command, sequence."""
LONGEST = 4096
"""Bytes; the longest PDU that either version allows has 3,490."""
RESPONSE = 0x8000_0000
"""Added to a request's command."""


class Command(IntEnum):
    CONNECT = 1
    TERMINATE = 2
    SUBMIT = 4
    DELIVER = 5
    ACTIVE_TEST = 8


class Malformed(ValueError):
    """These bytes are not the PDU that they should be."""


class Pdu(NamedTuple):
    command: int
    sequence: int
    body: bytes = b""

    def packed(self) -> bytes:
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.sequence) + self.body


@dataclass(frozen=True)
class Layout:
    """What differs between the versions."""

    version: int
    status: str
    """Of results and statuses, as `struct` names it."""
    terminal: int
    """Bytes of a phone number."""
    kind: int
    """Bytes of the type of a phone number: 0 is a real one."""
    tail: int
    """Reserve in 2.0, LinkID in 3.0."""


V2 = Layout(0x20, "B", 21, 0, 8)
V3 = Layout(0x30, "I", 32, 1, 20)
LAYOUTS = {"2.0": V2, "3.0": V3}


class Connected(NamedTuple):
    """A CONNECT_RESP; `layout` is the one that it was written in."""

    status: int
    layout: Layout


class Submitted(NamedTuple):
    msg_id: int
    result: int


class Delivered(NamedTuple):
    """A DELIVER; its content is a report when `registered` is 1, a text from a phone otherwise."""

    msg_id: int
    source: str
    registered: int
    content: bytes


class Report(NamedTuple):
    msg_id: int
    """Of the SUBMIT."""
    stat: str
    done: str
    """YYMMDDHHMM in the gateway's local time; at some gateways zeros."""
    number: str


@dataclass(frozen=True)
class Submit:
    """One short message, or one part of a longer one."""

    account: str
    service: str
    source: str
    """The number that the phone shows."""
    numbers: Sequence[str]
    part: tuple[int, int]
    """Number, from 1, and total."""
    coding: int
    """Msg_Fmt."""
    headed: bool
    """Whether the content begins with a user data header."""
    content: bytes

    def body(self, layout: Layout) -> bytes:
        """A report is asked for; the sender pays (Fee_UserType 2), and the phone pays nothing (FeeType 01)."""
        number, total = self.part
        return b"".join(
            (
                bytes(8),
                bytes((total, number, 1, 1)),
                _padded(self.service, 10),
                b"\x02",
                bytes(layout.terminal + layout.kind + 1),
                bytes((self.headed, self.coding)),
                _padded(self.account, 6),
                b"01000000",
                bytes(17 + 17),
                _padded(self.source, 21),
                bytes((len(self.numbers),)),
                *(_padded(each, layout.terminal) for each in self.numbers),
                bytes(layout.kind),
                bytes((len(self.content),)),
                self.content,
                bytes(layout.tail),
            )
        )


def connect(account: str, secret: str, stamp: str, layout: Layout) -> bytes:
    """The body of a CONNECT at `stamp`, MMDDHHMMSS in the gateway's local time."""
    proof = authenticator(account, secret, stamp)
    return struct.pack(">6s16sBI", account.encode(), proof, layout.version, int(stamp))


def authenticator(account: str, secret: str, stamp: str) -> bytes:
    """The stamp is hashed as ten digits, with the zero that the integer on the wire has lost.

    An account of less than six characters is hashed without padding, as most implementations do.
    """
    hashed = account.encode() + bytes(9) + secret.encode() + stamp.encode()
    return hashlib.md5(hashed).digest()  # noqa: S324 - the protocol's choice


def connected(body: bytes) -> Connected:
    """Gateways disagree on how AuthenticatorISMG is made, and some make it up: it proves nothing."""
    for layout in (V2, V3):
        form = struct.Struct(f">{layout.status}16sB")
        if len(body) == form.size:
            return Connected(form.unpack(body)[0], layout)
    raise Malformed(f"a CONNECT_RESP of {len(body)} bytes")


def submitted(body: bytes) -> Submitted:
    for layout in (V2, V3):
        form = struct.Struct(f">Q{layout.status}")
        if len(body) == form.size:
            return Submitted(*form.unpack(body))
    raise Malformed(f"a SUBMIT_RESP of {len(body)} bytes")


def delivered(body: bytes, layout: Layout) -> Delivered:
    """Written in `layout`, or in the other one: some gateways mix them."""
    for each in (layout, V2 if layout is V3 else V3):
        form = struct.Struct(f">Q21s10s3s{each.terminal}s{each.kind}sBB")
        if len(body) < form.size:
            continue
        msg_id, _, _, _, source, _, registered, length = form.unpack_from(body)
        if len(body) == form.size + length + each.tail:
            return Delivered(msg_id, text(source), registered, body[form.size : form.size + length])
    raise Malformed(f"a DELIVER of {len(body)} bytes")


def delivered_response(msg_id: int, result: int, layout: Layout) -> bytes:
    return struct.pack(f">Q{layout.status}", msg_id, result)


def report(content: bytes) -> Report:
    """Its length tells its layout, whatever the version of the connection."""
    for layout in (V2, V3):
        form = struct.Struct(f">Q7s10s10s{layout.terminal}sI")
        if len(content) == form.size:
            msg_id, stat, _, done, number, _ = form.unpack(content)
            return Report(msg_id, text(stat), text(done), text(number))
    raise Malformed(f"a report of {len(content)} bytes")


def text(field: bytes) -> str:
    """Of an octet string."""
    return field.partition(b"\0")[0].decode("ascii", errors="replace").strip()


def _padded(value: str, size: int) -> bytes:
    encoded = value.encode("ascii")
    if len(encoded) > size:
        raise Malformed(f"{len(encoded)} bytes where {size} fit")
    return encoded.ljust(size, b"\0")
