"""Texts as short messages: which alphabet, how many parts, and where they are cut."""

import pytest

from ums.providers.cmpp.text import ASCII, UCS2, Segment, segments


def joined(parts: list[Segment]) -> str:
    return b"".join(part.content[6:] for part in parts).decode("utf-16-be")


def test_plain_words_go_as_ascii() -> None:
    assert segments("Hello @ 7_$\r\n", 1) == [Segment(ASCII, False, b"Hello @ 7_$\r\n")]


@pytest.mark.parametrize("text", ["\u4f60\u597d", "caf\u00e9", "a`b", "tab\tstop"])
def test_what_gateways_read_differently_goes_as_ucs2(text: str) -> None:
    assert segments(text, 1) == [Segment(UCS2, False, text.encode("utf-16-be"))]


@pytest.mark.parametrize(
    ("text", "coding"), [("x" * 159, ASCII), ("x" * 160, UCS2), ("{" * 79, ASCII), ("{" * 80, UCS2)]
)
def test_ascii_is_for_what_fits_into_one(text: str, coding: int) -> None:
    assert segments(text, 1)[0].coding == coding


@pytest.mark.parametrize(("length", "parts"), [(70, 1), (71, 2), (134, 2), (135, 3), (67 * 255, 255)])
def test_a_longer_text_has_67_characters_a_part(length: int, parts: int) -> None:
    text = "\u4f60" * length

    made = segments(text, 1)

    assert len(made) == parts
    assert all(len(part.content) <= 140 for part in made)
    assert parts == 1 or joined(made) == text


def test_the_parts_are_numbered_and_bear_one_reference() -> None:
    parts = segments("\u4f60" * 71, 0xA7)

    assert [part.content[:6].hex() for part in parts] == ["050003a70201", "050003a70202"]
    assert all(part.headed for part in parts)


def test_no_character_is_cut_in_two() -> None:
    text = "\u4f60" * 66 + "\U0001f600" + "\u597d" * 10

    parts = segments(text, 1)

    assert [len(part.content) for part in parts] == [6 + 66 * 2, 6 + 2 * 2 + 10 * 2]
    assert joined(parts) == text


@pytest.mark.parametrize("text", ["", "\u4f60" * (67 * 255 + 1), "\ud83d"])
def test_what_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"without words|256 parts|surrogates"):
        segments(text, 1)
