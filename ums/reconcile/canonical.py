"""One way to write what the author of a document may write in several: everything after loading compares these."""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]

_SECONDS = {"s": 1, "m": 60, "h": 3600}

AUDITED: Mapping[str, Mapping[str, list[str]]] = {
    "message": {
        "sources": ["console", "api"],
        "messageKinds": ["content", "template"],
        "targetKinds": ["broadcast", "tags", "users", "segment", "addresses"],
    },
    "template": {"templates": ["general", "sms", "wechatOa"]},
}
"""What an AuditRule may narrow, by what it is on; everything unless given."""


def channel(body: Body) -> Body:
    """Every grant as `{name, enabled}`, every address as `{url, default}`, every duration in seconds.

    The first address is the default if none says so.
    """
    granted = [{"name": one, "enabled": True} if isinstance(one, str) else one for one in body["deliveryChannels"]]
    whole = {**body, "deliveryChannels": granted}
    if callbacks := body.get("callbacks"):
        whole["callbacks"] = {**callbacks, "addresses": _addresses(callbacks["addresses"])}
    if caps := body.get("frequencyCaps"):
        whole["frequencyCaps"] = [{**one, "within": seconds(one["within"])} for one in caps]
    return whole


def spelled_channel(body: Body) -> Body:
    """The way back from `channel`, as far as somebody must be able to read it."""
    if "frequencyCaps" not in body:
        return body
    return {**body, "frequencyCaps": [{**one, "within": duration(one["within"])} for one in body["frequencyCaps"]]}


def _addresses(written: list[Any]) -> list[Body]:
    addresses = [{"url": one} if isinstance(one, str) else one for one in written]
    chosen = any(one.get("default") for one in addresses)
    return [{"default": not (chosen or number), **one} for number, one in enumerate(addresses)]


def policy(body: Body) -> Body:
    """Every duration in seconds."""
    whole = {**body, "steps": [_step(step) for step in body["steps"]]}
    if "deadline" in body:
        whole["deadline"] = seconds(body["deadline"])
    return whole


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


def spelled_policy(body: Body) -> Body:
    """The way back from `policy`, for an export: every duration in the largest unit that says it exactly."""
    whole = {**body, "steps": [_spelled_step(step) for step in body["steps"]]}
    if "deadline" in body:
        whole["deadline"] = duration(body["deadline"])
    return whole


def _spelled_step(step: Body) -> Body:
    if "when" not in step:
        return step
    when = {
        join: [{**condition, "within": duration(condition["within"])} for condition in conditions]
        for join, conditions in step["when"].items()
    }
    return {**step, "when": when}


def duration(whole: int) -> str:
    """7200 is `2h`, 90 is `90s`."""
    unit = next(unit for unit in ("h", "m", "s") if whole % _SECONDS[unit] == 0)
    return f"{whole // _SECONDS[unit]}{unit}"


def people(body: Body) -> Body:
    """The members once each, in one order."""
    if "members" not in body:
        return body
    return {"membership": "file", **body, "members": sorted(set(body["members"]))}


def words(body: Body) -> Body:
    """Every word as `{word, enabled}`, once each, in one order."""
    spelled = [{"word": one, "enabled": True} if isinstance(one, str) else one for one in body["words"]]
    once = {(one["word"], one["enabled"]): {"word": one["word"], "enabled": one["enabled"]} for one in spelled}
    return {**body, "words": [once[key] for key in sorted(once)]}


def audit(body: Body) -> Body:
    """Everything that it does not narrow, written out."""
    return {**AUDITED[body["on"]], **body}
