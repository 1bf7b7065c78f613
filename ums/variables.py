"""What a Template's variable takes: the same for a default in a file and for a value in a send."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any


def misfit(value: str, variable: Mapping[str, Any]) -> str:
    """What is wrong with the text of a value, by the variable's type and maxLength; empty when it fits."""
    most = variable.get("maxLength", len(value))
    if len(value) > most:
        return f"found {len(value)} characters, expected at most {most}, the variable's maxLength"
    expected = _FORMS.get(variable["type"])
    if expected and not re.fullmatch(expected[0], value):
        return f"found {value!r}, expected {expected[1]}"
    return "" if variable["type"] != "date" or _is_date(value) else f"found {value!r}, which is no day of the calendar"


_FORMS = {
    "number": (r"-?[0-9]+(?:\.[0-9]+)?", "a number, as in 12 or 9.50"),
    "url": (r"https?://[^\s/]+\S*", "a URL that begins with http:// or https://"),
    "date": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date, as in 2026-11-23"),
}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
