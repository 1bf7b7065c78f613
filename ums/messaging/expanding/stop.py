"""People of a recalled message whom no policy step has reached yet: none will."""

from ums.database import execute, fetch, rows
from ums.messaging.expanding.fan_out import FanOut
from ums.models import Message
from ums.vocabulary import Reason

CHUNK = 5_000
"""Recipients a transaction."""


async def stop(out: FanOut, message: Message) -> None:
    """The next of them; whom nothing was ever planned for is lost, and the policy looks at none of them again."""
    waiting = [row["id"] for row in await fetch(out.tx, _WAITING, message.id, CHUNK)]
    await out.lose(waiting, Reason.RECALLED)
    await execute(out.tx, _LOOK_NO_MORE, rows([n] for n in waiting))
    message.due_at = out.now if len(waiting) == CHUNK else None


_WAITING = """
SELECT id FROM recipient WHERE message_id = $1 AND next_check_at IS NOT NULL ORDER BY id LIMIT $2 FOR UPDATE"""

_LOOK_NO_MORE = """
UPDATE recipient SET next_check_at = NULL
WHERE next_check_at IS NOT NULL AND id IN (SELECT id FROM ROWS($1: id bigint) AS listed)"""
