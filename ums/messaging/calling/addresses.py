"""Callback addresses of a Channel: which there are, and which have shown that they are who the Channel means."""

from dataclasses import dataclass

from ums.database import connection, execute, fetch
from ums.snapshot import Body


@dataclass(frozen=True)
class CallbackAddress:
    url: str
    declared: bool
    """False: it was once; nobody is told anything there any more."""
    default: bool
    """Called by sends that choose none."""
    validated_at: int | None
    """When it sent back an `echostr` for the first time, in ms; None: nothing is posted there before it does."""


async def callback_addresses(channel: Body) -> list[CallbackAddress]:
    """Those declared, in their order, and then those that were called before and are declared no more."""
    found = await fetch(connection(), _ADDRESSES, channel["name"])
    validated = {row["url"]: row["validated_at"] for row in found}
    declared = {one["url"]: one["default"] for one in (channel.get("callbacks") or {}).get("addresses", ())}
    return [
        CallbackAddress(url, url in declared, declared.get(url, False), validated.get(url))
        for url in dict.fromkeys([*declared, *validated])
    ]


async def validated(channel: Body, url: str, now: int) -> None:
    """Remember that this address sent back its `echostr`; one that the Channel does not declare is not remembered."""
    if url in {one["url"] for one in (channel.get("callbacks") or {}).get("addresses", ())}:
        await execute(connection(), _VALIDATED, channel["name"], url, now)


_ADDRESSES = "SELECT url, validated_at FROM callback_address WHERE channel = $1 ORDER BY id"

_VALIDATED = """
INSERT INTO callback_address (channel, url, validated_at) VALUES ($1, $2, CAST($3 AS bigint))
ON CONFLICT (channel, url)
DO UPDATE SET validated_at = coalesce(callback_address.validated_at, excluded.validated_at)"""
