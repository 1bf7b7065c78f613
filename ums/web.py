"""The HTTP entrance: GraphQL, the doors where providers post their receipts, and health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from ums.api import sheets, wechat_doors
from ums.api.bodies import Bounded
from ums.api.login import callback, login, logout
from ums.api.materials import upload
from ums.api.metrics import metrics
from ums.api.schema import Endpoint
from ums.api.sheet_door import messages_sheet
from ums.api.token_door import token
from ums.api.unsubscribe import unsubscribe
from ums.database import connection, fetch
from ums.errors import CallerRefused, Unauthorized
from ums.messaging.delivering import clicks, opens, receipts
from ums.messaging.delivering.links import LinkInvalid
from ums.messaging.engine import Engine, running
from ums.providers.contract import Report
from ums.settings import Settings
from ums.vocabulary import ChannelType, Clock, system_clock

DOORS = {
    "app": ChannelType.APP,
    "sms": ChannelType.SMS,
    "wechatoa": ChannelType.WECHAT_OA,
    "wechatmp": ChannelType.WECHAT_MP,
}
"""The name in the path of each receipt door: `/v1/<name>/callback`, or `/v1/<name>/callback/<code>`."""

MOST_BYTES = 4 * 1024 * 1024


def application(settings: Settings, clock: Clock = system_clock) -> Starlette:
    """The ASGI application of one API process."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(settings, clock, shared=True) as engine:
            app.state.engine = engine
            graphql.engine = engine
            app.state.following = graphql.following
            try:
                yield
            finally:
                await graphql.following.close()

    graphql = Endpoint()
    routes = [
        Route("/graphql", Bounded(graphql)),
        WebSocketRoute("/graphql", graphql),
        Route("/login", login),
        Route("/login/callback", callback),
        Route("/logout", logout, methods=["POST"]),
        Route("/v1/{door}/callback", receive, methods=["GET", "POST"]),
        Route("/v1/{door}/callback/{code}", receive, methods=["GET", "POST"]),
        Route("/v1/token", token),
        Route("/v1/statistics/messages.{kind}", messages_sheet),
        Route("/v1/material", upload, methods=["POST"]),
        *wechat_doors.ROUTES,
        Route("/c/{token}", click),
        Route("/o/{token}.gif", dot),
        Route("/u/{token}", unsubscribe, methods=["GET", "POST"]),
        Route("/people/sample.{format}", sheets.sample),
        Route("/people/export.{format}", sheets.people),
        Route("/people/{kind}/{name}.{format}", sheets.members),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", measured),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def receive(request: Request) -> Response:
    """A provider posts receipts, or checks that this door is ours."""
    engine: Engine = request.app.state.engine
    kind, code = DOORS.get(request.path_params["door"]), request.path_params.get("code", "")
    if kind is None:
        return PlainTextResponse("no such door", 404)
    report = await _report(request)
    if report is None:
        return PlainTextResponse(f"more than {MOST_BYTES} bytes", 413)
    try:
        if (echo := await receipts.greet(engine, kind, code, report)) is not None:
            return PlainTextResponse(echo)
        received, thanks = await receipts.receive(engine, kind, code, report)
    except Unauthorized as error:
        return PlainTextResponse(str(error), 401)
    except CallerRefused as error:
        return PlainTextResponse(str(error), 400)
    return PlainTextResponse(thanks) if thanks else JSONResponse({"received": received})


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


async def _report(request: Request) -> Report | None:
    """The request as it came; None when it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return Report(request.method, dict(request.query_params), dict(request.headers), bytes(body))


async def alive(request: Request) -> Response:  # noqa: ARG001  # a route's signature
    """The process answers."""
    return PlainTextResponse("ok")


async def ready(request: Request) -> Response:
    """The database answers too, and something was applied."""
    engine: Engine = request.app.state.engine
    await fetch(connection(), "SELECT 1 AS one")
    revision = (await engine.snapshots.newest()).revision
    return JSONResponse({"revision": revision}, 200 if revision else 503)


async def measured(request: Request) -> Response:
    """For Prometheus."""
    return Response(await metrics(request.app.state.engine), media_type=CONTENT_TYPE_LATEST)
