"""Whether content may go out: by the schema of each type, and by the sensitive words of its Channel."""

from collections.abc import Iterator, Mapping
from typing import Any

from ums import schemas
from ums.documents import json_path
from ums.errors import Problem
from ums.snapshot import Body, Snapshot
from ums.texts import texts


def check(snapshot: Snapshot, channel: Body, content: Mapping[str, Any], path: str) -> list[Problem]:
    """All that is wrong with `{channel type: content}`, which stands at `path` of the input."""
    return [*_by_schema(content, path), *_by_words(snapshot, channel, content, path)]


def _by_schema(content: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for kind, body in content.items():
        for found in schemas.check(f"content/{kind}", body):
            place = f"{path}.{kind}{found.path.removeprefix('$')}"
            yield Problem(path=place, code="content_invalid", message=found.message)


def _by_words(snapshot: Snapshot, channel: Body, content: Mapping[str, Any], path: str) -> Iterator[Problem]:
    search = snapshot.word_search(channel)
    if search is None:
        return
    for kind, body in content.items():
        for place, text in texts(kind, body):
            for hit in search.hits(text):
                where = f"{path}.{kind}{json_path(place).removeprefix('$')}"
                yield Problem(path=where, code="sensitive_word", message=str(hit))
