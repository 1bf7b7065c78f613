"""The provider behind a DeliveryChannel, for what is no message."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ums.errors import ProviderBusy
from ums.messaging.connections import Connections, connected
from ums.models import DeliveryChannelStatus, Resource
from ums.providers.contract import Provider
from ums.settings import Settings
from ums.snapshot import Snapshot
from ums.vocabulary import Clock


async def reached(connections: Connections, snapshot: Snapshot, code: str, now: int) -> Provider:
    """The provider of this DeliveryChannel; raises ProviderRefused, or ProviderBusy while it wants no call."""
    status = await DeliveryChannelStatus.get_or_none(delivery_channel=code)
    if status and status.closed_until > now:
        seconds = (status.closed_until - now) / 1000
        words = f"DeliveryChannel {code} makes no call for another {seconds:.0f} s: {status.words}".rstrip(": ")
        raise ProviderBusy(status.code or "closed", words, retry_after=seconds)
    return await connections.get(snapshot, code)


@asynccontextmanager
async def account(settings: Settings, clock: Clock, code: str) -> AsyncIterator[Provider]:
    """`reached` for who has no connections at hand: a command, or an effect of one."""
    declared = {row.name: row.body for row in await Resource.filter(kind="DeliveryChannel", name=code)}
    async with connected(settings, clock) as connections:
        yield await reached(connections, Snapshot(bodies={"DeliveryChannel": declared}), code, clock())


def identity(provider: Provider) -> str:
    """What tells its account from another one, whatever the secret: SHA-256 of the account's public name, hex."""
    credentials = provider.account.credentials
    return hashlib.sha256(str(credentials.get("appKey") or credentials.get("appId") or "").encode()).hexdigest()
