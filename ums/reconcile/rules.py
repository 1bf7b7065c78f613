"""What a schema cannot say about a document. A rule gives each breach as where it stands and what is wrong."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ums.documents import Path
from ums.providers import providers
from ums.schemas import did_you_mean
from ums.vocabulary import PLACEHOLDER, State

Body = Mapping[str, Any]
Bodies = Mapping[tuple[str, str], Body]
"""Everything declared that its schema accepts, by kind and identity."""
Breach = tuple[Path, str]
Rule = Callable[[Body, Bodies], Iterator[Breach]]

_WAITS_FOR = {"notDelivered": State.DELIVERED, "notClicked": State.CLICKED}


def granted_once(channel: Body, _: Bodies) -> Iterator[Breach]:
    seen: set[str] = set()
    for number, grant in enumerate(channel["deliveryChannels"]):
        if grant["name"] in seen:
            yield ("deliveryChannels", number, "name"), f"{grant['name']} is granted twice; remove one"
        seen.add(grant["name"])


def variables_declared(template: Body, _: Bodies) -> Iterator[Breach]:
    """What stands in double braces is a declared variable."""
    for path, inside in _placeholders(template["content"], ("content",)):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", inside):
            yield path, f"found '{{{{{inside}}}}}', expected a variable's name in the braces, such as {{{{name}}}}"
        elif inside not in template["variables"]:
            hint = did_you_mean(inside, template["variables"])
            yield path, f"variable {inside!r} is not declared; add it to variables{hint}"


def variables_used(template: Body, _: Bodies) -> Iterator[Breach]:
    used = {name for _, name in _placeholders(template["content"], ())}
    for name in template["variables"]:
        if name not in used:
            yield (
                ("variables", name),
                f"variable {name!r} is used nowhere; remove it, or write {{{{{name}}}}} in content",
            )


def granted(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A policy sends only on what its Channel is granted."""
    channel = bodies.get(("Channel", policy["channel"]))
    if channel is None:
        return
    codes = {grant["name"] for grant in channel["deliveryChannels"]}
    for path, code in _sent(policy):
        if code not in codes and ("DeliveryChannel", code) in bodies:
            yield (
                path,
                (
                    f"{code} is not granted to Channel {policy['channel']}; "
                    f"add it to that Channel's deliveryChannels, or send on another"
                ),
            )


def sent_once(policy: Body, _: Bodies) -> Iterator[Breach]:
    first: dict[str, int] = {}
    for path, code in _sent(policy):
        step = int(path[1]) + 1
        if code in first:
            yield path, f"{code} already stands in step {first[code]}; a policy sends on a DeliveryChannel once"
        first.setdefault(code, step)


def conditions_placed(policy: Body, _: Bodies) -> Iterator[Breach]:
    """The first step runs at once, each later one when its condition says so."""
    for number, step in enumerate(policy["steps"]):
        if number == 0 and "when" in step:
            yield ("steps", 0, "when"), "the first step runs at once; remove when"
        if number > 0 and "when" not in step:
            yield ("steps", number), "'when' is missing; say when this step runs, or send on all in one step"


def conditions_earlier(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A condition waits for what an earlier step has sent."""
    for number, path, _, code in _conditions(policy):
        earlier = {sent for step in policy["steps"][:number] for sent in step["send"]}
        if number and code not in earlier and ("DeliveryChannel", code) in bodies:
            yield path, f"no earlier step sends on {code}{did_you_mean(code, earlier)}"


def detectable(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A condition waits for what the platform can tell."""
    for _, path, word, code in _conditions(policy):
        delivery_channel = bodies.get(("DeliveryChannel", code), {})
        provider = providers().get(delivery_channel.get("platform", ""))
        if provider and _WAITS_FOR[word] not in provider.detects:
            others = [name for name, state in _WAITS_FOR.items() if state in provider.detects]
            wait = f"wait for {others[0]} or " if others else ""
            status = _WAITS_FOR[word].name.lower()
            yield path, f"{code} can never report {status!r}; {wait}choose another DeliveryChannel"


def _placeholders(value: Any, at: Path) -> Iterator[tuple[Path, str]]:
    """What stands in double braces in any text, and where."""
    if isinstance(value, str):
        yield from ((at, inside.strip()) for inside in PLACEHOLDER.findall(value))
        return
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        yield from _placeholders(child, (*at, key))


def _sent(policy: Body) -> Iterator[tuple[Path, str]]:
    for number, step in enumerate(policy["steps"]):
        for place, code in enumerate(step["send"]):
            yield ("steps", number, "send", place), code


def _conditions(policy: Body) -> Iterator[tuple[int, Path, str, str]]:
    """The step, the place, the word and the DeliveryChannel of each condition."""
    for number, step in enumerate(policy["steps"]):
        for join, conditions in step.get("when", {}).items():
            for place, condition in enumerate(conditions):
                word = next(name for name in condition if name in _WAITS_FOR)
                yield number, ("steps", number, "when", join, place, word), word, condition[word]
