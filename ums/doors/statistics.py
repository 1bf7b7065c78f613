"""`GET /v1/statistics/messages.xlsx` and `.csv`: message statistics as a file, with the credentials of the API."""

from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ums.api.refusals import REFUSALS, refusal, refused
from ums.doors.admission import admitted
from ums.members.rights import Right
from ums.messaging.calendar import DAY, HOUR, day_start
from ums.messaging.engine import Engine
from ums.messaging.reading import statistics
from ums.messaging.reading.sheets import Sheet, sheet

LONGEST = 100 * 86_400_000
"""ms; what is older is only kept as a sum."""
USUAL = 30 * 86_400_000
"""ms until now, where nothing is asked for."""


async def messages_sheet(request: Request) -> Response:
    """`?from=` and `&before=`, dates or times of the Channel's time zone; `&by=day` or `hour`."""
    engine: Engine = request.app.state.engine
    try:
        caller = await admitted(request, Right.READ)
        channel, kind = caller.for_channel(), _kind(request.path_params["kind"])
        zone = statistics.zone_of(channel)
        begin, before, by = _asked(request.query_params, zone, engine.clock())
    except REFUSALS as error:
        return refused(error)
    except ValueError as error:
        return refusal(400, "INVALID", str(error))
    found = sheet(await statistics.messages(channel, begin, before, by), zone, kind)
    name = f"messages-{channel['name']}.{kind.value}"
    return Response(
        found, headers={"content-disposition": f'attachment; filename="{name}"'}, media_type=kind.media_type
    )


def _kind(given: str) -> Sheet:
    kinds = {kind.value: kind for kind in Sheet}
    if given not in kinds:
        raise ValueError(f"found .{given[:20]}, expected .{' or .'.join(kinds)}")
    return kinds[given]


def _asked(given: QueryParams, zone: ZoneInfo, now: int) -> tuple[int, int, str]:
    """From when to before when, in ms, and by what; raises ValueError."""
    before = _moment("before", given["before"], zone) if given.get("before") else now + 1
    begin = _moment("from", given["from"], zone) if given.get("from") else day_start(before - USUAL, zone)
    if not 0 < before - begin <= LONGEST:
        raise ValueError("before must come after from, by at most 100 days")
    by = given.get("by", DAY)
    if by not in (DAY, HOUR):
        raise ValueError(f"by: found {by[:20]!r}, expected {DAY} or {HOUR}")
    return begin, before, by


def _moment(name: str, text: str, zone: ZoneInfo) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name}: found {text[:40]!r}, expected a date or a time, as in 2027-01-15") from error
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)


ROUTES = (Route("/v1/statistics/messages.{kind}", messages_sheet),)
