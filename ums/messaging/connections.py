"""The providers of one process: one per DeliveryChannel, made when first needed, and anew when it is changed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from ums.errors import ProviderRefused, SecretMissing
from ums.messaging.pace import SharedPace
from ums.messaging.tokens import SharedTokens
from ums.providers import providers
from ums.providers.contract import Account, Provider
from ums.settings import SecretRef, Settings
from ums.snapshot import Body, Snapshot
from ums.vocabulary import Clock, SandboxAddress

_REFERENCES = ({"env"}, {"file"})


class Connections:
    """Gives the provider of a DeliveryChannel, with its secrets resolved in this process."""

    def __init__(self, settings: Settings, clock: Clock, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._clock = clock
        self._session = session
        self._open: dict[str, tuple[Body, Provider]] = {}

    async def get(self, snapshot: Snapshot, code: str) -> Provider:
        """The provider of the DeliveryChannel `code`; raises ProviderRefused when it cannot be had."""
        declared = snapshot.delivery_channel(code)
        if declared is None:
            raise ProviderRefused("not_declared", f"DeliveryChannel {code} is not declared any more")
        if declared["platform"] not in providers():
            platform = declared["platform"]
            raise ProviderRefused("no_provider", f"DeliveryChannel {code}: this version has no provider for {platform}")
        known = self._open.get(code)
        if known and known[0] == declared:
            return known[1]
        made = providers()[declared["platform"]](self._account(code, declared), self._session)
        self._open[code] = (declared, made)
        if known:
            await known[1].close()
        return made

    async def drop(self, code: str) -> None:
        """Close the provider of a DeliveryChannel; the next who needs it gets a new one."""
        if known := self._open.pop(code, None):
            await known[1].close()

    def _account(self, code: str, declared: Body) -> Account:
        sandbox = SandboxAddress.parse(self._settings.sandbox) if self._settings.sandbox else None
        try:
            credentials = {name: self._value(name, value) for name, value in declared["credentials"].items()}
        except SecretMissing as missing:
            raise ProviderRefused("secret_missing", f"DeliveryChannel {code}: {missing}") from missing
        own = SharedTokens(self._settings, self._clock, code, credentials)
        others = partial(SharedTokens, self._settings, self._clock, code=code)
        return Account(code, credentials, sandbox, own, others, SharedPace(self._clock))

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, Mapping) and set(value) in _REFERENCES:
            return self._settings.resolve(SecretRef.of(value))
        if isinstance(value, Mapping):
            return {inner: self._value(inner, each) for inner, each in value.items()}
        return str(self._settings.path(value)) if name == "caFile" else value

    async def close(self) -> None:
        for _, provider in self._open.values():
            await provider.close()


@asynccontextmanager
async def connected(settings: Settings, clock: Clock) -> AsyncIterator[Connections]:
    """Connections of this event loop, closed at the end."""
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        connections = Connections(settings, clock, session)
        try:
            yield connections
        finally:
            await connections.close()
