"""How long, as people write it: `90s`, `5m`, `2h`, and `4m59s999ms` where a millisecond counts."""

import re

PATTERN = r"^(?=[0-9])([0-9]{1,6}h)?([0-9]{1,6}m(?!s))?([0-9]{1,6}s)?([0-9]{1,6}ms)?$"
_UNITS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def milliseconds(written: str) -> int:
    """Raises ValueError for what is no duration."""
    if not re.match(PATTERN, written):
        raise ValueError(f"{written!r} is no duration")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[hms])", written))


def spelled(ms: int) -> str:
    """300000 is `5m`, 0 is `0s`."""
    parts = []
    for unit, size in _UNITS.items():
        number, ms = divmod(ms, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"
