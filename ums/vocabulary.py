"""The words of UMS, one per thing, from the YAML key to the table column to the GraphQL field."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC. Every time in UMS is such a number; it is passed in, never patched."""


PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
"""Where a template's content takes the value of a variable: `{{name}}`, spaces inside allowed."""


def system_clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class SandboxAddress:
    """Where the stand-ins of all providers listen: HTTP on one port, the others at fixed distances from it."""

    host: str
    port: int

    @classmethod
    def parse(cls, address: str) -> "SandboxAddress":
        """Of `host:port`."""
        host, _, port = address.rpartition(":")
        return cls(host or "127.0.0.1", int(port))

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def smtp_port(self) -> int:
        """Plain, with STARTTLS offered."""
        return self.port + 25

    @property
    def smtps_port(self) -> int:
        """TLS from the first byte."""
        return self.port + 65

    @property
    def cmpp_port(self) -> int:
        return self.port + 78


class ChannelType(Enum):
    """What kind of address a DeliveryChannel reaches; the value is the key used in YAML and in the API."""

    APP = "app"
    WECHAT_OA = "wechatOa"
    WECHAT_MP = "wechatMp"
    SMS = "sms"
    EMAIL = "email"
    ALIPAY_LIFE = "alipayLife"
    DINGTALK = "dingtalk"
    WECOM = "wecom"


class Priority(IntEnum):
    """A lane of its own for each; the numbers are those of the reference product's API."""

    HIGH = 1
    MEDIUM = 2
    LOW = 3


class State(IntEnum):
    """Where a delivery (or, as the best of its deliveries, a recipient) stands.

    The order is the rule: a state only ever gives way to a higher one, so a repeated or late report changes
    nothing, and a good outcome outranks the failure it disproves (undelivered, then delivered, is delivered).
    """

    PLANNED = 0
    LOST = 5
    """A recipient only: filtered out before anything was sent (no address, ...)."""
    UNKNOWN = 10
    """Submitted perhaps: the provider's answer never came."""
    INVALID = 20
    """The provider filtered the address out: a loss between planned and effective."""
    REFUSED = 30
    """The provider did not accept it: a loss between effective and sent."""
    RECALLED = 35
    """Its message was recalled before it was sent: a loss between effective and sent."""
    SUBMITTED = 40
    TAKEN_BACK = 45
    """It was sent, its message was recalled, and the provider took it back: a loss between sent and delivered.

    What was delivered stays DELIVERED, whether that is known before or after: it was there, and the numbers say so. A
    provider that takes back a push also takes it off the screens where nobody clicked it yet, and tells nobody which.
    """
    UNDELIVERED = 50
    """A receipt said so: a loss between sent and delivered."""
    DELIVERED = 60
    CLICKED = 70


class Proof(Enum):
    """What `delivered` is worth on a platform."""

    REAL = "real"
    """The device or the carrier said so, by a receipt."""
    ACCEPTED = "accepted"
    """A server took it; nobody knows more."""


class Reason(Enum):
    """Why a target was lost, in our words; the provider's own code and words are kept beside it."""

    UNKNOWN_USER = "unknown_user"
    NO_ADDRESS = "no_address"
    BLACKLISTED = "blacklisted"
    NOT_WHITELISTED = "not_whitelisted"
    FREQUENCY_CAPPED = "frequency_capped"
    """The person had as many messages as the Channel allows."""
    DUPLICATE = "duplicate"
    INVALID_ADDRESS = "invalid_address"
    UNSUBSCRIBED = "unsubscribed"
    CONTENT = "content"
    ACCOUNT = "account"
    TOO_LATE = "too_late"
    PROVIDER = "provider"
    UNREACHABLE = "unreachable"
    RECALLED = "recalled"
    UNKNOWN = "unknown"


class AppPlatform(Enum):
    """What runs on the device that an app notification went to."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"
    QUICKAPP = "quickapp"
    HMOS = "hmos"


class AppSender(Enum):
    """Who brought an app notification to the device: JPush itself, or the channel of a vendor."""

    JPUSH = "jpush"
    HUAWEI = "huawei"
    OPPO = "oppo"
    VIVO = "vivo"
    XIAOMI = "xiaomi"
    MEIZU = "meizu"
    FCM = "fcm"
    APNS = "apns"
    HONOR = "honor"
    ASUS = "asus"
    HMPNS = "hmpns"
    """HarmonyOS."""


class ObjectState(Enum):
    """Whether a template or a signature is still at its provider."""

    NORMAL = "normal"
    """It was there when the provider was last asked."""
    INVALID = "invalid"
    """The provider says that there is none (any more)."""
    UNKNOWN = "unknown"
    """The DeliveryChannel belongs to another account by now, and that has none of this id."""


class Review(Enum):
    """What a provider's reviewers say of a template or a signature."""

    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"


class MessageState(Enum):
    """Where a message as a whole stands."""

    WAITING = "waiting"
    """Accepted; its audience is not worked out yet (large, or its time has not come)."""
    AUDITING = "auditing"
    """An AuditRule caught it: nothing happens before the last level of reviewers has let it pass."""
    REJECTED = "rejected"
    """A reviewer said no; it can be changed and submitted again."""
    SENDING = "sending"
    DONE = "done"
    """Nothing is left to send and no policy step can come; receipts may still arrive."""
    FAILED = "failed"
    """Nobody was sent anything: when its time came it could not be sent any more; `failure` says why."""
    CANCELLED = "cancelled"
    """Scheduled or waiting for a review, and called off."""
    RECALLED = "recalled"
    """Called back: what was not sent yet never is, and providers were asked to take back what was."""


class ImportState(Enum):
    """Where an uploaded spreadsheet of people stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    """Every good row was imported."""
    REFUSED = "refused"
    """Nothing was imported: it was all rows or none, and some are wrong."""
    FAILED = "failed"
    """It could not be read to its end; `failure` says why, and what came before stays imported unless it was atomic."""


class RecurringState(Enum):
    """Where a recurring message stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    """Its last time, or the last of its number of times, is over."""
    CANCELLED = "cancelled"


class Missed(Enum):
    """What becomes of occurrences that nobody was there to send."""

    LATEST = "latest"
    """The latest of them is sent, late; the others are not."""
    SKIP = "skip"
    """None of them is."""


class OccurrenceOutcome(Enum):
    """What came of one time of a recurring message."""

    ACCEPTED = "accepted"
    """It is a message, like any other."""
    REFUSED = "refused"
    """It could not be sent under the configuration of that moment; its problems say why."""
    SKIPPED = "skipped"
    """It was missed."""


class Told(IntEnum):
    """What a developer can be told of a target; the numbers are those of the reference product's callbacks."""

    EFFECTIVE = 0
    INVALID = 1
    SUBMITTED = 2
    REFUSED = 3
    DELIVERED = 4
    UNDELIVERED = 5
    CLICKED = 6
    RECALLED = 7
    RECALL_FAILED = 8

    @property
    def status(self) -> str:
        """As a Channel's `callbacks.statuses` has it."""
        first, *rest = self.name.lower().split("_")
        return first + "".join(word.title() for word in rest)
