"""Stands in for a CMPP gateway, versions 2.0 and 3.0, on a TCP port of its own.

The script in the words of CMPP: `busy` and `perMinute` are result 8, `errorRate` is 100 (a supplier's own), `refuse`
is 13 for the whole SUBMIT, `loseAnswer` ends the connection, `garbage` and `half` spoil the answer. Each part of a
longer message is a submission, and is reported on. A report names the SUBMIT's id, also when that went to several
numbers. Clicks are not a gateway's.
"""

import asyncio
from typing import ClassVar

from ums.sandbox.cmpp.gate import Gate
from ums.sandbox.cmpp.session import Session
from ums.sandbox.stage import StandIn


class CmppStandIn(StandIn):
    platform: ClassVar = "cmpp"

    async def start(self) -> None:
        self.gate = Gate(self.stage)
        self._sessions: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._talk, self.stage.address.host, self.stage.address.cmpp_port)

    async def stop(self) -> None:
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        self.gate.outbox.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._sessions.add(task)
            task.add_done_callback(self._sessions.discard)
        await Session(self.gate, reader, writer).run()
