"""A text as short messages: one, or the parts of one that phones put together again (3GPP TS 23.040, 9.2.3.24.1)."""

from typing import NamedTuple

ASCII, UCS2 = 0, 8
"""Msg_Fmt."""
# What ASCII shares with the alphabet of 3GPP TS 23.038, into which a message centre turns it.
TWICE = frozenset("^{}\\[~]|")
"""Takes two places there."""
PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {"`"} | {"\n", "\r"}
ASCII_ROOM = 159
"""Places; the standard asks for fewer than 160."""
UCS2_ROOM = 140
"""Bytes."""
HEADER_SIZE = 6
PARTS = 255


class Segment(NamedTuple):
    coding: int
    headed: bool
    content: bytes


def segments(text: str, reference: int) -> list[Segment]:
    """The parts of a longer text bear the same `reference`, 0 to 255. Raises ValueError when it is too long or empty.

    How many characters of plain text fit into one of several parts differs between gateways; in UCS2 they agree.
    """
    if not text:
        raise ValueError("a text message without words")
    if set(text) <= PLAIN and len(text) + sum(map(text.count, TWICE)) <= ASCII_ROOM:
        return [Segment(ASCII, headed=False, content=text.encode("ascii"))]
    encoded = text.encode("utf-16-be")
    if len(encoded) <= UCS2_ROOM:
        return [Segment(UCS2, headed=False, content=encoded)]
    pieces = _pieces(encoded, UCS2_ROOM - HEADER_SIZE)
    if len(pieces) > PARTS:
        raise ValueError(f"a text message of {len(pieces)} parts; at most {PARTS} can be numbered")
    heads = (bytes((5, 0, 3, reference, len(pieces), number)) for number in range(1, len(pieces) + 1))
    return [Segment(UCS2, headed=True, content=head + piece) for head, piece in zip(heads, pieces, strict=True)]


def _pieces(encoded: bytes, room: int) -> list[bytes]:
    """No character is cut in two: a high surrogate goes with the low one that follows it."""
    pieces, start = [], 0
    while start < len(encoded):
        end = start + room
        if end < len(encoded) and 0xD8 <= encoded[end - 2] <= 0xDB:
            end -= 2
        pieces.append(encoded[start:end])
        start = end
    return pieces
