"""`GET /v1/people/...`: spreadsheets to take away: the sample, the people whom the caller sees, who is in a list."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ums.api.caller import Caller
from ums.api.refusals import REFUSALS, refusal, refused
from ums.doors.admission import admitted
from ums.errors import UmsError
from ums.members.rights import Right
from ums.messaging.engine import Engine
from ums.people import exports, lists
from ums.people.groups import View

FORMATS = ("csv", "xlsx")

Make = Callable[[Engine, Caller, Path], Awaitable[object]]
"""Writes the file; raises CallerForbidden, ExportRefused or _NotThere."""


async def sample(request: Request) -> Response:
    """`/v1/people/sample.csv` or `.xlsx`: all columns, and a few rows as they should be."""

    async def make(engine: Engine, _: Caller, file: Path) -> None:
        exports.sample(file, exports.codes(await engine.snapshots.newest()))

    return await _made(request, "sample", make)


async def people(request: Request) -> Response:
    """`/v1/people/export.csv` or `.xlsx`: everybody, with what the caller sees of each."""

    async def make(engine: Engine, caller: Caller, file: Path) -> None:
        caller.require(Right.SEE_ADDRESSES)
        snapshot = await engine.snapshots.newest()
        view = View.of(snapshot, caller.channel) if caller.channel else View.of_all(snapshot)
        await exports.export_people(file, binds=view.visible)

    return await _made(request, "people", make)


async def members(request: Request) -> Response:
    """`/v1/people/<Blacklist, Whitelist or Segment>/<name>.csv` or `.xlsx`: the userIds in a list of the Channel."""
    kind, name = request.path_params["kind"].capitalize(), request.path_params["name"]

    async def make(engine: Engine, caller: Caller, file: Path) -> None:
        key = (kind, f"{caller.for_channel()['name']}/{name}")
        if kind not in lists.KINDS or key[1] not in (await engine.snapshots.newest()).all(kind):
            raise _NotThere(f"there is no {kind} {name!r}")
        await exports.export_list(file, key)

    return await _made(request, name, make)


class _NotThere(UmsError):
    pass


async def _made(request: Request, name: str, make: Make) -> Response:
    """The file, made in a folder that goes when it was sent."""
    engine: Engine = request.app.state.engine
    folder = Path(tempfile.mkdtemp(prefix="ums-sheet-"))
    gone = BackgroundTask(shutil.rmtree, folder)
    try:
        caller = await admitted(request, Right.READ_PEOPLE)
        if (ending := request.path_params["format"]) not in FORMATS:
            raise _NotThere(f"found .{ending}, expected .csv or .xlsx")
        file = folder / f"sheet.{ending}"
        await make(engine, caller, file)
    except REFUSALS as error:
        answer: Response = refused(error)
    except exports.ExportRefused as error:
        answer = refusal(400, "TOO_LONG", str(error))
    except _NotThere as error:
        answer = refusal(404, "NOT_FOUND", str(error))
    else:
        answer = FileResponse(file, filename=f"{name}.{ending}", headers={"cache-control": "no-store"})
    answer.background = gone
    return answer


ROUTES = (
    Route("/v1/people/sample.{format}", sample),
    Route("/v1/people/export.{format}", people),
    Route("/v1/people/{kind}/{name}.{format}", members),
)
