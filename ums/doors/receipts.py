"""Where providers post their receipts, or check that the door is ours."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ums.errors import CallerRefused, Unauthorized
from ums.messaging.delivering import receipts
from ums.messaging.engine import Engine
from ums.providers.contract import Report
from ums.vocabulary import ChannelType

DOORS = {
    "app": ChannelType.APP,
    "sms": ChannelType.SMS,
    "wechatoa": ChannelType.WECHAT_OA,
    "wechatmp": ChannelType.WECHAT_MP,
}
"""The name in the path of each receipt door: `/v1/<name>/callback`, or `/v1/<name>/callback/<code>`."""

MOST_BYTES = 4 * 1024 * 1024


async def receive(request: Request) -> Response:
    """A provider posts receipts, or checks that this door is ours."""
    engine: Engine = request.app.state.engine
    kind, code = DOORS.get(request.path_params["door"]), request.path_params.get("code", "")
    if kind is None:
        return PlainTextResponse("no such door", 404)
    report = await read(request, MOST_BYTES)
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


async def read(request: Request, most: int) -> Report | None:
    """The request as it came; None when it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return Report(request.method, dict(request.query_params), dict(request.headers), bytes(body))


ROUTES = (
    Route("/v1/{door}/callback", receive, methods=["GET", "POST"]),
    Route("/v1/{door}/callback/{code}", receive, methods=["GET", "POST"]),
)
