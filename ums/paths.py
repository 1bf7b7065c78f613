"""Where a value stands in a body: the path of an Override, such as `deliveryChannels.shopsms.enabled`."""

from collections.abc import Mapping, Sequence
from typing import Any

ABSENT = object()


def value_at(body: Any, path: str) -> Any:
    """What stands there, an item of a list by its name; ABSENT where nothing does."""
    for part in path.split("."):
        if isinstance(body, list):
            body = next((item for item in body if isinstance(item, Mapping) and item.get("name") == part), ABSENT)
        else:
            body = body.get(part, ABSENT) if isinstance(body, Mapping) else ABSENT
    return body


def with_value(body: Any, path: Sequence[str], value: Any) -> Any:
    """`body` with `value` at a path that is there; the original stays as it was."""
    if not path:
        return value
    part, *rest = path
    if isinstance(body, list):
        return [with_value(item, rest, value) if item.get("name") == part else item for item in body]
    return {**body, part: with_value(body[part], rest, value)}
