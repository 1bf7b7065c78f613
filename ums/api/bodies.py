"""How much a request may bring, and that no web page of somebody else's brings it."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ums.api.refusals import refusal
from ums.people.uploads import MOST_BYTES

MOST_JSON = 8_000_000
MOST_MULTIPART = MOST_BYTES + 1_000_000
"""A file, and the words around it."""
PREFLIGHT = "graphql-preflight"
"""A header that a web page cannot send elsewhere without asking; a multipart form alone it could."""


class Bounded:
    """Refuses a body that is too large with 413, and a multipart one that lacks the header with 403."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        multipart = headers.get("content-type", "").startswith("multipart/")
        if multipart and PREFLIGHT not in headers:
            message = f"an upload needs the header {PREFLIGHT}: 1, which keeps foreign web pages from sending one"
            return await refusal(403, "PREFLIGHT_NEEDED", message)(scope, receive, send)
        most = MOST_MULTIPART if multipart else MOST_JSON
        too_large = refusal(413, "TOO_LARGE", f"more than {most} bytes; send in parts")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            return await too_large(scope, receive, send)
        try:
            await self._app(scope, _counted(receive, most), send)
        except _TooLarge:
            await too_large(scope, receive, send)
        return None


class _TooLarge(Exception):
    pass


def _counted(receive: Receive, most: int) -> Receive:
    """Of a body that does not say how long it is."""
    left = most

    async def counting() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooLarge
        return message

    return counting
