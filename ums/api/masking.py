"""Addresses are masked for callers who may not see them whole; one table says where the schema has any."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from ums.api.words import Context
from ums.masking import is_address, masked, masked_words
from ums.members.rights import Right

Mask = Callable[[Any, Any], Any]
"""A field's value and the object that has it, to what is shown."""


def _address(value: str | None, _: Any) -> str | None:
    return masked(value) if value else value


def _addresses(values: list[str], _: Any) -> list[str]:
    return [masked(value) for value in values]


def _words(value: str, of: Any) -> str:
    return masked_words(value, [getattr(of, "address", None) or ""])


def _target(value: str, of: Any) -> str:
    """Of a person the userId, which stays, or a direct address, which is the one that something went to."""
    used = {getattr(of, "address", None), *(event.address for event in getattr(of, "progress", ()))}
    return masked(value) if value in used or is_address(value) else value


def _audience(value: Mapping[str, Any], _: Any) -> Mapping[str, Any]:
    """As a send was given it; of people it has no addresses."""
    groups = value.get("addresses")
    if not isinstance(groups, list):
        return value
    shown = [
        {**group, "addresses": [masked(one) for one in group["addresses"]]} if _has_list(group) else group
        for group in groups
    ]
    return {**value, "addresses": shown}


def _has_list(group: Mapping[str, Any]) -> bool:
    return isinstance(group.get("addresses"), list)


MASKED: Mapping[str, Mask] = {
    "BoundAddresses.values": _addresses,
    "Delivery.address": _address,
    "Delivery.words": _words,
    "Event.address": _address,
    "Event.detail": _words,
    "Attempt.words": _words,
    "Lifecycle.target": _target,
    "Said.words": _words,
    "DeliveryChannelRecall.words": _words,
    "DeliveryChannelStatus.words": _words,
    "Callback.target": _target,
    "Callback.address": _address,
    "Reply.address": _address,
    "Reply.content": _words,
    "Problem.message": _words,
    "RowProblem.message": _words,
    "AuditedMessage.audience": _audience,
    "RecurringMessage.audience": _audience,
}

TELLING = {"address", "addresses", "audience", "detail", "target", "targets", "values", "words"}
"""Fields of text or JSON with these names are in the table, whatever type they come to stand in."""


def mask(schema: GraphQLSchema) -> None:
    """Every field of the table is shown as its caller may see it; raises KeyError for one that the table forgot."""
    for name, kind in schema.type_map.items():
        for field, definition in (kind.fields if isinstance(kind, GraphQLObjectType) else {}).items():
            place = f"{name}.{field}"
            is_text = str(definition.type).strip("[]!") in {"String", "JSON"}
            if place in MASKED or (field in TELLING and is_text and not name.startswith("__")):
                definition.resolve = _shown(definition.resolve, MASKED[place])


def _shown(resolve: Callable[..., Any] | None, hide: Mask) -> Callable[..., Any]:
    if resolve is None:
        raise TypeError("strawberry gives every field a resolver")

    def show(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        value = resolve(source, info, **arguments)
        return value if Right.SEE_ADDRESSES in info.context.caller.rights else hide(value, source)

    return show
