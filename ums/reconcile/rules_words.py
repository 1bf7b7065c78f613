"""No template contains a sensitive word of its Channel. At a send the values of its variables are searched too."""

from collections.abc import Iterator, Sequence

from ums.documents import Path
from ums.reconcile.rules import Bodies, Body
from ums.sensitive import WordSearch
from ums.texts import texts

Breach = tuple[int, Path, str]


def templates_clean(templates: Sequence[Body], bodies: Bodies) -> Iterator[Breach]:
    """Their content, and the defaults of their variables."""
    searches = _searches(bodies)
    for number, template in enumerate(templates):
        if search := searches.get(template["channel"]):
            for kind, body in template["content"].items():
                yield from _found(number, search, kind, body, ("content", kind))
            for name, variable in template["variables"].items():
                yield from _found(number, search, "", variable.get("default", ""), ("variables", name, "default"))


def texts_clean(templates: Sequence[Body], bodies: Bodies) -> Iterator[Breach]:
    """What is put before a provider for approval."""
    searches = _searches(bodies)
    for number, template in enumerate(templates):
        if "text" in template and (search := searches.get(template["channel"])):
            yield from _found(number, search, "", template["text"], ("text",))


def _found(number: int, search: WordSearch, kind: str, value: object, at: Path) -> Iterator[Breach]:
    for path, text in texts(kind, value, at, template=True):
        for hit in search.hits(text):
            yield number, path, str(hit)


def _searches(bodies: Bodies) -> dict[str, WordSearch]:
    """By Channel, of those that have lists and search for them."""
    lists: dict[str, list[Body]] = {}
    for (kind, _), body in bodies.items():
        channel = bodies.get(("Channel", body["channel"])) if kind == "SensitiveWords" else None
        if channel and channel["sensitiveWords"]:
            lists.setdefault(body["channel"], []).append(body)
    return {name: WordSearch(of) for name, of in lists.items()}
