"""Sensitive words found in texts: one automaton a way of matching, so that 100,000 words cost what ten cost.

Words and texts are folded in the same way, a character at a time, and a hit is led back to what stands in the text.
"""

import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from threading import Lock
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind

from ums.texts import APART

Body = Mapping[str, Any]

_AROUND = 20
"""Characters of the text that are shown on either side of a hit."""
_SHOWN = 5
"""Hits in one text that are worth telling."""


# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point: shown as nothing, and yet no format characters.
_INVISIBLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
              *range(0xE0100, 0xE01F0)}  # fmt: skip


class Hit(NamedTuple):
    """A word where it stands in a text."""

    word: str
    """As the list has it."""
    list: str
    """The name of the SensitiveWords."""
    around: str
    """The text that it stands in, shortened."""

    def __str__(self) -> str:
        return f"found {self.word!r} of the SensitiveWords {self.list} in {self.around!r}; say it in other words"


class Way(NamedTuple):
    """When a text counts as containing a word: the properties of `match`."""

    case: bool
    width: bool
    spaces: bool
    whole: bool


class _Folding(dict[int, str]):
    """For str.translate: what a character counts as, worked out when it is first met."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way

    def __missing__(self, code: int) -> str:
        character = chr(code)
        # Decomposed, because that does not depend on the neighbours: half-width ka and its mark are full-width ga.
        folded = unicodedata.normalize("NFKD", character) if self._way.width else character
        folded = folded.casefold() if self._way.case else folded
        self[code] = folded = "".join(each for each in folded if not self._is_hidden(each))
        return folded

    def _is_hidden(self, character: str) -> bool:
        category = unicodedata.category(character)
        return (
            category == "Cf"
            or ord(character) in _INVISIBLE
            or (self._way.spaces and (category[0] in "ZPS" or category == "Cc"))
        )


class _Automaton:
    """The words that are matched in the same way."""

    def __init__(self, way: Way, words: Iterable[tuple[str, str]]) -> None:
        self._way, self._folding = way, _Folding(way)
        folded = {word.translate(self._folding): (word, name) for word, name in words}
        folded.pop("", None)
        self._words = list(folded.values())
        # Overlapping: a longer word that turns out to be no whole one must not hide a shorter one.
        self._search = AhoCorasick(list(folded), matchkind=MatchKind.Standard, store_patterns=False)

    def hits(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        """(begin, end, word, list) of each."""
        folded = text.translate(self._folding)
        found = self._search.find_matches_as_indexes(folded, overlapping=True)
        if not found:
            return
        ends = list(accumulate(len(each.translate(self._folding)) for each in text))
        for number, begin, end in found:
            first, last = bisect_right(ends, begin), bisect_right(ends, end - 1)
            if self._begins(ends, first, begin) and ends[last] == end and self._is_whole(text, first, last):
                yield first, last + 1, *self._words[number]

    def _begins(self, ends: Sequence[int], first: int, begin: int) -> bool:
        """Whether a match begins with a whole character of the text: an accent alone is no letter."""
        return (ends[first - 1] if first else 0) == begin

    def _is_whole(self, text: str, first: int, last: int) -> bool:
        if not self._way.whole:
            return True
        before = first > 0 and _is_letter(text[first]) and _is_letter(text[first - 1])
        after = last + 1 < len(text) and _is_letter(text[last]) and _is_letter(text[last + 1])
        return not (before or after)


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


class WordSearch:
    """The enabled words of some lists, ready to be searched for."""

    def __init__(self, lists: Iterable[Body]) -> None:
        """Of canonical SensitiveWords."""
        grouped: defaultdict[Way, list[tuple[str, str]]] = defaultdict(list)
        for body in lists:
            for entry in body["words"]:
                if entry["enabled"]:
                    grouped[_way(body["match"], entry["word"])].append((entry["word"], body["name"]))
        self._automata = [_Automaton(way, words) for way, words in grouped.items()]

    def hits(self, text: str) -> list[Hit]:
        """The words in a text in their order, of those that overlap the longest."""
        found = [hit for automaton in self._automata for hit in automaton.hits(text)]
        kept: list[Hit] = []
        free = 0
        for begin, end, word, name in sorted(found, key=lambda hit: (hit[0], -hit[1])):
            if begin >= free and len(kept) < _SHOWN:
                kept.append(Hit(word, name, _around(text, begin, end)))
                free = end
        return kept


def _way(match: Body, word: str) -> Way:
    """A word that has punctuation itself is looked for as it is written: `C++` without it would be any c."""
    own = not word.isalnum() and any(unicodedata.category(character)[0] in "PS" for character in word)
    return Way(match["ignoreCase"], match["ignoreWidth"], match["ignoreSpaces"] and not own, match["wholeWords"])


def _around(text: str, begin: int, end: int) -> str:
    before, after = max(begin - _AROUND, 0), end + _AROUND
    shown = " ".join(text[before:after].replace(APART, "...").split())
    return f"{'...' if before else ''}{shown}{'...' if after < len(text) else ''}"


class WordSearches:
    """The searches of one process: built when a Channel's lists have changed, and kept until they change again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[list[Body], WordSearch]] = {}
        self._building = Lock()

    def __reduce__(self) -> tuple[type["WordSearches"], tuple[()]]:
        return WordSearches, ()  # another process builds its own

    def ready(self, channel: str, lists: Sequence[Body]) -> WordSearch | None:
        """What is kept, when it is of exactly these lists."""
        of, search = self._kept.get(channel, ((), None))
        same = search and len(of) == len(lists) and all(a is b for a, b in zip(of, lists, strict=True))
        return search if same else None

    def built(self, channel: str, lists: Sequence[Body]) -> WordSearch:
        """Takes a third of a second for 100,000 words; fit for a thread."""
        with self._building:
            search = self.ready(channel, lists) or WordSearch(lists)
            self._kept[channel] = list(lists), search
        return search
