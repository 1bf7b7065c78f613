"""The JSON Schemas of UMS by name, and what is wrong with a value, in words that its author can act on.

Besides the standard keywords a schema may say `patternErrorMessage` and `errorMessage` (which editors know
too): what was expected instead. `writeOnly` marks what may be a secret; a message never repeats it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012, SchemaRegistry

from ums.documents import NOWHERE, Document, Path
from ums.errors import Problem

_PACKAGE = FilePath(__file__).parent
_FOLDERS = (_PACKAGE / "share" / "schemas", _PACKAGE.parent / "schemas")  # an installed wheel's, a checkout's
_ROOT = "file:///"  # only so that one schema can name another relative to itself; nothing is ever fetched


def check(name: str, value: Any, *, document: Document = NOWHERE, within: Path = ()) -> list[Problem]:
    """All that is wrong with `value` by the schema `name`, such as `channel` or `content/app`.

    `within` is where the value stands in its document or input; `document` gives each Problem its line.
    """
    errors = sorted(_validator(name).iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path])
    return [problem for error in errors for problem in _problems(error, document, within)]


@lru_cache(maxsize=1)
def schemas() -> Mapping[str, dict[str, Any]]:
    """Every schema by its name: its file in `schemas/`, without the ending."""
    folder = next(folder for folder in _FOLDERS if folder.is_dir())
    files = sorted(folder.rglob("*.json"))
    return {file.relative_to(folder).with_suffix("").as_posix(): json.loads(file.read_text()) for file in files}


def names(folder: str) -> list[str]:
    """The schemas in a folder, without its name: `names("providers")` are the platforms."""
    return [name.removeprefix(f"{folder}/") for name in schemas() if name.startswith(f"{folder}/")]


def with_defaults(name: str, value: Any) -> Any:
    """`value`, valid by the schema `name`, with every default written out."""
    return _filled(_whole(name), value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what is known when nothing is near and that is a short list."""
    known = sorted(known)
    if near := get_close_matches(word, known, n=1):
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 20 else ""


def _uri(name: str) -> str:
    return f"{_ROOT}{name}.json"


@lru_cache(maxsize=1)
def _registry() -> SchemaRegistry:
    """Ours alone: a reference to anything else is an error, never a request."""
    resources = [(_uri(name), DRAFT202012.create_resource(schema)) for name, schema in schemas().items()]
    registry: SchemaRegistry = Registry().with_resources(resources)
    return registry.crawl()


@lru_cache(maxsize=64)
def _whole(name: str) -> dict[str, Any]:
    """The schema `name` with every reference replaced by what it names: looking them up costs most of a check."""
    whole: dict[str, Any] = _inlined(_registry().resolver(_uri(name)), schemas()[name])
    # At `$schema` jsonschema would change to its own validator, and so to its own `pattern`.
    return {key: part for key, part in whole.items() if key not in {"$schema", "$defs"}}


def _inlined(resolver: Any, schema: Any) -> Any:
    """What stands beside a reference (a description, a default) comes before what is behind it."""
    if isinstance(schema, list):
        return [_inlined(resolver, part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    here = {key: _inlined(resolver, part) for key, part in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return here
    found = resolver.lookup(schema["$ref"])
    return {**_inlined(found.resolver, found.contents), **here}


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[ValidationError]:
    # In JSON Schema `$` is the very end; in Python it also stands before a last line break.
    if validator.is_type(value, "string") and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # no stub


@lru_cache(maxsize=64)
def _validator(name: str) -> Any:
    """Built once: building costs more than a thousand checks."""
    return _Validator(_whole(name))


def _filled(schema: Any, value: Any) -> Any:
    if isinstance(value, list) and "items" in schema:
        return [_filled(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    others = schema.get("additionalProperties") or {}
    missing = {key: part["default"] for key, part in known.items() if "default" in part and key not in value}
    return {key: _filled(known.get(key, others), part) for key, part in {**value, **missing}.items()}


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


def _problems(error: ValidationError, document: Document, within: Path) -> Iterator[Problem]:
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
    return f"found {_found(failure)}, expected {expected}{hint}"


def _required(failure: _Failure) -> str:
    missing = next(name for name in failure.wanted if failure.words.startswith(f"{name!r} "))
    examples = failure.schema.get("properties", {}).get(missing, {}).get("examples", [])
    example = f", such as {missing}: {_flow(examples[0])}" if examples else ""
    return f"{missing!r} is missing; add it{example}"


def _enum(failure: _Failure) -> str:
    known = [str(value) for value in failure.wanted]
    near = get_close_matches(str(failure.found), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"found {_found(failure)}, expected one of {', '.join(known)}{hint}"


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
