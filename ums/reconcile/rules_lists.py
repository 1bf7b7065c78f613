"""What a schema cannot say about lists of people and of words."""

from collections.abc import Iterator

from ums.reconcile.rules import Bodies, Body, Breach

_TAG_BYTES = 40


def membership_clear(people: Body, _: Bodies) -> Iterator[Breach]:
    """Either the documents say who is in it, or the API does, or a rule."""
    by_api, named, ruled = people.get("membership") == "api", "members" in people, "rules" in people
    if by_api and named:
        yield ("membership",), "the API keeps the members, so the documents name none; remove one of the two"
    if ruled and (by_api or named):
        yield ("rules",), "who is in it is either ruled or named; remove rules, or members and membership"
    if not (by_api or named or ruled):
        yield (), "found nobody; add members, membersFile or membership: api"


def unsubscribed_kept(blacklist: Body, _: Bodies) -> Iterator[Breach]:
    """Who comes onto the list by a link stays there."""
    if blacklist.get("unsubscribe") and blacklist.get("membership") != "api":
        yield ("unsubscribe",), "the documents say who is in it, so nobody can come onto it by a link; membership: api"


def tags_possible(segment: Body, _: Bodies) -> Iterator[Breach]:
    """Somebody can have these tags."""
    tags = segment.get("rules", {}).get("tags", {})
    for which, names in tags.items():
        for number, name in enumerate(names):
            if len(name.encode()) > _TAG_BYTES:
                place = ("rules", "tags", which, number)
                yield place, f"found {len(name.encode())} bytes, expected a tag of at most {_TAG_BYTES}"
    for name in sorted(set(tags.get("none", ())) & set(tags.get("all", ()))):
        yield ("rules", "tags", "none"), f"{name!r} also stands in all: nobody can be in it; remove one"


def words_clear(words: Body, _: Bodies) -> Iterator[Breach]:
    """There are words, and each is either on or off."""
    if not words["words"]:
        yield (), "found no words; add words or wordsFile"
    seen: set[str] = set()
    for entry in words["words"]:
        if entry["word"] in seen:
            yield ("words",), f"{entry['word']!r} is listed as enabled and as not; remove one"
        seen.add(entry["word"])
