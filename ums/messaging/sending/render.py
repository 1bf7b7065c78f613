"""A template's content with its `{{variables}}` filled in, once, when a message is accepted."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ums.documents import Path
from ums.errors import Problem
from ums.snapshot import Body
from ums.texts import is_html
from ums.variables import misfit
from ums.vocabulary import PLACEHOLDER


def values(template: Body, given: Any, path: str) -> tuple[dict[str, str], list[Problem]]:
    """The text of every declared variable, from what was given or its default, and what is wrong with it.

    `path` is where the values stand in the input.
    """
    declared: Mapping[str, Any] = template["variables"]
    if not isinstance(given, Mapping):
        message = f"found {type(given).__name__}, expected an object of variable names and values"
        return {}, [Problem(path=path, code="invalid_variables", message=message)]
    problems = [
        Problem(path=f"{path}.{name}", code="unknown_variable", message=_unknown(name, declared))
        for name in given
        if name not in declared
    ]
    filled = {name: spec["default"] for name, spec in declared.items() if "default" in spec} | dict(given)
    problems += [
        Problem(
            path=f"{path}.{name}",
            code="missing_variable",
            message=f"{name} has no value and no default; give one",
        )
        for name in declared
        if name not in filled
    ]
    problems += [
        Problem(path=f"{path}.{name}", code="invalid_variable", message=wrong)
        for name, value in given.items()
        if name in declared and (wrong := _misfit(value, declared[name]))
    ]
    return {name: str(value) for name, value in filled.items()}, problems


def _misfit(value: Any, variable: Mapping[str, Any]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"found {orjson.dumps(value).decode()[:40]}, expected text or a number"
    return misfit(str(value), variable)


def render(content: Mapping[str, Any], filled: Mapping[str, str]) -> dict[str, Any]:
    """`{channel type: content}` with every `{{variable}}` replaced; into HTML no value brings markup of its own."""
    return {kind: _render(body, kind, (), filled) for kind, body in content.items()}


def _render(value: Any, kind: str, at: Path, filled: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        escape: Callable[[str], str] = html.escape if is_html(kind, at) else str
        return PLACEHOLDER.sub(lambda found: escape(filled[found[1].strip()]), value)
    if isinstance(value, Mapping):
        return {key: _render(inner, kind, (*at, key), filled) for key, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, kind, (*at, number), filled) for number, inner in enumerate(value)]
    return value


def _unknown(name: str, declared: Mapping[str, Any]) -> str:
    return f"the template declares no variable {name}; it has {', '.join(sorted(declared)) or 'none'}"
