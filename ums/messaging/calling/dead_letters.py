"""Callbacks that wait, and those that were given up: looked at, and sent again."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ums.database import connection, execute, fetch, rows
from ums.messaging.engine import Engine


class CallbackState(Enum):
    WAITING = "waiting"
    """To be told, or told again after a failure."""
    DEAD = "dead"
    """Given up; `replayCallbacks` sends it again."""


async def page(channel: str, state: CallbackState, *, first: int, after_id: int | None) -> list[dict[str, Any]]:
    """Callbacks of a Channel after `after_id`, the oldest first, one more than `first` if there are more."""
    which = "dead_at IS NOT NULL" if state is CallbackState.DEAD else "due_at IS NOT NULL"
    return await fetch(connection(), _PAGE.format(which=which), channel, after_id or 0, first + 1)


async def replay(engine: Engine, channel: str, ids: Sequence[int] | None) -> int:
    """Tell these again, or all that were given up; how many."""
    which = "AND id IN (SELECT id FROM ROWS($3: id bigint) AS listed)" if ids is not None else ""
    given = [rows([n] for n in ids)] if ids is not None else []
    return await execute(connection(), _REPLAY.format(which=which), engine.clock(), channel, *given)


_PAGE = """
SELECT c.id, c.message_id, c.type, c.at, c.reason, c.due_at, c.attempts, c.dead_at, c.failure, a.url, r.target,
       d.address, d.delivery_channel
FROM callback_address a JOIN callback c ON c.address_id = a.id AND c.{which} AND c.id > $2
JOIN recipient r ON r.id = c.recipient_id LEFT JOIN delivery d ON d.id = c.delivery_id
WHERE a.channel = $1 ORDER BY c.id LIMIT $3"""

_REPLAY = """
UPDATE callback SET due_at = CAST($1 AS bigint), dead_at = NULL, attempts = 0, failure = ''
WHERE dead_at IS NOT NULL AND address_id IN (SELECT id FROM callback_address WHERE channel = $2) {which}"""
