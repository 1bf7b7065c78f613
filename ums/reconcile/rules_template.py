"""What a schema cannot say about a Template."""

import re
from collections.abc import Iterator
from typing import Any

from ums.documents import Path
from ums.provider_objects.names import FIELDS
from ums.reconcile.rules import Bodies, Body, Breach, platform
from ums.schemas import did_you_mean
from ums.variables import misfit
from ums.vocabulary import PLACEHOLDER


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
            message = f"variable {name!r} is used nowhere; remove it, or write {{{{{name}}}}} in content"
            yield ("variables", name), message


def values_fit(template: Body, _: Bodies) -> Iterator[Breach]:
    """Defaults and examples are values that a send might give."""
    for name, variable in template["variables"].items():
        for which in ("default", "example"):
            if which in variable and (wrong := misfit(variable[which], variable)):
                yield ("variables", name, which), wrong


def content_reaches(template: Body, bodies: Bodies) -> Iterator[Breach]:
    """Content of a type is of use when the Channel has a DeliveryChannel of it."""
    channel = bodies.get(("Channel", template["channel"]))
    if channel is None:
        return
    found = [platform(bodies, grant["name"]) for grant in channel["deliveryChannels"]]
    types = {one.type.value for one in found if one}
    for kind in template["content"]:
        if kind not in types and None not in found:
            message = f"Channel {template['channel']} is granted no DeliveryChannel of type {kind}: nobody gets this"
            yield ("content", kind), message


def named_of_type(template: Body, bodies: Bodies) -> Iterator[Breach]:
    """What a provider keeps is of use in content of its own type."""
    for field in FIELDS:
        content = template["content"].get(field.type.value, {})
        name = content.get(field.by_name)
        if name and field.by_id in content:
            yield ("content", field.type.value, field.by_id), f"{field.by_name} stands there too; remove one of them"
        declared = bodies.get((field.kind, f"{template['channel']}/{name}"))
        found = platform(bodies, declared["deliveryChannel"]) if declared else None
        if declared and found and found.type is not field.type:
            path = ("content", field.type.value, field.by_name)
            message = f"{field.kind} {name} is kept on {declared['deliveryChannel']}, which is for {found.type.value}"
            yield path, f"{message}; name one of a DeliveryChannel for {field.type.value}"


def _placeholders(value: Any, at: Path) -> Iterator[tuple[Path, str]]:
    """What stands in double braces in any text, and where."""
    if isinstance(value, str):
        if "{{" in value:
            yield from ((at, inside.strip()) for inside in PLACEHOLDER.findall(value))
        return
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        yield from _placeholders(child, (*at, key))
