"""What a Template would say, without sending anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ums.errors import Problem
from ums.messaging.sending.content import check
from ums.messaging.sending.render import render, values
from ums.schemas import did_you_mean
from ums.snapshot import Body, Snapshot


@dataclass(frozen=True)
class Preview:
    content: Mapping[str, Any] = field(default_factory=dict)
    """Rendered, by channel type; empty when a variable is wrong."""
    problems: list[Problem] = field(default_factory=list)
    """Those that a send with these variables would have."""


def preview(snapshot: Snapshot, channel: Body, name: str, given: Any) -> Preview:
    """The content for each type; what has neither a value nor a default takes its example."""
    template = snapshot.template(channel["name"], name)
    waiting = snapshot.held.get(("Template", f"{channel['name']}/{name}"))
    if template is None and waiting:
        message = f"Template {name} cannot be used yet: {waiting.reason}"
        return Preview(problems=[Problem(path="name", code="template_not_approved", message=message)])
    if template is None:
        own = [body["name"] for body in snapshot.all("Template").values() if body["channel"] == channel["name"]]
        message = f"Channel {channel['name']} has no Template {name!r}{did_you_mean(name, own)}"
        return Preview(problems=[Problem(path="name", code="unknown_template", message=message)])
    filled, problems = values(template, _with_examples(template, given), "variables")
    if problems:
        return Preview(problems=problems)
    content = render(template["content"], filled)
    return Preview(content, check(snapshot, channel, content, "content"))


def _with_examples(template: Body, given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    declared = template["variables"].items()
    return {name: v["example"] for name, v in declared if "example" in v and "default" not in v} | dict(given)
