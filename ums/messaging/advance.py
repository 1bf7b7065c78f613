"""Policy steps: recipients whose time has come take the next step, wait on, or are done."""

from collections import defaultdict
from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, execute, fetch, rows
from ums.messaging import statements
from ums.messaging.fan_out import FanOut, Pinned, Takers
from ums.messaging.policy import Decision, Seen, Step, Verdict, decide
from ums.vocabulary import State

CHUNK = 5_000
"""Recipients a transaction."""


async def advance(out: FanOut, pinned: Sequence[Pinned]) -> None:
    """Look at recipients whose `next_check_at` has come, the longest waiting first, and set their next one."""
    due = await fetch(out.tx, statements.DUE_RECIPIENTS, rows([each.message.id] for each in pinned), out.now, CHUNK)
    seen = await _seen(out.tx, due)
    checks: list[tuple[int, int, int | None]] = []
    takers = []
    for row in due:
        number = row["step"] + 1
        decision = _decide(out.pinned[row["message_id"]].steps, number, seen[row["id"]], out.now)
        taken = decision.verdict is Verdict.DUE
        checks.append((row["id"], number if taken else row["step"], decision.until))
        if taken:
            takers.append(Takers(row["id"], row["id"], number))
    await execute(out.tx, statements.SET_CHECKS, rows(checks))
    await out.take(takers)


def _decide(policy: Sequence[Step], number: int, seen: list[Seen], now: int) -> Decision:
    return decide(policy[number], seen, now) if number < len(policy) else Decision(Verdict.ENDED)


async def _seen(tx: BaseDBAsyncClient, due: Rows) -> defaultdict[int, list[Seen]]:
    """The deliveries so far of each recipient."""
    found: defaultdict[int, list[Seen]] = defaultdict(list)
    for row in await fetch(tx, statements.SEEN, rows([recipient["id"]] for recipient in due)):
        times = (row["submitted_at"], row["delivered_at"], row["clicked_at"])
        found[row["recipient_id"]].append(Seen(row["delivery_channel"], State(row["state"]), *times))
    return found
