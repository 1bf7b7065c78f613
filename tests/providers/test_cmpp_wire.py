"""CMPP's bytes, against vectors of the standard and of its implementations."""

import struct

import pytest

from ums.providers.cmpp import wire
from ums.providers.cmpp.wire import V2, V3, Connected, Delivered, Layout, Malformed, Pdu, Report, Submit, Submitted

HELLO = Submit("900001", "SHOP", "10690001", ["13800000001"], (1, 1), 0, False, b"Hello")
MSG_ID = 12878564852798914565


def padded(value: bytes, size: int) -> bytes:
    return value + bytes(size - len(value))


@pytest.mark.parametrize(
    ("account", "secret", "stamp", "proof", "number"),
    [
        ("900001", "888888", "0123040506", "6d3204e36de7bd46138ad86a9a262e76", "075572fa"),
        ("901234", "1234", "1231235959", "c57defc24389aed825f2a326e0e5167d", "49632b77"),
    ],
)
def test_a_connect_proves_the_secret_without_showing_it(
    account: str, secret: str, stamp: str, proof: str, number: str
) -> None:
    body = wire.connect(account, secret, stamp, V3)

    assert body.hex() == account.encode().hex() + proof + "30" + number
    assert len(Pdu(1, 1, body).packed()) == 39


def test_a_header_is_length_command_and_sequence() -> None:
    assert Pdu(0x80000008, 7, b"\0").packed().hex() == "0000000d" + "80000008" + "00000007" + "00"


def test_a_submit_of_2_0_is_the_standards() -> None:
    expected = (
        bytes(8)  # Msg_Id
        + bytes([1, 1, 1, 1])  # Pk_total, Pk_number, Registered_Delivery, Msg_level
        + padded(b"SHOP", 10)
        + bytes([2])  # Fee_UserType
        + bytes(21)  # Fee_terminal_Id
        + bytes([0, 0, 0])  # TP_pId, TP_udhi, Msg_Fmt
        + b"900001"
        + b"01"  # FeeType
        + b"000000"  # FeeCode
        + bytes(34)  # ValId_Time, At_Time
        + padded(b"10690001", 21)
        + bytes([1])
        + padded(b"13800000001", 21)
        + bytes([5])
        + b"Hello"
        + bytes(8)  # Reserve
    )

    assert HELLO.body(V2) == expected


def test_a_submit_of_3_0_has_wider_numbers_with_their_types_and_a_link_id() -> None:
    expected = (
        bytes(8)
        + bytes([1, 1, 1, 1])
        + padded(b"SHOP", 10)
        + bytes([2])
        + bytes(32 + 1)  # Fee_terminal_Id, Fee_terminal_type
        + bytes([0, 0, 0])
        + b"900001"
        + b"01"
        + b"000000"
        + bytes(34)
        + padded(b"10690001", 21)
        + bytes([1])
        + padded(b"13800000001", 32)
        + bytes(1)  # Dest_terminal_type
        + bytes([5])
        + b"Hello"
        + bytes(20)  # LinkID
    )

    assert HELLO.body(V3) == expected


@pytest.mark.parametrize(("layout", "count_at", "longest"), [(V2, 128, 2376), (V3, 140, 3490)])
def test_the_numbers_stand_where_the_standard_puts_them(layout: Layout, count_at: int, longest: int) -> None:
    numbers = [f"138{number:08}" for number in range(99)]
    full = Submit("900001", "", "10690001", numbers, (1, 1), 0, False, b"x" * 159)

    packed = Pdu(4, 1, full.body(layout)).packed()

    assert packed[count_at] == 99
    assert packed[count_at + 1 :].startswith(b"13800000000\0")
    assert len(packed) == longest


def test_what_does_not_fit_into_its_field_is_not_cut() -> None:
    with pytest.raises(Malformed, match="11 bytes where 10 fit"):
        Submit("900001", "S" * 11, "1", ["1"], (1, 1), 0, False, b"x").body(V2)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\3" + bytes(16) + b"\x30", Connected(3, V2)),
        (b"\0\0\0\3" + bytes(16) + b"\x30", Connected(3, V3)),
    ],
)
def test_a_connect_resp_shows_the_version_by_its_length(body: bytes, expected: Connected) -> None:
    assert wire.connected(body) == expected


@pytest.mark.parametrize("result", ["08", "00000008"])
def test_a_message_id_is_an_unsigned_number_of_64_bits(result: str) -> None:
    assert wire.submitted(bytes.fromhex("b2b9da8003e90005" + result)) == Submitted(MSG_ID, 8)


@pytest.mark.parametrize("size", [21, 32])
def test_a_report_shows_its_layout_by_its_length(size: int) -> None:
    content = (
        bytes.fromhex("b2b9da8003e90005")
        + b"UNDELIV"
        + b"1911051429"
        + b"1911051430"
        + padded(b"13800000001", size)
        + bytes([0, 0, 0, 5])
    )

    assert wire.report(content) == Report(MSG_ID, "UNDELIV", "1911051430", "13800000001")


def deliver(layout: Layout, content: bytes, registered: int = 1) -> bytes:
    return (
        struct.pack(">Q", 77)
        + padded(b"10690001", 21)
        + padded(b"SHOP", 10)
        + bytes(3)
        + padded(b"13800000001", layout.terminal)
        + bytes(layout.kind)
        + bytes([registered, len(content)])
        + content
        + bytes(layout.tail)
    )


@pytest.mark.parametrize(("layout", "report", "length"), [(V2, 60, 145), (V3, 71, 180), (V2, 71, 156), (V3, 60, 169)])
def test_a_deliver_is_read_whatever_report_it_carries(layout: Layout, report: int, length: int) -> None:
    body = deliver(layout, b"x" * report)

    assert len(Pdu(5, 1, body).packed()) == length
    assert wire.delivered(body, layout) == Delivered(77, "13800000001", 1, b"x" * report)


def test_a_deliver_in_the_layout_of_the_other_version_is_read_too() -> None:
    assert wire.delivered(deliver(V3, b"TD", 0), V2) == Delivered(77, "13800000001", 0, b"TD")


@pytest.mark.parametrize(("layout", "expected"), [(V2, "000000000000004d08"), (V3, "000000000000004d00000008")])
def test_a_deliver_resp_repeats_the_id(layout: Layout, expected: str) -> None:
    assert wire.delivered_response(77, 8, layout).hex() == expected


@pytest.mark.parametrize("cut", [0, 1, 8, 60])
def test_what_breaks_off_is_malformed(cut: int) -> None:
    for read in (wire.connected, wire.submitted, wire.report, lambda body: wire.delivered(body, V2)):
        with pytest.raises(Malformed):
            read(bytes(cut) if cut != 60 else b"\xff" * 59)
