"""`POST /v1/material`: a Channel uploads a file to be attached to e-mails.

https://docs.jiguang.cn/jums/server/rest_api_jums_material
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import structlog
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ums.doors.admission import admitted
from ums.errors import CallerForbidden, SecretMissing, Unauthorized
from ums.members.rights import Right
from ums.messaging import materials
from ums.messaging.engine import Engine

log = structlog.get_logger()

OK, ILLEGAL_PARAMETER, AUTHENTICATION_FAILED, SERVER_ERROR = 0, 4004, 4005, 5000
"""https://docs.jiguang.cn/jums/server/message_code/"""

BESIDE = 64 * 1024
"""Bytes of a request beside its file."""
MOST_HOURS = 168


class _Refused(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code, self.message = status, code, message


async def upload(request: Request) -> Response:
    """Multipart: `type` is `attachment`, `file` is one file, `time_to_live` is in hours, from 1 to 168."""
    engine: Engine = request.app.state.engine
    try:
        url = await _stored(engine, request)
    except _Refused as refused:
        headers = {"www-authenticate": 'Basic realm="UMS"'} if refused.status == 401 else {}
        return JSONResponse({"code": refused.code, "message": refused.message}, refused.status, headers)
    return JSONResponse({"code": OK, "url": url})


async def _stored(engine: Engine, request: Request) -> str:
    channel = await _channel(request)
    most = engine.settings.attachment_bytes
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _Refused(400, ILLEGAL_PARAMETER, "send multipart/form-data with type, file and time_to_live")
    parser = MultiPartParser(request.headers, _limited(request, most), max_files=1, max_fields=8)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        message = getattr(error, "message", "") or "no boundary"
        raise _Refused(
            400, ILLEGAL_PARAMETER, f"this is not what a form with one file looks like: {message}"
        ) from error
    try:
        file, hours = _file(form), _hours(form)
        _check_size(file.size or 0, most)
        kind = file.content_type or materials.ANY_TYPE
        given = materials.Upload(channel, file.filename or "", kind, file.size or 0, hours)
        return await materials.keep(engine, given, _parts(file))
    finally:
        await form.close()


async def _channel(request: Request) -> str:
    """The name of the one that calls."""
    try:
        caller = await admitted(request, Right.SEND)
        return str(caller.for_channel()["name"])
    except CallerForbidden as error:
        raise _Refused(403, AUTHENTICATION_FAILED, str(error)) from error
    except Unauthorized as error:
        raise _Refused(401, AUTHENTICATION_FAILED, str(error)) from error
    except SecretMissing as error:
        log.error("caller_not_checked", error=str(error))
        raise _Refused(500, SERVER_ERROR, "the operator has not given this server the secret to compare") from error


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The request, as long as it is not too large: nothing larger is read to its end."""
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        _check_size(read - BESIDE, most)
        yield chunk


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise _Refused(413, ILLEGAL_PARAMETER, f"the file is larger than {most // 1_000_000} MB")


def _file(form: FormData) -> UploadFile:
    kind, file = form.get("type"), form.get("file")
    if kind != "attachment":
        raise _Refused(400, ILLEGAL_PARAMETER, f"type: found {_shown(kind)}, expected attachment")
    if not isinstance(file, UploadFile):
        raise _Refused(400, ILLEGAL_PARAMETER, "file: expected one file")
    return file


def _hours(form: Mapping[str, object]) -> int:
    given = form.get("time_to_live", "24")
    if isinstance(given, str) and given.isdecimal() and len(given) < 5 and 1 <= int(given) <= MOST_HOURS:
        return int(given)
    raise _Refused(400, ILLEGAL_PARAMETER, f"time_to_live: found {_shown(given)}, expected 1 to {MOST_HOURS} hours")


def _shown(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else "nothing" if value is None else "a file"


async def _parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(materials.PART):
        yield part


ROUTES = (Route("/v1/material", upload, methods=["POST"]),)
