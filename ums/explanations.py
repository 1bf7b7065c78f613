"""What is wrong with a value by a schema, in words that its author can act on."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jsonschema import ValidationError

from ums.documents import Document, Path
from ums.errors import Problem


def explained(error: ValidationError, document: Document, within: Path) -> Iterator[Problem]:
    """The problems that an error of jsonschema stands for, each at its place in the document."""
    path, failure = (*within, *error.absolute_path), _Failure.of(error)
    if failure.keyword == "additionalProperties":
        known = failure.schema.get("properties", {})
        for key in sorted(set(failure.found) - set(known)):
            message = f"unknown property {_name(failure, key)}{did_you_mean(key, known)}"
            place = path if failure.schema.get("writeOnly") else (*path, key)
            yield document.problem(place, message, code="unknown_property", key=True)
    elif "propertyNames" in error.relative_schema_path:
        yield document.problem((*path, failure.found), _message(failure), key=True)
    else:
        yield document.problem(path, _message(failure))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what is known when nothing is near and that is a short list."""
    known = sorted(known)
    if near := get_close_matches(word, known, n=1):
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 20 else ""


@dataclass(frozen=True)
class _Failure:
    """One keyword of a schema that a value does not fulfil."""

    keyword: str
    wanted: Any
    found: Any
    schema: Mapping[str, Any]
    words: str
    """The library's."""

    @classmethod
    def of(cls, error: Any) -> "_Failure":
        return cls(error.validator, error.validator_value, error.instance, error.schema, error.message)


def _name(failure: _Failure, key: str) -> str:
    # `{hunter2}` is a mapping with one key, and that key is somebody's password.
    return "in a reference to a secret" if failure.schema.get("writeOnly") else repr(key)


def _message(failure: _Failure) -> str:
    return _MESSAGES.get(failure.keyword, _otherwise)(failure)


_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


_MEANT = dict.fromkeys(("yes", "y", "on", "true"), "true") | dict.fromkeys(("no", "n", "off", "false"), "false")
"""Words that other readers of YAML take for true or false, and then Norway's code `NO` too; to us they are text."""


def _found(failure: _Failure) -> str:
    """What stands there: itself when it is short and no secret."""
    value = failure.found
    if isinstance(value, dict | list):
        return _TYPES["object" if isinstance(value, dict) else "array"]
    if failure.schema.get("writeOnly"):
        return "a value"
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"{value[:37]!r}..."
    return _flow(value)


def _flow(value: Any) -> str:
    """As YAML in one line, the way people write it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _type(failure: _Failure) -> str:
    wanted = [failure.wanted] if isinstance(failure.wanted, str) else failure.wanted
    expected = failure.schema.get("errorMessage") or " or ".join(_TYPES[name] for name in wanted)
    hint = "; put it in quotes" if expected == "text" and isinstance(failure.found, int | float) else ""
    if expected == "true or false" and str(failure.found).lower() in _MEANT:
        hint = f"; write {_MEANT[str(failure.found).lower()]}"
    return f"found {_found(failure)}, expected {expected}{hint}"


def _required(failure: _Failure) -> str:
    missing = next(name for name in failure.wanted if failure.words.startswith(f"{name!r} "))
    examples = failure.schema.get("properties", {}).get(missing, {}).get("examples", [])
    example = f", such as {missing}: {_flow(examples[0])}" if examples else ""
    return f"{missing!r} is missing; add it{example}"


def _enum(failure: _Failure) -> str:
    known = [str(value) for value in failure.wanted]
    near = get_close_matches(str(failure.found), known, n=1)
    if isinstance(failure.found, int | float) and str(failure.found) in failure.wanted:
        return f"found {_found(failure)}, expected text; put it in quotes"
    if near and len(known) > _MANY:
        return f"found {_found(failure)}; did you mean {near[0]!r}?"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"found {_found(failure)}, expected one of {', '.join(known)}{hint}"


_MANY = 8  # words that hide a hint behind them


def _otherwise(failure: _Failure) -> str:
    expected = failure.schema.get("errorMessage") or f"{failure.keyword} {_flow(failure.wanted)}"
    return f"found {_found(failure)}, expected {expected}"


def _pattern_message(failure: _Failure) -> str:
    return f"found {_found(failure)}, expected {failure.schema.get('patternErrorMessage', failure.wanted)}"


def _bound(word: str) -> Callable[[_Failure], str]:
    return lambda failure: f"found {_found(failure)}, expected {word} {failure.wanted}"


def _length(word: str) -> Callable[[_Failure], str]:
    return lambda failure: f"found {len(failure.found)} characters, expected {word} {failure.wanted}"


def _size(word: str) -> Callable[[_Failure], str]:
    def message(failure: _Failure) -> str:
        expected = failure.schema.get("errorMessage") or f"{word} {failure.wanted}"
        found = ", ".join(failure.found) if isinstance(failure.found, dict) else len(failure.found)
        return f"found {found or 'none'}, expected {expected}"

    return message


_MESSAGES: Mapping[str, Callable[[_Failure], str]] = {
    "type": _type,
    "required": _required,
    "enum": _enum,
    "const": lambda failure: f"found {_found(failure)}, expected {_flow(failure.wanted)}",
    "pattern": _pattern_message,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "minLength": _length("at least"),
    "maxLength": _length("at most"),
    "minItems": _size("at least"),
    "maxItems": _size("at most"),
    "minProperties": _size("at least"),
    "maxProperties": _size("at most"),
    "uniqueItems": lambda _: "found the same item twice; remove one",
}
