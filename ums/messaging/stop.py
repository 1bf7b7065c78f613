"""People of a recalled message whom no policy step has reached yet: none will."""

from ums.database import execute, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import USERS, cell
from ums.messaging.fan_out import FanOut
from ums.models import Message
from ums.vocabulary import Reason, State

CHUNK = 5_000
"""Recipients a transaction."""


async def stop(out: FanOut, message: Message) -> None:
    """The next of them; whom nothing was ever planned for is lost, and the policy looks at none of them again."""
    waiting = rows([row["id"]] for row in await fetch(out.tx, _WAITING, message.id, CHUNK))
    lost = await fetch(out.tx, statements.LOSE, waiting, Reason.RECALLED.value)
    out.cells[cell(message.id, USERS, State.LOST, Reason.RECALLED)] += len(lost)
    out.cells[cell(message.id, USERS)] -= len(lost)
    out.lost += [row["id"] for row in lost]
    more = await execute(out.tx, _LOOK_NO_MORE, waiting) + len(lost) >= CHUNK
    message.due_at = out.now if more else None


_WAITING = """
SELECT id FROM recipient WHERE message_id = $1 AND next_check_at IS NOT NULL ORDER BY id LIMIT $2 FOR UPDATE"""

_LOOK_NO_MORE = """
UPDATE recipient SET next_check_at = NULL
WHERE next_check_at IS NOT NULL AND id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""
