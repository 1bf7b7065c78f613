"""Where WeChat and the administrators of accounts come to our third-party platform.

POST /v1/wechat/events                tickets, and what administrators do: the address for authorization events
POST /v1/wechat/{appid}/callback      what happened to messages: the address for messages and events, with $APPID$
GET  /v1/wechat/authorize/{token}     the page to which an invitation leads
GET  /v1/wechat/authorized/{token}    where WeChat sends the browser afterwards
"""

from collections.abc import Awaitable, Callable
from html import escape

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ums.doors.receipts import read
from ums.errors import CallerRefused, ProviderBusy, ProviderRefused, SecretMissing, Unauthorized
from ums.messaging import authorize
from ums.messaging.engine import Engine
from ums.messaging.heard import Reply, heard
from ums.messaging.invitation import InvitationInvalid
from ums.providers.contract import Report

log = structlog.get_logger()

THANKS = b"success"
MOST_BYTES = 64 * 1024
# WeChat looks at the Referer: the page with its link must come from the domain that was entered there. Of the address
# it may see no more than that.
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "strict-origin",
    "content-security-policy": "default-src 'none'",
}


async def events(request: Request) -> Response:
    """A ticket, or what an administrator did."""

    async def heed(engine: Engine, report: Report) -> Reply:
        try:
            await authorize.noticed(engine, report)
        except (ProviderBusy, ProviderRefused) as error:
            # A repeat would bring the same code, and a code is not what is missing: the next send asks WeChat itself.
            log.warning("wechat_notice_not_heeded", error=str(error))
        return Reply(THANKS)

    return await _heard(request, heed)


async def messages(request: Request) -> Response:
    """An event of an account that authorized us: receipts, as at any receipt door."""

    async def heed(engine: Engine, report: Report) -> Reply:
        return await heard(engine, request.path_params["appid"], report)

    return await _heard(request, heed)


async def invitation(request: Request) -> Response:
    """Leads to WeChat; each time with a new code, for one is good for ten minutes."""

    async def show(engine: Engine, token: str) -> str:
        code, computer, inside = await authorize.pages(engine, token)
        return (
            f"<h1>Authorize {escape(code)}</h1><p><a href='{escape(computer)}'>Show the code to scan</a>, on a computer"
            f"</p><p><a href='{escape(inside)}'>Authorize here</a>, when this page is open in WeChat</p>"
            "<p>Only an administrator of the account can confirm. This page is good for ten minutes; then open it anew."
        )

    return await _shown(request, show)


async def returned(request: Request) -> Response:
    """WeChat has sent an administrator's browser back, with a code in the address."""

    async def show(engine: Engine, token: str) -> str:
        code = await authorize.granted(engine, token, request.query_params.get("auth_code", ""))
        return f"<h1>{escape(code)} is authorized</h1><p>Messages can be sent now. This page can be closed."

    return await _shown(request, show)


ROUTES = [
    Route("/v1/wechat/events", events, methods=["POST"]),
    Route("/v1/wechat/{appid}/callback", messages, methods=["POST"]),
    Route("/v1/wechat/authorize/{token}", invitation),
    Route("/v1/wechat/authorized/{token}", returned),
]


async def _heard(request: Request, heed: Callable[[Engine, Report], Awaitable[Reply]]) -> Response:
    report = await read(request, MOST_BYTES)
    if report is None:
        return PlainTextResponse(f"more than {MOST_BYTES} bytes", 413)
    try:
        reply = await heed(request.app.state.engine, report)
    except Unauthorized as error:
        return PlainTextResponse(str(error), 401)
    except CallerRefused as error:
        return PlainTextResponse(str(error), 400)
    kind = "application/xml" if reply.body.startswith(b"<xml>") else "text/plain"
    return Response(reply.body, media_type=kind, background=BackgroundTask(reply.then) if reply.then else None)


async def _shown(request: Request, show: Callable[[Engine, str], Awaitable[str]]) -> Response:
    try:
        content, status = await show(request.app.state.engine, request.path_params["token"]), 200
    except InvitationInvalid as error:
        content, status = f"<h1>Not authorized</h1><p>{escape(str(error))}", 404
    except (ProviderBusy, ProviderRefused, SecretMissing) as error:
        log.warning("account_not_authorized", error=str(error))
        content, status = f"<h1>Not authorized</h1><p>{escape(str(error))}", 502
    page = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>UMS</title><body>{content}"
    return HTMLResponse(page, status, headers=_HEADERS)
