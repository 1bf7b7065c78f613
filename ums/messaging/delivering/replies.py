"""What people write back: kept as it came, once, until it is too old."""

from collections.abc import Sequence
from hashlib import blake2b

from ums.database import connection, execute, rows, transaction
from ums.messaging.engine import Engine
from ums.providers.contract import Replied

SINCE_SUBMIT = 7 * 24 * 3_600_000
"""ms after its submit for which what somebody writes is taken for an answer to a message."""
LONGEST = 2_000
"""Characters that are kept of what somebody wrote."""


async def keep(engine: Engine, code: str, told: Sequence[Replied]) -> None:
    """Write down what people wrote back through a DeliveryChannel, each with the newest message that it may answer.

    It returns after the commit. What is there already is left as it is.
    """
    if told:
        await engine.together(_keep, (code, told))


async def _keep(engine: Engine, posted: Sequence[tuple[str, Sequence[Replied]]]) -> Sequence[None]:
    """What several posts brought, in one transaction."""
    given = sorted({_row(code, reply) for code, told in posted for reply in told})
    async with transaction() as tx:
        await execute(tx, _KEEP, rows(given), engine.clock(), SINCE_SUBMIT)
    return [None] * len(posted)


def _row(code: str, reply: Replied) -> tuple[str, str, int, str, str]:
    content = reply.content.replace("\0", "")[:LONGEST]  # PostgreSQL keeps no NUL
    return code, reply.address, reply.at, blake2b(content.encode(), digest_size=16).hexdigest(), content


async def expire(before: int, most: int) -> int:
    """Remove at most so many that came before this time; how many it were."""
    return await execute(connection(), _EXPIRE, before, most)


# Ids of deliveries begin with that of their message, and an address has few deliveries. Of `max(d.id)` PostgreSQL may
# think that the newest of all deliveries lead there sooner.
_KEEP = """
INSERT INTO reply (delivery_channel, address, at, digest, content, received_at, message_id)
SELECT given.code, given.address, given.at, given.digest, given.content, CAST($2 AS bigint), (
    SELECT max(d.id >> 32) FROM delivery d WHERE d.address = given.address AND d.delivery_channel = given.code
    AND d.submitted_at BETWEEN given.at - CAST($3 AS bigint) AND given.at)
FROM ROWS($1: code text, address text, at bigint, digest text, content text) AS given WHERE true
ON CONFLICT (address, delivery_channel, at, digest) DO NOTHING"""

_EXPIRE = """
DELETE FROM reply WHERE id IN (SELECT id FROM reply WHERE received_at < $1 ORDER BY received_at LIMIT $2)"""

FORGET = "DELETE FROM reply WHERE address IN (SELECT address FROM ROWS($1: address text) AS given)"
