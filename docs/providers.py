"""Writes docs/providers.md from the providers: python docs/providers.py > docs/providers.md"""

import sys
from collections.abc import Iterator, Sequence

from ums.doors.receipts import DOORS
from ums.platforms import PLATFORMS, Platform
from ums.providers import providers
from ums.providers.contract import Provider
from ums.vocabulary import Proof, State

INTRODUCTION = """# What each platform can do

Written from the providers' code by `python docs/providers.py`; a test compares the two. What a DeliveryChannel's
credentials hold, and what a message may say, is in [configuration.md](configuration.md); where the stand-ins are, in
[sandbox.md](sandbox.md). `ums demo --all-channels` sends one template through all of them.
"""

SENDING = """## Sending

*In a call*: how many people one call to the provider reaches. *Repeated*: what a call is worth whose answer was lost.
Where the provider knows an idempotency key, or a check for duplicates that UMS uses as one, it is made again with the
same; elsewhere its outcome is `unknown`, and nobody gets a message twice. *Tokens* that the platform gives out for a
while are shared by all workers, fetched by one at a time, and can be lent to other systems by `GET /v1/token`.
"""

TELLING = """## What comes back

`real`: the device, the carrier or the platform said that it arrived. `accepted`: a server took it, and nobody knows
more. Clicks of apps are the device's own reports; all others are links through UMS, which `clickLinks` of a
DeliveryChannel puts in the place of those in the message: by itself where each person gets words of his own anyway;
elsewhere only when it says `true`, and then each person is a call of his own. *Recall* takes back what the provider has
already got; what UMS has not yet sent is stopped on every platform.
"""

KEEPING = """## What it keeps

*Synced*: of which kinds the platform says what it has, for `syncProviderTemplates` and import by id. *Made*: whether
an apply has the platform make, change and delete what the documents declare; elsewhere they name what was made there.
"""

LIMITS = """## Limits

What the platform allows and what UMS does about it. `limits` of a DeliveryChannel (`perSecond`, `concurrency`) slows it
down further; all workers together keep to that, and pause when the provider says that it is busy.
"""

PROOFS = {Proof.REAL: "real", Proof.ACCEPTED: "accepted"}


def page() -> Iterator[str]:
    rows = [(name, PLATFORMS[name], providers()[name]) for name in PLATFORMS if name in providers()]
    yield INTRODUCTION
    yield SENDING
    yield from _table("platform | channel type | in a call | repeated | files | tokens", map(_sending, rows))
    yield TELLING
    yield from _table("platform | delivered | receipts | clicked | click links | recall", map(_telling, rows))
    yield KEEPING
    yield from _table("platform | synced | made", map(_keeping, rows))
    yield LIMITS
    yield from _table("platform | limits", ((f"`{name}`", provider.limits) for name, _, provider in rows))


Row = tuple[str, Platform, type[Provider]]


def _sending(row: Row) -> Sequence[str]:
    name, platform, provider = row
    return (
        f"`{name}`",
        f"`{platform.type.value}`",
        f"{provider.batch_limit:,}",
        "with the same key" if _has(provider, "request_key") else "no: `unknown`",
        "yes" if provider.attaches else "no",
        "shared" if _has(provider, "lend") else "none",
    )


def _telling(row: Row) -> Sequence[str]:
    name, platform, provider = row
    return (
        f"`{name}`",
        PROOFS[provider.detects[State.DELIVERED]],
        _receipts(platform, provider),
        _clicked(platform),
        _links(platform, provider),
        "yes" if provider.recalls else "no",
    )


def _keeping(row: Row) -> Sequence[str]:
    name, _, provider = row
    synced = ", ".join(f"`{kind}`" for kind in provider.keeps) or "-"
    return f"`{name}`", synced, "yes" if provider.makes else "no"


def _receipts(platform: Platform, provider: type[Provider]) -> str:
    """How it tells."""
    door = next((f"posted to `/v1/{name}/callback`" for name, kind in DOORS.items() if kind is platform.type), "")
    door += ", where replies go too" if _has(provider, "replies") else ""
    ways = [door] if provider.posts else []
    if _has(provider, "collect"):
        ways.append(_COLLECTED[provider.platform])
    if provider.asked_after:
        ways.append("asked for " + ", ".join(map(_pause, provider.asked_after)) + " after a call")
    return "; ".join(ways) or "the answer itself"


_COLLECTED = {
    "jsms": "fetched, with `receipts: poll`",
    "cmpp": "brought by its connections",
    "smtp": "the answer itself; bounces from a mailbox, with `bounces`",
}


def _pause(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _clicked(platform: Platform) -> str:
    if State.CLICKED not in platform.detects:
        return "never"
    return f"with {platform.clicks_need}" if platform.clicks_need else "yes"


def _links(platform: Platform, provider: type[Provider]) -> str:
    if State.CLICKED not in platform.detects or State.CLICKED in provider.detects:
        return "-"
    return "by itself" if provider.personal else "`clickLinks: true`"


def _has(provider: type[Provider], method: str) -> bool:
    return getattr(provider, method) is not getattr(Provider, method)


def _table(head: str, rows: "Iterator[Sequence[str]] | map[Sequence[str]]") -> Iterator[str]:
    yield f"| {head} |\n|{'---|' * len(head.split('|'))}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()).rstrip() + "\n")
