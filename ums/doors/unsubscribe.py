"""`/u/<token>`: looking at it changes nothing, because mail scanners do; a POST unsubscribes.

That of a mail program comes without cookies, and is answered, never redirected: https://www.rfc-editor.org/rfc/rfc8058
"""

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from ums.messaging.delivering import unsubscribing
from ums.messaging.delivering.links import LinkInvalid

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}

PAGE = """<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>退订 · Unsubscribe</title><style>body{{font:1.1em sans-serif;margin:15vh auto;max-width:28em;padding:1em}}
button{{font:inherit;padding:.5em 1.5em}}</style></head><body><h1>{title}</h1>{body}</body></html>"""
ASK = """<p>取消订阅此类消息<br>No more messages of this kind.</p>
<form method="post"><button name="List-Unsubscribe" value="One-Click">退订 · Unsubscribe</button></form>"""
DONE = "<p>已退订<br>You have unsubscribed.</p>"


async def unsubscribe(request: Request) -> HTMLResponse:
    """Ask, or do."""
    engine, token = request.app.state.engine, request.path_params["token"]
    asked = request.method == "POST"
    try:
        leaving = await (unsubscribing.unsubscribe if asked else unsubscribing.read)(engine, token)
    except LinkInvalid as error:
        return _page("退订 · Unsubscribe", f"<p>{html.escape(str(error))}</p>", 404)
    return _page(leaving.channel.get("title") or leaving.channel["name"], DONE if asked else ASK, 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=html.escape(title), body=body), status, HEADERS)


ROUTES = (Route("/u/{token}", unsubscribe, methods=["GET", "POST"]),)
