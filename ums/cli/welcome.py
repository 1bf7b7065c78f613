"""What `ums up` prints: where things are, what is missing, and a first send to paste."""

import json
import os
from collections.abc import Mapping
from typing import Any

from ums.errors import SecretMissing
from ums.settings import SecretRef, Settings
from ums.snapshot import Body, Snapshot
from ums.vocabulary import SandboxAddress

_SEND = (
    "mutation ($input: SendMessageInput!) "
    "{ sendMessage(input: $input) { message { id state } problems { code path message } } }"
)
_FOLLOW = "query ($id: ID!) { message(id: $id) { state users { planned sent delivered clicked } } }"


def welcome(settings: Settings, snapshot: Snapshot) -> str:
    lines = [f"warning: {line}" for line in missing_secrets(snapshot, settings)]
    lines += [
        f"GraphQL     {settings.public_url}/graphql   (in a browser: an editor for queries)",
        f"health      {settings.public_url}/healthz   {settings.public_url}/readyz",
        f"receipts    {settings.public_url}/v1/app/callback   {settings.public_url}/v1/sms/callback",
    ]
    if settings.sandbox:
        lines.append(f"sandbox     {SandboxAddress.parse(settings.sandbox).http}/_control/jpush/record")
    for name, body in list(snapshot.all("Channel").items())[-1:]:
        lines += ["", f"A first send as Channel {name}, and what became of it:", "", *_first_send(settings, body)]
    return "\n".join(lines)


def _first_send(settings: Settings, channel: Body) -> list[str]:
    audience = {"addresses": [{"type": "APP", "addresses": ["a-registration-id"]}]}
    content = {"app": {"platform": "all", "notification": {"alert": "Hello from UMS"}}}
    send = {"query": _SEND, "variables": {"input": {"audience": audience, "body": {"content": content}}}}
    return [
        *_curl(settings, channel, send),
        "",
        *_curl(settings, channel, {"query": _FOLLOW, "variables": {"id": "1"}}),
    ]


def _curl(settings: Settings, channel: Body, body: dict[str, Any]) -> list[str]:
    return [
        f"curl -s -u {channel['key']}:{_password(settings, channel)} {settings.public_url}/graphql \\",
        f"  -H 'content-type: application/json' -d '{json.dumps(body)}'",
    ]


def _password(settings: Settings, channel: Body) -> str:
    """The throw-away value of sandbox mode; a real secret is named, never shown."""
    reference = SecretRef.of(channel["masterSecret"])
    if reference.env and settings.sandbox and reference.env not in os.environ:
        return settings.resolve(reference)
    if reference.env:
        return f'"${reference.env}"'
    return f'"$(cat {settings.path(reference.file)})"' if reference.file else '"<the Master Secret>"'


def missing_secrets(snapshot: Snapshot, settings: Settings) -> list[str]:
    """Whose secrets this process has not got, and what to set; a line each."""
    references = [
        ("Channel", name, "masterSecret", body["masterSecret"]) for name, body in snapshot.all("Channel").items()
    ]
    for name, body in snapshot.all("DeliveryChannel").items():
        references += [("DeliveryChannel", name, f"credentials.{key}", v) for key, v in body["credentials"].items()]
    lines = []
    for kind, name, path, reference in references:
        if isinstance(reference, Mapping) and reference.keys() in ({"env"}, {"file"}):
            try:
                settings.resolve(SecretRef.of(reference))
            except SecretMissing as missing:
                lines.append(f"{kind}/{name} {path}: {missing}")
    return lines
