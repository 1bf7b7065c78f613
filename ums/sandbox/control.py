"""How somebody outside tells a stand-in what to do, and asks what it did.

GET    /_control/{platform}/record    totals, accepted submissions and posted receipts; ?newest=100 keeps it short
DELETE /_control/{platform}/record    starts a new one
PUT    /_control/{platform}/script    a script, as `ums.sandbox.script` describes it
"""

from collections.abc import Mapping, Sequence

import orjson
from aiohttp import web

from ums.errors import CallerRefused
from ums.sandbox.script import Script
from ums.sandbox.stage import Stage


class Control:
    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages = stages

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.get("/_control/{platform}/record", self._record),
            web.delete("/_control/{platform}/record", self._forget),
            web.put("/_control/{platform}/script", self._play),
        )

    def _stage(self, request: web.Request) -> Stage:
        platform = request.match_info["platform"]
        if platform not in self._stages:
            raise web.HTTPNotFound(text=f"no stand-in for {platform}; there are {', '.join(self._stages)}")
        return self._stages[platform]

    async def _record(self, request: web.Request) -> web.Response:
        newest = request.query.get("newest")
        if newest is not None and not newest.isdecimal():
            raise web.HTTPBadRequest(text="newest is a number")
        record = self._stage(request).record.as_json(newest=None if newest is None else int(newest))
        return web.Response(body=orjson.dumps(record), content_type="application/json")

    async def _forget(self, request: web.Request) -> web.Response:
        self._stage(request).record.clear()
        return web.Response(status=204)

    async def _play(self, request: web.Request) -> web.Response:
        stage = self._stage(request)
        try:
            stage.play(Script.parse(orjson.loads(await request.read())))
        except (orjson.JSONDecodeError, CallerRefused) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(status=204)
