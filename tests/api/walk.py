"""Requests for any field of the schema, with everything that hangs under it asked for too."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from ums.api.schema import schema

Arguments = Mapping[str, Any]


def roots() -> dict[str, GraphQLField]:
    """Every field that a request can begin with, such as `Query.message`."""
    kinds = (schema._schema.query_type, schema._schema.mutation_type, schema._schema.subscription_type)
    return {f"{kind}.{name}": field for kind in kinds if kind for name, field in kind.fields.items()}


class Request:
    """A field with these arguments, and every field below it with those that `below` has for it."""

    def __init__(self, place: str, arguments: Arguments, below: Mapping[str, Arguments]) -> None:
        self._below = below
        self._numbers = itertools.count()
        self._declared: list[str] = []
        self.variables: dict[str, Any] = {}
        root, _, name = place.partition(".")
        field = roots()[place]
        body = f"{name}{self._given(place, field, arguments)}{self._selected(field.type, ())}"
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        self.query = f"{root.lower()}{declared} {{ {body} }}"

    def _given(self, place: str, field: GraphQLField, arguments: Arguments) -> str:
        missing = [n for n, a in field.args.items() if is_required_argument(a) and n not in arguments]
        assert missing == [], f"{place} needs {missing}: give them in tests/api/test_isolation.py"
        given = []
        for name, value in arguments.items():
            variable = "file" if name == "file" else f"v{next(self._numbers)}"
            self._declared.append(f"${variable}: {field.args[name].type}")
            self.variables[variable] = value
            given.append(f"{name}: ${variable}")
        return f"({', '.join(given)})" if given else ""

    def _selected(self, of: GraphQLOutputType, above: tuple[str, ...]) -> str:
        kind = get_named_type(of)
        if is_leaf_type(kind):
            return ""
        assert isinstance(kind, GraphQLObjectType)
        return f" {{ {' '.join(self._fields(kind, (*above, kind.name)))} }}"

    def _fields(self, kind: GraphQLObjectType, above: tuple[str, ...]) -> Iterator[str]:
        for name, field in kind.fields.items():
            if get_named_type(field.type).name not in above:
                place = f"{kind.name}.{name}"
                given = self._given(place, field, self._below.get(place, {}))
                yield f"{name}{given}{self._selected(field.type, above)}"
