"""Whether content may go out: by the schema of each type, and by the sensitive words of its Channel."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from ums import schemas
from ums.documents import json_path
from ums.errors import Problem
from ums.sensitive import WordSearch
from ums.snapshot import Body, Snapshot
from ums.texts import texts


def check(snapshot: Snapshot, channel: Body, content: Mapping[str, Any], path: str) -> list[Problem]:
    """All that is wrong with `{channel type: content}`, which stands at `path` of the input."""
    return [*_by_schema(content, path), *_by_words(snapshot, channel, content, path)]


def word_search(snapshot: Snapshot, channel: Body) -> WordSearch | None:
    """For the words that no text of this Channel may contain; None when nothing is searched for."""
    lists, kept = snapshot.word_lists(channel), snapshot.searches
    return (kept.ready(channel["name"], lists) or kept.built(channel["name"], lists)) if lists else None


async def prepared(snapshot: Snapshot, channel: Body) -> None:
    """The next `check` need not build the search for a new list, which takes long enough for others to notice."""
    lists = snapshot.word_lists(channel)
    if lists and snapshot.searches.ready(channel["name"], lists) is None:
        await asyncio.to_thread(snapshot.searches.built, channel["name"], lists)


def _by_schema(content: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for kind, body in content.items():
        for found in schemas.check(f"content/{kind}", body):
            place = f"{path}.{kind}{found.path.removeprefix('$')}"
            yield Problem(path=place, code="content_invalid", message=found.message)


def _by_words(snapshot: Snapshot, channel: Body, content: Mapping[str, Any], path: str) -> Iterator[Problem]:
    search = word_search(snapshot, channel)
    if search is None:
        return
    for kind, body in content.items():
        for place, text in texts(kind, body):
            for hit in search.hits(text):
                where = f"{path}.{kind}{json_path(place).removeprefix('$')}"
                yield Problem(path=where, code="sensitive_word", message=str(hit))
