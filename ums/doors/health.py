"""`/healthz`, `/readyz`, `/metrics`: for those who look after the service."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ums.database import connection, fetch
from ums.doors.metrics import metrics
from ums.messaging.engine import Engine


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


ROUTES = (Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", measured))
