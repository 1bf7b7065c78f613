"""The HTTP exchange with a provider, written once: who must act when something goes wrong on the way.

    could not connect                          ProviderBusy: nothing was sent
    certificate or URL wrong, a redirect       ProviderRefused: the operator must act
    429, 503                                   ProviderBusy, with the seconds that the provider asked for
    sent, then a time-out or a lost connection OutcomeUnknown
    a 2xx whose body is not a JSON object      OutcomeUnknown

Every other answer is a `Reply`; what it means is the provider's own table.
"""

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
import orjson

from ums.errors import OutcomeUnknown, ProviderBusy, ProviderRefused

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=15, sock_read=45)
_FORM = "application/x-www-form-urlencoded"
EXCERPT = 300
"""Characters of a body that are worth showing in an error."""


overheard: ContextVar[list[str] | None] = ContextVar("overheard", default=None)
"""Where each request is noted, by whoever wants to know: without query, headers and bodies, hence without a secret."""


@dataclass(frozen=True)
class Reply:
    """What the provider answered, read whole; header names match in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def answer(self) -> dict[str, Any]:
        """The JSON object in the body; an empty one when a refusal carries none.

        Raises OutcomeUnknown when a success carries none: the provider may have accepted the request or not.
        """
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            parsed = None
        if isinstance(parsed, dict):
            return parsed
        if self.status < 300:
            raise OutcomeUnknown(f"HTTP {self.status} without a JSON object: {self.excerpt}")
        return {}

    @property
    def excerpt(self) -> str:
        return self.body.decode(errors="replace")[:EXCERPT]


class File(Protocol):
    """Something to upload."""

    @property
    def name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


class Exchange:
    """One account's HTTP interface at a provider: `base` is scheme and host, a path prefix may follow.

    What stands in a query (a token, at many providers) appears in no error.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str, authorization: str = "") -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}

    async def get(self, path: str) -> Reply:
        return await self._request("GET", path, None)

    async def post(self, path: str, body: object) -> Reply:
        """Post `body` as JSON."""
        return await self._request("POST", path, orjson.dumps(body))

    async def put(self, path: str, body: object) -> Reply:
        """Put `body` as JSON."""
        return await self._request("PUT", path, orjson.dumps(body))

    async def delete(self, path: str) -> Reply:
        return await self._request("DELETE", path, None)

    async def post_form(self, path: str, fields: Mapping[str, str]) -> Reply:
        """Post a form, in UTF-8."""
        return await self._request("POST", path, urlencode(fields).encode(), f"{_FORM};charset=utf-8")

    async def post_file(self, path: str, field: str, file: File) -> Reply:
        """Post a form with one file in it."""
        boundary = token_hex(16)
        name = re.sub(r'[\x00-\x1f"\\]', "_", file.name)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        head += f"Content-Type: {file.content_type}\r\n\r\n"
        body = b"%s%s\r\n--%s--\r\n" % (head.encode(), file.content, boundary.encode())
        return await self._request("POST", path, body, f"multipart/form-data; boundary={boundary}")

    async def _request(self, method: str, path: str, body: bytes | None, kind: str = "application/json") -> Reply:
        with _noted(f"{method} {self._base}{path.partition('?')[0]}, {len(body or b'')} bytes") as note:
            reply = await self._answered(method, path, body, kind)
            note(f"HTTP {reply.status}, {len(reply.body)} bytes")
        return _readable(reply)

    async def _answered(self, method: str, path: str, body: bytes | None, kind: str) -> Reply:
        try:
            return await self._exchanged(method, self._base + path, body, self._headers | {"Content-Type": kind})
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise ProviderRefused("tls", f"{self._base}: {error}") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise ProviderRefused("url", f"not a URL: {self._base}: check the base URL") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ProviderBusy("no_connection", f"{self._base}: {error}") from error
        except aiohttp.ClientResponseError as error:  # it shows the whole URL
            said = f"{error.status} {error.message}"
            raise OutcomeUnknown(f"{self._base}{path.partition('?')[0]}: not HTTP: {said}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(
                f"{self._base}{path.partition('?')[0]}: {type(error).__name__} {error}".rstrip()
            ) from error

    async def _exchanged(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        # A redirect would repeat the request, and its secret, at a place that nobody configured.
        async with self._session.request(
            method, url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())


@contextmanager
def _noted(request: str) -> Iterator[Callable[[str], None]]:
    """Notes the request, what came of it as it is told, and how long that took."""
    came, begun = ["no answer"], time.monotonic()
    try:
        yield came.append
    finally:
        if (notes := overheard.get()) is not None:
            notes.append(f"{request}: {came[-1]}, {1000 * (time.monotonic() - begun):.0f} ms")


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header of HTTP Basic: https://www.rfc-editor.org/rfc/rfc7617"""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _readable(reply: Reply) -> Reply:
    if reply.status in (429, 503):
        raise ProviderBusy(*_said(reply), retry_after=_retry_after(reply.headers))
    if 300 <= reply.status < 400:
        place = reply.headers.get("Location", "nowhere").partition("?")[0]
        raise ProviderRefused(str(reply.status), f"redirects to {place}: check the base URL")
    return reply


def _said(reply: Reply) -> tuple[str, str]:
    """The provider's own code and words, where its body has the usual `{"error": {"code", "message"}}`."""
    error = reply.answer().get("error")
    if isinstance(error, dict) and error.keys() >= {"code", "message"}:
        return str(error["code"]), str(error["message"])
    return str(reply.status), reply.excerpt


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; `Retry-After` may be a date instead: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    asked = headers.get("Retry-After") or headers.get("X-Rate-Limit-Reset") or ""
    if asked.strip().isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
