"""A message sent again: what it said, to whom and how, as a request under the configuration of today."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ums.errors import CallerRefused
from ums.messaging.after.recall import unknown
from ums.messaging.engine import Engine
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.snapshot import Body, Snapshot, channel_type
from ums.vocabulary import Priority

Changes = Mapping[str, Any]
"""Fields of a SendRequest that shall be other than they were."""


async def forward(engine: Engine, channel: Body, message_id: int, changes: Changes, by: str = "") -> Message:
    """A new message with the old content; raises CallerRefused with every problem that was found.

    `by` is the Member who forwards it; empty: the Channel's own system.
    """
    old = await Message.get_or_none(id=message_id, channel=channel["name"], deleted_at=None)
    if old is None:
        raise CallerRefused([unknown(message_id)])
    request = changed(request_of(old, await engine.snapshots.at(old.revision)), {"send_at": None, **changes})
    return await send(engine, channel, request, by)


def changed(request: SendRequest, changes: Changes) -> SendRequest:
    """With another body, the DeliveryChannels follow that, and with another way, they follow the way."""
    if "content" in changes or "template" in changes:
        emptied: Changes = {"content": None, "made_from": "", "template": "", "variables": {}}
        changes = {"delivery_channels": None, **emptied, **changes}
    if changes.get("policy"):
        changes = {"delivery_channels": None, **changes}
    elif changes.get("delivery_channels") is not None:
        changes = {"policy": "", **changes}
    for chosen, other in (("blacklist", "whitelist"), ("whitelist", "blacklist")):
        if changes.get(chosen):
            changes = {other: "", **changes}
    return replace(request, **changes)


def request_of(message: Message, snapshot: Snapshot) -> SendRequest:
    """What would make the same message; `snapshot` is of the revision that it is pinned to."""
    return SendRequest(
        audience=_audience(message.audience, snapshot),
        content=message.content,
        made_from=message.template,
        policy=message.policy,
        delivery_channels=None if message.policy else message.steps[0]["send"],
        blacklist=message.audience.get("blacklist", ""),
        whitelist=message.audience.get("whitelist", ""),
        send_at=message.deferred_from or message.send_at,
        priority=Priority(message.priority),
        owner=message.owner,
        send_no=message.send_no,
        callback={"url": message.callback_url or None, "params": message.callback_params},
    )


def _audience(kept: Mapping[str, Any], snapshot: Snapshot) -> Mapping[str, Any]:
    """As a caller gives it: beside the DeliveryChannel of direct addresses, their type."""
    if "addresses" not in kept:
        return kept
    declared = snapshot.all("DeliveryChannel")
    return {
        "addresses": [
            {"type": channel_type(declared[group["deliveryChannel"]]).value, **group} for group in kept["addresses"]
        ]
    }
