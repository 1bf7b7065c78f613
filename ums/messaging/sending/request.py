"""What a caller asks to have sent, and what his Channel says where he does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ums.snapshot import Body
from ums.vocabulary import Priority


@dataclass(frozen=True)
class SendRequest:
    """What a caller asks for; `audience` is `{"broadcast": True}`, `{"users": {...}}` or `{"addresses": [...]}`."""

    audience: Mapping[str, Any]
    content: Mapping[str, Any] | None = None
    """`{channel type: content}`; or else `template` and `variables`."""
    made_from: str = ""
    """The Template that `content` was made from, when an earlier message is sent again."""
    template: str = ""
    variables: Any = field(default_factory=dict)
    policy: str | None = None
    """A SendPolicy's name, empty for everything at once; None: what the Channel's `defaults` say."""
    blacklist: str = ""
    whitelist: str = ""
    delivery_channels: Sequence[str] | None = None
    send_at: int | None = None
    priority: Priority | None = None
    """None: what the Channel's `defaults` say."""
    idempotency_key: str | None = None
    owner: str = ""
    send_no: str = ""
    callback: Mapping[str, Any] | None = None
    """`{"url": ..., "params": ...}`; without a URL the Channel's default address is called."""

    def policy_of(self, channel: Body) -> str:
        """The policy that it takes; the default is for users, and for who names no DeliveryChannels himself."""
        if self.policy is not None:
            return self.policy
        another_way = self.delivery_channels is not None or self.audience.get("addresses") is not None
        default: str = channel.get("defaults", {}).get("policy", "")
        return "" if another_way else default

    def priority_of(self, channel: Body) -> Priority:
        default: str = channel.get("defaults", {}).get("priority", Priority.MEDIUM.name)
        return self.priority or Priority[default.upper()]
