"""One way to write what the author of a document may write in several: everything after loading compares these."""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def grants(channel: Body) -> Body:
    """Every entry of `deliveryChannels` as `{name, enabled}`."""
    granted = channel["deliveryChannels"]
    spelled = [{"name": one, "enabled": True} if isinstance(one, str) else one for one in granted]
    return {**channel, "deliveryChannels": spelled}


def waits(policy: Body) -> Body:
    """Every `within` in seconds."""
    return {**policy, "steps": [_step(step) for step in policy["steps"]]}


def _step(step: Body) -> Body:
    if "when" not in step:
        return step
    when = {
        join: [{**condition, "within": seconds(condition["within"])} for condition in conditions]
        for join, conditions in step["when"].items()
    }
    return {**step, "when": when}


def seconds(duration: str) -> int:
    """Of `90s`, `5m` or `2h`."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]
