"""`/c/<token>` and `/o/<token>.gif`: the links in messages, and the dot by which an e-mail tells that it was opened."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ums.messaging.delivering import clicks, opens
from ums.messaging.delivering.links import LinkInvalid


async def click(request: Request) -> Response:
    """Somebody follows a link of a message; who only looks ahead for him does not count."""
    ahead = request.method == "HEAD" or "prefetch" in request.headers.get("sec-purpose", "")
    try:
        place = await clicks.follow(request.app.state.engine, request.path_params["token"], counted=not ahead)
    except LinkInvalid as error:
        return PlainTextResponse(str(error), 404)
    return RedirectResponse(place, 302, headers={"cache-control": "no-store"})


async def dot(request: Request) -> Response:
    """A mail is shown. Always the same answer: whose dot it is, is nobody's business."""
    if request.method == "GET":
        await opens.opened(request.app.state.engine, request.path_params["token"])
    return Response(opens.DOT, media_type="image/gif", headers={"cache-control": "no-store"})


ROUTES = (Route("/c/{token}", click), Route("/o/{token}.gif", dot))
