"""The JSON Schemas of UMS by name, and what is wrong with a value, in words that its author can act on.

Besides the standard keywords a schema may say `patternErrorMessage` and `errorMessage` (which editors know
too): what was expected instead. `writeOnly` marks what may be a secret; a message never repeats it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import fastjsonschema
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012, SchemaRegistry

from ums.documents import NOWHERE, Document, Path
from ums.errors import Problem
from ums.explanations import did_you_mean, explained

__all__ = ["check", "did_you_mean", "names", "schemas", "with_defaults"]

_PACKAGE = FilePath(__file__).parent
_FOLDERS = (_PACKAGE / "share" / "schemas", _PACKAGE.parent / "schemas")  # an installed wheel's, a checkout's
_ROOT = "file:///"  # only so that one schema can name another relative to itself; nothing is ever fetched


def check(name: str, value: Any, *, document: Document = NOWHERE, within: Path = ()) -> list[Problem]:
    """All that is wrong with `value` by the schema `name`, such as `channel` or `content/app`.

    `within` is where the value stands in its document or input; `document` gives each Problem its line.
    """
    _uses[name] += 1
    if _uses[name] > _WORTH_COMPILING and passes(name, value):
        return []
    errors = sorted(
        explained_by(name).iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path]
    )
    return [problem for error in errors for problem in explained(error, document, within)]


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
    fill = _filler(name)
    return fill(value) if fill else value


def _uri(name: str) -> str:
    return f"{_ROOT}{name}.json"


@lru_cache(maxsize=1)
def _registry() -> SchemaRegistry:
    """Ours alone: a reference to anything else is an error, never a request."""
    resources = [(_uri(name), DRAFT202012.create_resource(schema)) for name, schema in schemas().items()]
    registry: SchemaRegistry = Registry().with_resources(resources)
    return registry.crawl()


@lru_cache(maxsize=128)
def whole(name: str) -> dict[str, Any]:
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


@lru_cache(maxsize=128)
def explained_by(name: str) -> Any:
    """Built once: building costs more than a thousand checks."""
    return _Validator(whole(name))


def passes(name: str, value: Any) -> bool:
    """Whether `value` is valid, by a compiled gate: a dozen times as fast as jsonschema, which explains better."""
    try:
        _gate(name)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


_uses: Counter[str] = Counter()
_WORTH_COMPILING = 100
"""Values of one schema: compiling costs as much as jsonschema takes for about so many."""


@lru_cache(maxsize=128)
def _gate(name: str) -> Callable[[Any], Any]:
    # Draft 7 to it: with references replaced, no schema of ours says anything that 2020-12 means differently.
    gate: Callable[[Any], Any] = fastjsonschema.compile(
        _without_const(whole(name)), use_default=False, use_formats=False, detailed_exceptions=False
    )
    return gate


def _without_const(schema: Any) -> Any:
    """The same, with `enum` for `const`, on which fastjsonschema fails unless it gathers details for messages."""
    if isinstance(schema, list):
        return [_without_const(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        "enum" if key == "const" else key: [part] if key == "const" else _without_const(part)
        for key, part in schema.items()
    }


Filler = Callable[[Any], Any]


@lru_cache(maxsize=128)
def _filler(name: str) -> Filler | None:
    """Writes out the defaults of a value; None where there are none to write."""
    return _fills(whole(name))


def _fills(schema: Mapping[str, Any]) -> Filler | None:
    """Prepared once for each schema: most parts of most schemas have no defaults, and are not walked at all."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    known = {key: made for key, part in properties.items() if (made := _fills(part))}
    defaults = {key: part["default"] for key, part in properties.items() if "default" in part}
    items = _fills(schema["items"]) if "items" in schema else None
    others = _fills(schema["additionalProperties"]) if schema.get("additionalProperties") else None
    if not (items or known or defaults or others):
        return None

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [items(item) for item in value] if items else value
        if not isinstance(value, dict):
            return value
        filled = value | {key: default for key, default in defaults.items() if key not in value}
        for key, part in known.items():
            if key in filled:
                filled[key] = part(filled[key])
        if others:
            filled |= {key: others(part) for key, part in filled.items() if key not in properties}
        return filled

    return fill
