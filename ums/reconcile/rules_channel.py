"""What a schema cannot say about a Channel."""

from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from ums.reconcile.rules import Bodies, Body, Breach
from ums.schemas import did_you_mean


def granted_once(channel: Body, _: Bodies) -> Iterator[Breach]:
    seen: set[str] = set()
    for number, grant in enumerate(channel["deliveryChannels"]):
        if grant["name"] in seen:
            yield ("deliveryChannels", number, "name"), f"{grant['name']} is granted twice; remove one"
        seen.add(grant["name"])


def time_zone_known(channel: Body, _: Bodies) -> Iterator[Breach]:
    if not _is_zone(channel["timeZone"]):
        near = did_you_mean(channel["timeZone"], available_timezones())
        yield ("timeZone",), f"unknown time zone {channel['timeZone']!r}{near or '; name one as in Asia/Shanghai'}"


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a folder, or a path out of the database of zones
        return False
    return True


def periods_last(channel: Body, _: Bodies) -> Iterator[Breach]:
    for number, period in enumerate(channel.get("doNotDisturb", {}).get("periods", ())):
        if period["from"] == period["to"]:
            place = ("doNotDisturb", "periods", number)
            yield place, f"from and to are both {period['from']}; a whole day is from 00:00 to 12:00 and 12:00 to 00:00"


def caps_remembered(channel: Body, _: Bodies) -> Iterator[Breach]:
    """A cap counts messages, and messages are forgotten after a while."""
    kept = channel["retentionDays"]
    for number, cap in enumerate(channel.get("frequencyCaps", ())):
        if cap["within"] > kept * _DAY:
            message = f"messages are kept for {kept} days (retentionDays), and what is forgotten cannot be counted"
            yield ("frequencyCaps", number, "within"), f"{message}; keep them longer, or count a shorter time"


_DAY = 86_400


def one_default_address(channel: Body, _: Bodies) -> Iterator[Breach]:
    seen: set[str] = set()
    default = ""
    for number, address in enumerate(channel.get("callbacks", {}).get("addresses", ())):
        place = ("callbacks", "addresses", number)
        if address["url"] in seen:
            yield place, f"{address['url']} stands here twice; remove one"
        if address["default"] and default:
            yield (*place, "default"), f"{default} is the default already; there is exactly one"
        default = default or (address["url"] if address["default"] else "")
        seen.add(address["url"])
