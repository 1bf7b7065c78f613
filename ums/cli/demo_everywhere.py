"""`ums demo --all-channels`: one template through a DeliveryChannel of each platform, and what came of it on each."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string, policy
from typing import Any

from rich.table import Table

from ums.cli.demo_account import heading, out
from ums.cli.demo_installation import Demo
from ums.platforms import PLATFORMS
from ums.vocabulary import Proof, State

CHANNEL = "notices"
HEADER = ("", "platform", "planned", "submitted", "delivered", "clicked", "proof")
PEOPLE = 20
COMPANY = "wwlinked00000001"
# A person's number ends each of his addresses, but for what stands behind the @ of an e-mail address. So whoever has
# a number that ends in 8 is refused everywhere, 9 is never reached, and 1 and 2 click.
SCRIPT: dict[str, Any] = {"refuse": ["8(@.*)?$"]}
REPORTS: dict[str, Any] = {
    "receipts": [
        {"match": "[12]$", "delivered": 1, "clicked": 1, "after": 0.5, "clickedAfter": 0.5},
        {"match": "9$", "delivered": 0, "after": 0.5},
        {"match": "", "delivered": 1, "after": 0.5},
    ]
}
CLICKS = re.compile(r"[12](@.*)?$")
TOKEN = re.compile(r"/c/([A-Za-z0-9_-]{26})")


@dataclass(frozen=True)
class Way:
    """A DeliveryChannel of the example."""

    code: str
    platform: str
    type: str
    """As AddressInput."""
    address: str
    """With the person's number in two digits."""
    bind: str = "all"
    authorized: bool = False
    """To a third-party platform: then an event tells what became of each message, also where it need not."""

    @property
    def proof(self) -> Proof:
        return Proof.REAL if self.authorized else PLATFORMS[self.platform].detects[State.DELIVERED]

    def expected(self) -> dict[str, int]:
        """The funnel that the script makes."""
        numbers = [n % 10 for n in range(1, PEOPLE + 1)]
        sent = sum(n != 8 for n in numbers)
        lost = sum(n == 9 for n in numbers) if self.proof is Proof.REAL else 0
        clicked = sum(n in {1, 2} for n in numbers) if State.CLICKED in PLATFORMS[self.platform].detects else 0
        return {"planned": PEOPLE, "effective": sent, "sent": sent, "delivered": sent - lost, "clicked": clicked}


WAYS = (
    Way("shopapp1", "jpush", "APP", "rid-{:02}", "shopapp1"),
    Way("houseapp", "jpush-private", "APP", "own-{:02}", "houseapp"),
    Way("shopoa", "wechatoa", "WECHAT_OA", "oa-openid-{:02}", "shopoa"),
    Way("shopmini", "wechatmp", "WECHAT_MP", "mini-openid-{:02}", "shopmini", authorized=True),
    Way("shopsms", "jsms", "SMS", "+86138000000{:02}"),
    Way("housesms", "cmpp", "SMS", "+86138000000{:02}"),
    Way("shopmail", "smtp", "EMAIL", "user{:02}@example.org"),
    Way("shoplife", "alipaylife", "ALIPAY_LIFE", "20881021224588{:02}", "shoplife"),
    Way("staffding", "dingtalk", "DINGTALK", "staff{:02}"),
    Way("staffwecom", "wecom", "WECOM", "staff{:02}"),
    Way("partnerwecom", "wecom-linked", "WECOM", COMPANY + "/partner{:02}", "linked"),
)


async def everywhere(demo: Demo) -> list[str]:
    """Where the numbers of UMS, or those that the providers counted, are not what the script makes them."""
    await demo.ready()
    for way in WAYS:
        await demo.plays(way.platform, SCRIPT | (REPORTS if way.proof is Proof.REAL else {}))

    heading("2. Who can be reached")
    await demo.knows(_people())

    heading(f"3. One template through {len(WAYS)} DeliveryChannels, one of each platform")
    variables = {"from": "2026-10-01", "until": "2026-10-07", "url": "https://shop.example/closed"}
    users = {"userIds": [f"u{n:02}" for n in range(1, PEOPLE + 1)]}
    body = {"template": {"name": "closed", "variables": variables}}
    codes = [way.code for way in WAYS]
    message = await demo.sends({"audience": {"users": users}, "body": body, "deliveryChannels": codes})
    await demo.funnels(message, {way.code: {"sent": way.expected()["sent"]} for way in WAYS})
    out.print(f"{await _clicked(demo)} links clicked; DingTalk is asked for its results half a minute after the send")

    funnels = await demo.funnels(message, {way.code: way.expected() for way in WAYS})
    _print(funnels)
    return [difference for way in WAYS for difference in await _differences(demo, way, funnels)]


def _people() -> Iterator[dict[str, Any]]:
    """UserInput of each."""
    for n in range(1, PEOPLE + 1):
        addresses = {(way.type, way.bind): way.address.format(n) for way in WAYS}
        given = [{"type": kind, "bind": bind, "values": [value]} for (kind, bind), value in addresses.items()]
        yield {"userId": f"u{n:02}", "set": {"addresses": given}}


async def _clicked(demo: Demo) -> int:
    """Everybody who clicks follows the links that reached him; how many those were."""
    followed = 0
    for way in WAYS:
        for accepted in (await demo.record(way.platform))["accepted"]:
            readers = [(address, text) for address, text in _read(accepted) if CLICKS.search(address)]
            for token in dict.fromkeys(token for _, text in readers for token in TOKEN.findall(text)):
                await demo.follows(token)
                followed += 1
    return followed


def _read(accepted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each address of what a stand-in accepted, and what was to be read there."""
    if "raw" in accepted:
        body = message_from_string(accepted["raw"], policy=policy.default).get_body(("html",))
        return zip(accepted["targets"], [str(body.get_content()) if body else ""], strict=True)
    texts = accepted.get("temp_paras") or [accepted] * len(accepted["targets"])  # JSMS says to each what is his own
    return zip(accepted["targets"], map(json.dumps, texts), strict=True)


def _print(funnels: dict[str, Any]) -> None:
    table = Table(*HEADER)
    for way in WAYS:
        funnel = funnels.get(way.code, {})
        numbers = (str(funnel.get(step)) for step in ("planned", "sent", "delivered", "clicked"))
        table.add_row(way.code, way.platform, *numbers, way.proof.value)
    out.print(table)
    for loss in funnels["losses"]:
        if loss["deliveryChannel"]:
            out.print(f"lost: {loss['number']} of {loss['deliveryChannel']}, {loss['stage']}: {loss['reason']}")


async def _differences(demo: Demo, way: Way, funnels: dict[str, Any]) -> list[str]:
    found, wanted = funnels.get(way.code, {}), way.expected()
    counted = (await demo.record(way.platform))["targets"]
    differences = []
    if found != wanted:
        differences.append(f"{way.code}: found {found}, the script makes it {wanted}")
    if counted != wanted["sent"]:
        differences.append(f"{way.platform}: the provider itself counted {counted} targets, expected {wanted['sent']}")
    return differences
