"""One connection to the CMPP stand-in: logged in, read, answered, and tested for being there."""

import asyncio
from collections.abc import Coroutine

from ums.sandbox.cmpp import pdu as wire
from ums.sandbox.cmpp.gate import ACCEPTED, FLOW_CONTROL, WRONG_STRUCTURE, Gate
from ums.sandbox.cmpp.outbox import Report
from ums.sandbox.cmpp.pdu import ANSWER, Dialect, Fields, Unreadable

WINDOW = 16
"""Requests in either direction that may be unanswered."""
IDLE_SECONDS = 180.0
"""Of silence before an ACTIVE_TEST."""
TESTS = 3
ANSWER_SECONDS = 60.0
"""Before a DELIVER is repeated."""
AGAIN_SECONDS = 1.0
"""Before a DELIVER is repeated that was not taken."""
VERSIONS = (wire.VERSION_2, wire.VERSION_2_1, wire.VERSION_3)


class Session:
    def __init__(self, gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.account = ""
        self._gate, self._reader, self._writer = gate, reader, writer
        self._dialect = Dialect(wire.VERSION_3)
        self._sequence = 0
        self._submitting = 0
        self._outstanding: dict[int, tuple[Report, asyncio.TimerHandle]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = asyncio.get_running_loop().time()
        self._tests = 0

    async def run(self) -> None:
        try:
            if await self._log_in():
                self._gate.outbox.joined(self)
                self._start(self._beat())
                while await self._obey(*await self._next()):
                    pass
        except (OSError, EOFError, Unreadable):
            self._writer.transport.abort()
        except asyncio.CancelledError:
            # By `stop` alone, which waits; Python 3.11 complains of a stream's task that ends as cancelled.
            self._ask(wire.TERMINATE)
        finally:
            self._leave()

    @property
    def has_room(self) -> bool:
        return len(self._outstanding) < WINDOW and not self._writer.is_closing()

    def deliver(self, report: Report) -> None:
        dialect = self._dialect
        content = dialect.report(report.msg_id, report.stat, (report.submitted, report.done), report.number)
        ends = report.source, report.number
        body = dialect.deliver(self._gate.new_id(), report.service, ends, content, registered=True)
        sequence = self._ask(wire.DELIVER, body)
        timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._deliver_again, sequence)
        self._outstanding[sequence] = report, timer

    def _deliver_again(self, sequence: int) -> None:
        report, _ = self._outstanding.pop(sequence)
        self._gate.outbox.again(self.account, report)

    async def _log_in(self) -> bool:
        """Whether it may stay; what does not begin with a CONNECT gets no answer."""
        command, sequence, body = await self._next()
        if command != wire.CONNECT:
            return False
        try:
            connect = wire.connect(body)
        except Unreadable:
            self._answer(command, sequence, self._dialect.connected(WRONG_STRUCTURE, b"", None))
            return False
        status = self._gate.status(connect)
        if connect.version in VERSIONS:
            self._dialect = Dialect(connect.version)
        else:
            status = 4
        await asyncio.sleep(self._gate.stage.script.latency)
        self.account = connect.account
        secret = self._gate.secret(connect.account)
        self._answer(command, sequence, self._dialect.connected(status, connect.proof, secret))
        return status == 0

    async def _next(self) -> tuple[int, int, bytes]:
        fields = Fields(await self._reader.readexactly(wire.HEADER))
        length, command, sequence = fields.number(4), fields.number(4), fields.number(4)
        if not wire.HEADER <= length <= wire.LIMIT:
            raise Unreadable(f"a PDU of {length} bytes")
        body = await self._reader.readexactly(length - wire.HEADER)
        self._heard, self._tests = asyncio.get_running_loop().time(), 0
        return command, sequence, body

    async def _obey(self, command: int, sequence: int, body: bytes) -> bool:
        """Whether to go on."""
        if command == wire.TERMINATE:
            self._answer(command, sequence)
            return False
        if command == wire.SUBMIT:
            self._submitting += 1
            self._start(self._submitted(sequence, body))
        elif command == wire.ACTIVE_TEST:
            self._answer(command, sequence, b"\x00")
        elif command == ANSWER | wire.DELIVER:
            self._delivered(sequence, body)
        return command != ANSWER | wire.TERMINATE

    async def _submitted(self, sequence: int, body: bytes) -> None:
        script, stage = self._gate.stage.script, self._gate.stage
        result, msg_id = FLOW_CONTROL, 0
        if self._submitting <= WINDOW:
            await asyncio.sleep(script.latency)
            result, msg_id = self._judged(body)
        self._submitting -= 1
        response = wire.pdu(ANSWER | wire.SUBMIT, sequence, msg_id.to_bytes(8, "big") + self._dialect.result(result))
        if result != ACCEPTED:
            stage.record.turned_away += 1
        elif stage.every("lost", script.lose_answer):
            return self._writer.transport.abort()
        elif stage.next("garbage", script.garbage):
            response = b"<html>502 Bad Gateway</html>"
        elif stage.next("half", script.half):
            self._writer.write(response[: len(response) // 2])
            return self._writer.close()
        return self._writer.write(response)

    def _judged(self, body: bytes) -> tuple[int, int]:
        """Result and message id."""
        result = self._gate.turned_away(self.account)
        if result != ACCEPTED:
            return result, 0
        try:
            submit = self._dialect.submit(body)
        except Unreadable:
            return WRONG_STRUCTURE, 0
        result = self._gate.fault(self.account, submit)
        if result != ACCEPTED:
            return result, 0
        return ACCEPTED, self._gate.accept(self.account, self._dialect.version, submit)

    def _delivered(self, sequence: int, body: bytes) -> None:
        """The answer to a DELIVER; it frees its place in the window."""
        report, timer = self._outstanding.pop(sequence, (None, None))
        if report is None or timer is None:
            return
        timer.cancel()
        fields = Fields(body)
        fields.raw(8)
        if fields.number(fields.left) == 0:
            self._gate.outbox.taken(self.account, report)
        else:
            self._gate.outbox.later(AGAIN_SECONDS, self.account, report)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            if asyncio.get_running_loop().time() - self._heard < IDLE_SECONDS:
                continue
            if self._tests == TESTS:
                return self._writer.transport.abort()
            self._tests += 1
            self._ask(wire.ACTIVE_TEST)

    def _ask(self, command: int, body: bytes = b"") -> int:
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        if not self._writer.is_closing():
            self._writer.write(wire.pdu(command, self._sequence, body))
        return self._sequence

    def _answer(self, command: int, sequence: int, body: bytes = b"") -> None:
        self._writer.write(wire.pdu(ANSWER | command, sequence, body))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        for _, timer in self._outstanding.values():
            timer.cancel()
        unanswered = [report for report, _ in self._outstanding.values()]
        self._outstanding.clear()
        self._writer.close()
        self._gate.outbox.left(self, unanswered)
