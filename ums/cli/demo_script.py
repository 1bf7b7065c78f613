"""The demo's script: a thousand people, how the providers treat them, and what must come of it by arithmetic."""

from collections.abc import Iterator
from typing import Any

PEOPLE = 1000
TAG = "vip"

# Everything depends on the number of the person, hence on the last digit of the address.
SCRIPTS: dict[str, dict[str, Any]] = {
    "jpush": {
        "receipts": [
            {"match": "[01]$", "delivered": 1, "clicked": 1, "after": 0.5, "clickedAfter": 0.5},
            {"match": "[2356]$", "delivered": 1, "after": 0.5},
            # 7, 8 and 9: no receipt ever comes.
        ]
    },
    "jsms": {
        "receipts": [{"match": "[0-8]$", "delivered": 1, "after": 0.5}, {"match": "", "delivered": 0, "after": 0.5}]
    },
}


def has_app(n: int) -> bool:
    return n % 10 != 4


def has_phone(n: int) -> bool:
    return n % 20 != 4


def is_tagged(n: int) -> bool:
    return n % 3 == 0


def app_is_delivered(n: int) -> bool:
    return has_app(n) and n % 10 < 7


def needs_sms(n: int) -> bool:
    """The app was silent, or there is none."""
    return has_phone(n) and not app_is_delivered(n)


def sms_is_delivered(n: int) -> bool:
    return needs_sms(n) and n % 10 != 9


def people() -> Iterator[dict[str, Any]]:
    """UserInput of each person."""
    for n in range(1, PEOPLE + 1):
        addresses = [{"type": "EMAIL", "values": [f"user{n:04}@example.org"]}]
        if has_app(n):
            addresses.append({"type": "APP", "bind": "shopapp1", "values": [f"rid-{n:04}"]})
        if has_phone(n):
            addresses.append({"type": "SMS", "values": [f"+861380000{n:04}"]})
        tags = [{"tags": [TAG]}] if is_tagged(n) else []
        yield {"userId": f"u{n:04}", "set": {"addresses": addresses, "tags": tags}}


def expected() -> dict[str, dict[str, int]]:
    """The funnels that the message to the tag must have, of `users` and of each DeliveryChannel."""
    tagged = [n for n in range(1, PEOPLE + 1) if is_tagged(n)]
    reached = [n for n in tagged if has_app(n) or has_phone(n)]
    app, sms = [n for n in tagged if has_app(n)], [n for n in tagged if needs_sms(n)]
    delivered = [n for n in tagged if app_is_delivered(n) or sms_is_delivered(n)]
    clicked = sum(n % 10 in {0, 1} for n in app)
    return {
        "users": _funnel(len(tagged), len(reached), len(delivered), clicked),
        "shopapp1": _funnel(len(app), len(app), sum(map(app_is_delivered, app)), clicked),
        "shopsms": _funnel(len(sms), len(sms), sum(map(sms_is_delivered, sms)), 0),
    }


def _funnel(planned: int, sent: int, delivered: int, clicked: int) -> dict[str, int]:
    return {"planned": planned, "effective": sent, "sent": sent, "delivered": delivered, "clicked": clicked}
