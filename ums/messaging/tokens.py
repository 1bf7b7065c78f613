"""The tokens of a DeliveryChannel, shared by every worker through the database, and fetched by one of them at a time.

Whoever finds none that is good takes a lease and fetches one; the others look again until it is there. A lease that
its holder does not give back runs out, so a killed worker stops nobody for long.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ums.database import connection, execute, fetch, rows, transaction
from ums.errors import ProviderBusy, ProviderRefused, SecretMissing
from ums.providers.media import PREFIX
from ums.providers.tokens import Token, Tokens, renewed_after
from ums.settings import Settings, seal, unseal
from ums.vocabulary import Clock

LEASE = 30_000
"""ms in which a token must be there; a fetch that takes longer is given up."""
PATIENCE = 40_000
"""ms for which a caller waits for the token that somebody else fetches."""
_LOOK = 0.1
"""Seconds between two looks of whoever waits."""

Fetch = Callable[[], Awaitable[Token]]


@dataclass(frozen=True)
class _Row:
    """A token as the database has it; without one `ciphertext` and `value` are empty."""

    ciphertext: str = ""
    expires_at: int = 0
    lease_until: int = 0
    value: str = ""
    ends_at: int = 0
    refresh: str = ""


class _Kept(NamedTuple):
    """A token that is good."""

    value: str
    until: int
    """When to fetch another, ms: a while before `ends_at`."""
    ends_at: int


class SharedTokens(Tokens):
    """Those of one DeliveryChannel's account, encrypted; what was read stays in this process until it ends or fails."""

    def __init__(
        self, settings: Settings, clock: Clock, owner: str, credentials: Mapping[str, Any], *, code: str = ""
    ) -> None:
        """`credentials` with their secrets resolved: a token that others got with different ones is of no use here.

        `owner` is the DeliveryChannel; where several share an account, that, and `code` is the DeliveryChannel.
        """
        self._settings = settings
        self._clock = clock
        self._owner = owner
        self._code = code or owner
        self._account = hashlib.sha256(orjson.dumps(dict(credentials), option=orjson.OPT_SORT_KEYS)).hexdigest()
        self._kept: dict[str, _Kept] = {}

    async def get(self, name: str, fetch: Fetch, spoiled: str = "") -> str:
        """See `Tokens.get`; what `fetch` raises goes to the caller for whom it ran.

        Raises ProviderBusy when it takes too long, ProviderRefused when it could not be kept for want of a secret key.
        """
        return (await self._good(name, fetch, spoiled)).value

    async def lend(self, name: str, fetch: Fetch) -> Token:
        good = await self._good(name, fetch, "")
        return Token(good.value, max(0, good.ends_at - self._clock()) / 1000)

    async def known(self, name: str) -> Token:
        row = await self._look(name)
        left = (row.ends_at - self._clock()) / 1000
        return Token(row.value if left > 0 else "", left, row.refresh)

    async def put(self, name: str, token: Token) -> None:
        """See `Tokens.put`; whoever is fetching one at this moment has lost his lease."""
        kept = self._until(token)
        await execute(connection(), _PUT, self._owner, name, self._sealed(token, kept.ends_at), kept.until)
        self._kept.pop(name, None)

    def _until(self, token: Token) -> _Kept:
        now = self._clock()
        return _Kept(token.value, now + int(1000 * renewed_after(token.lives)), now + int(1000 * token.lives))

    async def _good(self, name: str, fetch: Fetch, spoiled: str) -> _Kept:
        kept = self._kept.get(name)
        if kept and kept.value != spoiled and self._clock() < kept.until:
            return kept
        patient_until = self._clock() + PATIENCE
        while self._clock() < patient_until:
            row = await self._look(name)
            if row.value and row.value != spoiled and self._clock() < row.expires_at:
                self._kept[name] = _Kept(row.value, row.expires_at, row.ends_at)
                return self._kept[name]
            if row.lease_until > self._clock():
                await asyncio.sleep(_LOOK)
            elif fetched := await self._renew(name, row, fetch):
                return fetched
        raise ProviderBusy("token", f"DeliveryChannel {self._code}: others fetch its {name}, and it does not come")

    async def _look(self, name: str) -> _Row:
        found = await fetch(connection(), _LOOK_UP, self._owner, name)
        row = _Row(**found[0]) if found else _Row()
        opened = self._opened(row.ciphertext) if row.ciphertext else ()
        return _Row(row.ciphertext, row.expires_at, row.lease_until, *opened)

    async def _renew(self, name: str, seen: _Row, fetch_one: Fetch) -> _Kept | None:
        """A new token, kept for all; None when somebody else was faster since the row was `seen`."""
        self._sealed(Token("", 0), 0)  # fails here rather than with a token in hand that cannot be kept
        mine, now = uuid.uuid4().hex, self._clock()
        if not await fetch(connection(), _CLAIM, self._owner, name, seen.ciphertext, now, now + LEASE, mine):
            return None
        try:
            return await self._keep(name, mine, await self._fetched(name, fetch_one))
        except BaseException:
            await execute(connection(), _GIVE_BACK, self._owner, name, mine)
            raise

    async def _fetched(self, name: str, fetch_one: Fetch) -> Token:
        try:
            async with asyncio.timeout(LEASE / 1000) as limit:
                return await fetch_one()
        except TimeoutError as error:
            if not limit.expired():
                raise
            message = f"DeliveryChannel {self._code}: the platform did not give out its {name} in time"
            raise ProviderBusy("token", message) from error

    async def _keep(self, name: str, mine: str, token: Token) -> _Kept | None:
        """The token, once it is written down; None when the lease ran out, for the successor's voids this one."""
        kept = self._until(token)
        ciphertext = self._sealed(token, kept.ends_at)
        if not await execute(connection(), _KEEP, self._owner, name, mine, ciphertext, kept.until):
            return None
        self._kept[name] = kept
        return kept

    def _sealed(self, token: Token, ends_at: int) -> str:
        """All in one text: a refresh token never stands beside another token than its own."""
        try:
            return seal(self._settings, orjson.dumps([self._account, token.value, ends_at, token.refresh]).decode())
        except SecretMissing as missing:
            raise ProviderRefused("secret_missing", f"DeliveryChannel {self._code}: {missing}") from missing

    def _opened(self, ciphertext: str) -> tuple[str, int, str]:
        """The token in it, its end and what refreshes it; empty when no key opens it or it is another account's."""
        try:
            account, value, ends_at, refresh = orjson.loads(unseal(self._settings, ciphertext))
        except (SecretMissing, ValueError):
            return "", 0, ""
        return (value, ends_at, refresh) if account == self._account else ("", 0, "")


async def forget_media(now: int, most: int) -> int:
    """Remove some ids of files that no message uses any more; how many. Whoever needs the file uploads it anew.

    Every other token is one of a few for ever, and its row is where the next one goes.
    """
    async with transaction() as tx:
        over = await fetch(tx, _OVER, now, f"{PREFIX}%", most)
        return await execute(tx, _FORGET, rows([row["id"]] for row in over)) if over else 0


_LOOK_UP = "SELECT ciphertext, expires_at, lease_until FROM provider_token WHERE delivery_channel = $1 AND name = $2"

# Who saw another token than the one that is there now looks again.
_CLAIM = """
INSERT INTO provider_token (delivery_channel, name, ciphertext, expires_at, lease_until, lease_token)
VALUES ($1, $2, '', 0, $5, $6)
ON CONFLICT (delivery_channel, name) DO UPDATE SET lease_until = $5, lease_token = $6
WHERE provider_token.lease_until <= $4 AND provider_token.ciphertext = $3
RETURNING id"""

_KEEP = """
UPDATE provider_token SET ciphertext = $4, expires_at = $5, lease_until = 0, lease_token = ''
WHERE delivery_channel = $1 AND name = $2 AND lease_token = $3"""

_PUT = """
INSERT INTO provider_token (delivery_channel, name, ciphertext, expires_at, lease_until, lease_token)
VALUES ($1, $2, $3, $4, 0, '')
ON CONFLICT (delivery_channel, name) DO UPDATE
SET ciphertext = $3, expires_at = $4, lease_until = 0, lease_token = ''"""

_GIVE_BACK = """
UPDATE provider_token SET lease_until = 0, lease_token = ''
WHERE delivery_channel = $1 AND name = $2 AND lease_token = $3"""

# Not while somebody uploads it.
_OVER = """
SELECT id FROM provider_token WHERE name LIKE $2 AND expires_at <= $1 AND lease_until <= $1
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED"""

_FORGET = "DELETE FROM provider_token WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"
