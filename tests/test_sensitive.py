"""Sensitive words: what counts as containing one, and which texts are looked at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ums.sensitive import Hit, WordSearch, WordSearches
from ums.texts import APART, texts

WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in "lottery")
"""The same in full width."""


def words(*given: str, name: str = "law", **match: bool) -> dict[str, Any]:
    ways = {"ignoreCase": True, "ignoreWidth": True, "ignoreSpaces": False, "wholeWords": False} | match
    return {"name": name, "match": ways, "words": [{"word": word, "enabled": True} for word in given]}


def found(text: str, *given: str, **match: bool) -> list[str]:
    return [hit.word for hit in WordSearch([words(*given, name="law", **match)]).hits(text)]


@pytest.mark.parametrize(
    ("text", "word", "match", "hit"),
    [
        ("the Lottery", "lottery", {}, True),
        ("the Lottery", "lottery", {"ignoreCase": False}, False),
        ("Straße", "STRASSE", {}, True),
        (WIDE, "lottery", {}, True),
        (WIDE, "lottery", {"ignoreWidth": False}, False),
        ("ｶﾞﾁｬ", "ガチャ", {}, True),
        ("カチャ", "ガチャ", {}, False),
        ("lot. t-e r*y", "lottery", {"ignoreSpaces": True}, True),
        ("lot. t-e r*y", "lottery", {}, False),
        ("赌 博", "赌博", {"ignoreSpaces": True}, True),
        ("网络赌博网", "赌博", {}, True),
        ("lot\u200btery", "lottery", {}, True),
        ("lot\ufe0ft\u034fery", "lottery", {}, True),
        ("赌\u3164博", "赌博", {}, True),
        ("赌\U000e0100博", "赌博", {"ignoreWidth": False}, True),
        ("assistant", "ass", {}, True),
        ("assistant", "ass", {"wholeWords": True}, False),
        ("what an ass!", "ass", {"wholeWords": True}, True),
        ("a C and C++", "C++", {"ignoreSpaces": True}, True),
        ("a C and D", "C++", {"ignoreSpaces": True}, False),
        ("caf\u00e9", "cafe", {}, False),
        ("caf\u00e9", "caf\u00e9", {}, True),
        ("cafe\u0301", "caf\u00e9", {}, True),
        ("\u00e9clair", "clair", {}, True),
        ("anything", " ", {"ignoreSpaces": True}, False),
    ],
)
def test_a_text_contains_a_word_in_the_way_that_the_list_says(
    text: str, word: str, match: dict[str, bool], hit: bool
) -> None:
    assert found(text, word, **match) == [word] * hit


def test_a_longer_word_that_is_no_whole_one_hides_no_shorter_one() -> None:
    assert found("a new yorker", "new york", "new", wholeWords=True) == ["new"]


def test_of_words_that_overlap_the_longest_is_told() -> None:
    assert found("online casino games", "casino", "casino games", "games") == ["casino games"]


def test_a_word_that_is_switched_off_is_not_looked_for() -> None:
    of = words("lottery")
    of["words"][0]["enabled"] = False

    assert WordSearch([of]).hits("lottery") == []


def test_lists_are_each_searched_in_their_own_way_and_a_hit_says_which_and_where() -> None:
    search = WordSearch([words("Win", name="exact", ignoreCase=False), words("赌博", name="law")])

    hits = search.hits("You may win a lot of money here: 网络赌博, and it is only the beginning of it")

    around = "...ot of money here: 网络赌博, and it is only the..."
    assert hits == [Hit("赌博", "law", around)]
    assert str(hits[0]) == f"found '赌博' of the SensitiveWords law in '{around}'; say it in other words"


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1), st.text("ab. ", max_size=30))
def test_a_text_has_a_hit_exactly_when_a_word_stands_in_it(listed: list[str], text: str) -> None:
    assert bool(found(text, *listed)) == any(word in text for word in listed)
    bare = text.replace(".", "").replace(" ", "")
    assert bool(found(text, *listed, ignoreSpaces=True)) == any(word in bare for word in listed)


def test_a_search_is_built_once_for_the_same_lists() -> None:
    searches, law, other = WordSearches(), words("lottery"), words("lottery")

    first = searches.built("shop", [law])

    assert searches.built("shop", [law]) is first
    assert searches.ready("shop", [law]) is first
    assert searches.ready("shop", [other]) is None
    assert searches.ready("shop", [law, other]) is None
    assert searches.ready("ops", [law]) is None
    assert searches.built("shop", [other]) is not first


def test_all_texts_are_read_and_neither_keys_nor_links() -> None:
    content = {"platform": "all", "notification": {"alert": "Go to https://a.example/lottery now", "n": 7}, "x": ["b"]}

    assert list(texts("app", content)) == [(("notification", "alert"), f"Go to {APART} now"), (("x", 0), "b")]


def test_what_follows_a_link_in_chinese_is_text_again() -> None:
    [(_, read)] = texts("sms", {"content": "点击https://a.example/x?y={1}赌博赢大奖"})

    assert read == f"点击{APART}赌博赢大奖"


def test_of_html_what_a_reader_sees_is_read() -> None:
    html = (
        "<style>p {}</style><p class='one'>lot<b>te</b>ry</p><p>&#99;asino</p>"
        '<a href="https://a.example/x" title="tip">go</a><img alt="pic" src="x.png">'
    )

    [(path, read)] = texts("email", {"text": html})

    assert path == ("text",)
    assert read.split() == ["lottery", "casino", f"{APART}tip{APART}go", f"{APART}pic{APART}"]


def test_the_articles_of_wecom_are_html_too_and_its_texts_are_not() -> None:
    article = {"title": "1 < 2", "content": "<p>lot<b>te</b>ry</p>"}

    told = dict(texts("wecom", {"mpnews": {"articles": [article]}, "text": {"content": "1 <b> 2"}}))

    assert {path: text.strip() for path, text in told.items()} == {
        ("mpnews", "articles", 0, "title"): "1 < 2",
        ("mpnews", "articles", 0, "content"): "lottery",
        ("text", "content"): "1 <b> 2",
    }


def test_a_variable_keeps_its_neighbours_apart() -> None:
    [(_, read)] = texts("sms", {"content": "lot{{lottery}}tery"}, template=True)

    assert found(read, "lottery", ignoreSpaces=True) == []
