"""Why nothing at all was sent to somebody: in words, and where that was declared."""

from typing import NamedTuple

from ums.models import Message
from ums.vocabulary import Reason


class LeftOut(NamedTuple):
    words: str
    kind: str = ""
    """Of what was declared and decided it; empty: nothing declared did."""
    name: str = ""
    """Its identity."""
    path: str = "$"
    """Where in it, as a JSON path."""


def left_out(message: Message, reason: Reason) -> LeftOut:
    """Of somebody who is lost to the message for this reason."""
    channel, audience = message.channel, message.audience
    policy = ("SendPolicy", f"{channel}/{message.policy}") if message.policy else ("", "")
    black, white = audience.get("blacklist", ""), audience.get("whitelist", "")
    known = {
        Reason.UNKNOWN_USER: LeftOut("nobody had this userId"),
        Reason.NO_ADDRESS: LeftOut("there was no address on any of its DeliveryChannels", *policy),
        Reason.BLACKLISTED: LeftOut(f"is a member of Blacklist {black}", "Blacklist", f"{channel}/{black}"),
        Reason.NOT_WHITELISTED: LeftOut(f"is no member of Whitelist {white}", "Whitelist", f"{channel}/{white}"),
        Reason.DUPLICATE: LeftOut("the address was given before in the same send"),
        Reason.FREQUENCY_CAPPED: LeftOut(
            f"had as many messages as Channel {channel} allows", "Channel", channel, "$.frequencyCaps"
        ),
        Reason.RECALLED: LeftOut("the message was recalled before any step got so far"),
        Reason.TOO_LATE: LeftOut("the deadline was over before any step got so far", *policy, path="$.deadline"),
    }  # fmt: skip
    found = known.get(reason, LeftOut(reason.value.replace("_", " ")))
    return found._replace(words=f"nothing was sent: {found.words}")
