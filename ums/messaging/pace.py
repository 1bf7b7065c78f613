"""How often each member of an application was written to, counted by all workers together in the database.

Messages are counted by stretches of a few seconds, and one that has only half gone by counts as a whole: nobody ever
gets more than is allowed, and somebody may wait so many seconds longer. A call takes one statement, however many
members it has.
"""

from collections.abc import Collection, Sequence

from ums.database import connection, execute, fetch, is_sqlite, rows, transaction
from ums.providers.pace import Bound, Pace
from ums.vocabulary import Clock

STRETCH = 5_000
"""ms counted together."""
LONGEST = 2 * 3_600_000
"""ms after which nobody asks for a count any more."""


class SharedPace(Pace):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def admit(self, application: str, members: Collection[str], bounds: Sequence[Bound]) -> set[str]:
        now = self._clock()
        since = rows([(now - 1000 * bound.seconds) // STRETCH, bound.most] for bound in bounds)
        listed = rows([member] for member in sorted(members))
        async with transaction() as tx:
            if not is_sqlite(tx):  # where there is one writer at a time anyway
                await execute(tx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, application)
            admitted = await fetch(tx, _ADMIT, application, listed, now // STRETCH, since)
        return {row["member"] for row in admitted}


async def forget(now: int, most: int) -> int:
    """Counts that no bound looks at any more, at most so many; how many that were."""
    return await execute(connection(), _FORGET, (now - LONGEST) // STRETCH, most)


_LOCK = 8_677_003  # any number that no other user of the database takes

# The stretch in which a bound begins is counted whole.
_ADMIT = """
INSERT INTO member_pace AS pace (application, member, stretch, sent)
SELECT CAST($1 AS VARCHAR(200)), listed.member, $3, 1 FROM ROWS($2: member text) AS listed
WHERE NOT EXISTS (
    SELECT 1 FROM ROWS($4: since bigint, most int) AS bound WHERE bound.most <= (
        SELECT coalesce(sum(earlier.sent), 0) FROM member_pace earlier
        WHERE earlier.application = $1 AND earlier.member = listed.member AND earlier.stretch >= bound.since))
ON CONFLICT (application, member, stretch) DO UPDATE SET sent = pace.sent + 1
RETURNING member"""

_FORGET = """
DELETE FROM member_pace WHERE id IN (SELECT id FROM member_pace WHERE stretch < $1 LIMIT $2)"""
