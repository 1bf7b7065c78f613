"""Writes docs/configuration.md from the schemas: python docs/configuration.py > docs/configuration.md"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from ums.platforms import PLATFORMS
from ums.reconcile.kinds import KINDS
from ums.schemas import names, schemas, whole
from ums.vocabulary import State

INTRODUCTION = """# Configuration: every kind and every field

Written from the schemas by `python docs/configuration.py`; a test compares the two. The same texts show in an editor
that reads `# yaml-language-server: $schema=...` in a document's first line.

A document begins with `apiVersion: ums/v1` and its `kind`. What a Channel owns names it in `channel`; its identity is
`channel/name`. Kinds stand here in the order in which they are created; a kind refers only to kinds above it, but for
the policy that a Channel uses by default.

- **Text that looks like something else** stays text: only `true` and `false` are switches, and only plain decimal
  numbers are numbers. `no`, `22:00` and `2026-11-23` need no quotes.
- **Secrets** are references, `{env: NAME}`, `{file: path}` or, for a Channel's `masterSecret`, `{generate: true}`.
- **Durations** are a number and `s`, `m` or `h`. **Times of day** are text, `"22:00"`.
- **Long lists** may stand in a file beside the document: `.txt`, `.csv` or `.xlsx`, at most 50,000 rows and 30 MB. What
  is wrong in it is reported with its row.
- **Renaming** is `moved: {from: old-name}`. A DeliveryChannel, a Channel and a Member keep their name for ever:
  addresses, messages, numbers and the audit log stand under it. What people see is the `title`.
- **Warnings** (a window that is too short, content that reaches nobody) are printed and stop nothing.
"""


Row = tuple[str, Mapping[str, Any], bool]
"""Path, schema, and whether it must be there."""

COMMON = ("apiVersion", "kind", "title", "description", "labels", "protect", "moved")


def page() -> Iterator[str]:
    yield INTRODUCTION
    yield "## Every document\n"
    template = whole("template")["properties"]
    common = {name: template[name] for name in COMMON} | {
        "kind": {"type": "string", "description": "What it declares."}
    }
    yield from _table(_fields({"properties": common, "required": ["apiVersion", "kind"]}, "", ""))
    for kind in KINDS:
        yield f"## {kind.name}\n"
        yield from _section(kind.schema, stop="content")
    yield "## What platforms reach and tell\n"
    yield "| platform | channel type | delivered | clicked |\n|---|---|---|---|"
    for name, platform in PLATFORMS.items():
        delivered = platform.detects[State.DELIVERED].value
        clicked = "yes" if State.CLICKED in platform.detects else "never"
        need = f", of messages with {platform.clicks_need}" if platform.clicks_need else ""
        yield f"| `{name}` | `{platform.type.value}` | {delivered} | {clicked}{need} |"
    yield "\n`real`: the device or the carrier said so. `accepted`: a server took it, and nobody knows more.\n"
    for name in names("providers"):
        yield f"## Credentials of {name}\n"
        yield from _section(f"providers/{name}")
    for name in names("content"):
        yield f"## Content of type {name}\n"
        yield from _section(f"content/{name}")


def _section(name: str, *, stop: str = "") -> Iterator[str]:
    schema = whole(name)
    yield f"{schema['description']}\n"
    example = yaml.safe_dump(schemas()[name]["examples"][0], sort_keys=False, allow_unicode=True, width=110)
    yield f"```yaml\n{example}```\n"
    rows = _fields(schema, "", stop)
    yield from _table(row for row in rows if row[0].partition(".")[0] not in COMMON or "/" in name)


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| field | what it holds | what for |\n|---|---|---|"
    for path, part, needed in rows:
        yield f"| `{path}` | {_kind_of_value(part, needed=needed)} | {_cell(part['description'])} |"
    yield ""


def _fields(schema: Mapping[str, Any], above: str, stop: str) -> Iterator[Row]:
    for name, part in schema.get("properties", {}).items():
        path = f"{above}{name}"
        yield path, part, name in schema.get("required", ())
        if above != f"{stop}.":
            yield from _below(part, path, stop)


def _below(part: Mapping[str, Any], path: str, stop: str) -> Iterator[Row]:
    if _is_secret(part):
        return
    yield from _fields(part, f"{path}.", stop)
    if isinstance(part.get("items"), dict):
        yield from _below(part["items"], f"{path}[]", stop)
    if isinstance(part.get("additionalProperties"), dict):
        yield from _below(part["additionalProperties"], f"{path}.*", stop)


def _is_secret(part: Mapping[str, Any]) -> bool:
    return "env" in part.get("properties", {})


def _kind_of_value(part: Mapping[str, Any], *, needed: bool) -> str:
    words = ["**required**"] if needed else []
    if _is_secret(part):
        words.append("a reference to a secret" if part["type"] == "object" else "text, or a reference to a secret")
    elif "const" in part:
        words.append(f"`{json.dumps(part['const']).strip(chr(34))}`")
    elif "enum" in part:
        words.append(", ".join(f"`{value}`" for value in part["enum"]))
    elif "type" in part:
        types = [part["type"]] if isinstance(part["type"], str) else part["type"]
        words.append(" or ".join(_TYPES[one] for one in types))
    words += [f"at most {part[most]}{unit}" for most, unit in _LIMITS.items() if most in part]
    if part.get("default") not in (None, "", {}, []):
        words.append(f"default `{json.dumps(part['default'], ensure_ascii=False)}`")
    return "; ".join(words)


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "number": "number",
}
_LIMITS = {"maxLength": " characters", "maximum": "", "maxItems": " entries"}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()))
