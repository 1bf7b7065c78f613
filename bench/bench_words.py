"""What the sensitive words of a Channel cost a send: content of 1 KB, with 10 words and with 100,000 declared.

    python bench/bench_words.py [words, 100,000 unless given]

Read the ratio; the words and the text are Chinese and English, and nothing is found.
"""

import random
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from ums.messaging.sending.content import check, word_search
from ums.snapshot import Snapshot

CHANNEL = {"name": "shop", "sensitiveWords": True}
CHINESE = [chr(code) for code in range(0x4E00, 0x9FA6)]
LATIN = "abcdefghijklmnopqrstuvwxyz"


def made(number: int) -> list[str]:
    """Different words, half of them Chinese."""
    rng, found = random.Random(1), set[str]()
    while len(found) < number:
        alphabet, low, high = (CHINESE, 2, 5) if len(found) % 2 else (LATIN, 6, 12)
        found.add("".join(rng.choices(alphabet, k=rng.randint(low, high))))
    return rng.sample(sorted(found), number)


def text(size: int) -> str:
    """So many bytes, half of them Chinese: 2-letter groups and lone characters contain none of the words."""
    rng, parts, length = random.Random(2), list[str](), 0
    while length < size:
        parts.append(rng.choice(CHINESE) if len(parts) % 2 else "".join(rng.choices(LATIN, k=2)))
        length += len(parts[-1].encode()) + 1
    return " ".join(parts)


def declared(words: Sequence[str]) -> Snapshot:
    match = {"ignoreCase": True, "ignoreWidth": True, "ignoreSpaces": False, "wholeWords": False}
    entries = [{"word": word, "enabled": True} for word in words]
    lists = {"shop/all": {"channel": "shop", "name": "all", "match": match, "words": entries}}
    return Snapshot(1, {"SensitiveWords": lists})


def took(snapshot: Snapshot, content: dict[str, Any], times: int = 500) -> float:
    """Microseconds a check."""
    begun = time.perf_counter()
    for _ in range(times):
        assert check(snapshot, CHANNEL, content, "input.body.content") == []
    return (time.perf_counter() - begun) / times * 1e6


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    words = made(number)
    few, many = declared(words[:10]), declared(words)
    begun = time.perf_counter()
    word_search(many, CHANNEL)
    print(f"{number} words: built in {time.perf_counter() - begun:.2f} s, once for a change of the lists")
    content = {"app": {"platform": "all", "notification": {"alert": text(1024)}}}
    took(few, content), took(many, content)  # what is built when it is first used
    pairs = [(took(few, content), took(many, content)) for _ in range(9)]
    small, large = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"check of 1 KB: 10 words {small:.0f} us, {number} words {large:.0f} us, ratio {ratio:.2f} (target 2)")


if __name__ == "__main__":
    main()
