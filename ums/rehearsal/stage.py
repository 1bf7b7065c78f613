"""The real engine on a database in memory, with a clock that jumps from one event to the next."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tortoise.utils import get_schema_sql

from ums.database import connection, fetch, opened
from ums.messaging.delivering import receipts
from ums.messaging.delivering.drain import drain, is_due
from ums.messaging.engine import Engine
from ums.queue import Lanes
from ums.rehearsal.provider import Script, ScriptedConnections
from ums.settings import Settings
from ums.snapshot import Body, Snapshot, Snapshots, switched
from ums.vocabulary import Priority

START = 1_800_000_000_000
"""When every rehearsal begins."""

MOST = 10_000
"""Events of one rehearsal; a policy of 20 steps has a few for each person."""


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Declared(Snapshots):
    """What was declared, and nothing to look for in a database."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.declared = self.live = snapshot

    async def newest(self) -> Snapshot:
        return self.live

    async def at(self, revision: int) -> Snapshot:  # noqa: ARG002  # there is one
        return self.declared

    def switch(self, channel: str, code: str, enabled: bool) -> None:
        """As `setDeliveryChannelEnabled` does."""
        path = f"deliveryChannels.{code}.enabled"
        self.live = switched(self.declared, [("Channel", channel, path, enabled)])


class Nobody(Lanes):
    """Wakes no worker: the rehearsal itself drains what is due."""

    def __init__(self) -> None:
        """Without a queue."""

    async def wake(self, lane: Priority) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Stage:
    engine: Engine
    time: Time
    script: Script
    declared: Declared

    async def clear(self) -> None:
        """As if nothing had ever been sent to anybody."""
        self.time.now = START
        self.declared.live = self.declared.declared
        await connection().execute_script(_CLEAR)

    async def goes_on(self, lane: Priority, until: int) -> None:
        """Everything that is due, again and again, until `until` or until nothing is left; receipts come first."""
        for _ in range(MOST):
            for code, told in self.script.receipts().items():
                await receipts.apply(self.engine, code, told)
            if await is_due(self.engine, lane):
                await drain(self.engine, lane)
            following = await self.next_at()
            if following is None or following > until:
                return
            self.time.now = following
        raise RuntimeError(f"more than {MOST} events: something is due again and again")

    async def next_at(self) -> int | None:
        """When anything is due next; None when nothing ever is."""
        found = (await fetch(connection(), _NEXT, self.time.now))[0]["at"]
        return min((at for at in (found, self.script.next_at) if at is not None), default=None)


@asynccontextmanager
async def stage(bodies: Mapping[str, Mapping[str, Body]]) -> AsyncIterator[Stage]:
    """A stage for as many rehearsals as one likes, one after the other, under these declarations (kind, identity)."""
    nowhere = Settings(root=Path.cwd(), config=Path.cwd(), database_url="sqlite://:memory:")
    time, declared = Time(), Declared(Snapshot(1, _bare(bodies)))
    script = Script(time)
    async with opened(nowhere):
        await connection().execute_script(get_schema_sql(connection(), safe=False))
        engine = Engine(nowhere, time, declared, Nobody(), ScriptedConnections(script))
        try:
            yield Stage(engine, time, script, declared)
        finally:
            await engine.forget_wakes()


_TABLES = (
    "message", "recipient", "delivery", "batch", "attempt", "message_count", "waiting_receipt",
    "delivery_channel_status", "address", "tag", "user_account",
)  # fmt: skip
_CLEAR = ";".join(f"DELETE FROM {table}" for table in _TABLES)  # noqa: S608  # constants

# A closed DeliveryChannel opens at a time of its own, and what is due meanwhile waits for that.
_NEXT = """
SELECT min(at) AS at FROM (
    SELECT min(due_at) AS at FROM message WHERE due_at > $1
    UNION ALL SELECT min(due_at) FROM batch WHERE done_at IS NULL AND due_at > $1
    UNION ALL SELECT min(closed_until) FROM delivery_channel_status WHERE closed_until > $1) AS coming"""


def _bare(bodies: Mapping[str, Mapping[str, Body]]) -> Mapping[str, Mapping[str, Body]]:
    """Without what is no matter of policies: rates spread what is sent over seconds, reviews wait for people."""
    declared = bodies.get("DeliveryChannel", {})
    free = {code: {key: body[key] for key in body if key != "limits"} for code, body in declared.items()}
    return {**bodies, "DeliveryChannel": free, "AuditRule": {}}
