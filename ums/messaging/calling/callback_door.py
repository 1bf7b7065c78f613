"""The way out to developers' URLs: nowhere but to public addresses, not for long, and not for much."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ums.messaging.way_out import Allowed, opened_way_out
from ums.settings import Settings

SECONDS = 10.0
"""For a call, all in all."""

MOST_BYTES = 2_000
"""Of an answer that are read."""

SIGNATURE = "X-UMS-Signature"


@dataclass(frozen=True)
class Identity:
    """Who calls; its `repr` shows no secret."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return f"Identity({self.key!r})"

    @property
    def basic(self) -> Mapping[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(self.key, self.secret)}

    def signed(self, body: bytes, at: int) -> Mapping[str, str]:
        """`t=<epoch seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the Master Secret>`"""
        mac = hmac.new(self.secret.encode(), b"%d." % (at // 1000) + body, hashlib.sha256).hexdigest()
        return {SIGNATURE: f"t={at // 1000},v1={mac}"}


class Door:
    """Calls URLs, and says what went wrong, in words without any secret."""

    def __init__(self, session: aiohttp.ClientSession, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Empty when the receiver answered 200, else why it counts as not told."""
        headers = {"Content-Type": "application/json", **headers}
        status, said = await self._called("POST", url, headers=headers, data=body)
        return "" if status == 200 else said

    async def echo(self, url: str, identity: Identity) -> str:
        """Whether the receiver is who the Channel thinks: empty when it sends back the `echostr` that it is given."""
        given = secrets.token_urlsafe(24)
        status, said = await self._called("GET", url, headers=identity.basic, params={"echostr": given})
        if status == 200 and said == given:
            return ""
        return f"expected the echostr as the answer, found {said[:80]!r}" if status == 200 else said

    async def _called(self, method: str, url: str, **options: Any) -> tuple[int, str]:
        """The status and the answer; 0 and why when there is none, and other than 200 and why."""
        try:
            if urlsplit(url).scheme not in {"http", "https"}:
                return 0, "not a http:// or https:// URL"
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                said = (await response.content.read(MOST_BYTES)).decode(errors="replace")
                response.close()  # whatever else it has to say
                return response.status, said if response.status == 200 else f"HTTP {response.status}"
        except TimeoutError:
            return 0, f"no answer within {self._seconds:g} seconds"
        except aiohttp.ClientConnectorError as error:
            return 0, str(error.os_error) or "no connection"
        except (aiohttp.ClientError, ValueError) as error:
            return 0, f"{type(error).__name__}: no answer in HTTP"


@asynccontextmanager
async def opened_door(settings: Settings, seconds: float = SECONDS) -> AsyncIterator[Door]:
    """The door of this event loop."""
    allowed = Allowed(settings.private_callbacks, "callbacks.allowPrivate")
    async with opened_way_out(allowed, seconds) as session:
        yield Door(session, seconds)
