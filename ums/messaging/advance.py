"""Policy steps: recipients whose time has come take the next step, wait on, or are done."""

from collections import defaultdict

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, execute, fetch, rows
from ums.messaging import statements
from ums.messaging.fan_out import Chosen, FanOut
from ums.messaging.policy import Decision, Seen, Step, Verdict, decide, steps
from ums.models import Message
from ums.snapshot import Snapshot
from ums.vocabulary import State

CHUNK = 5_000
"""Recipients a transaction."""


async def advance(tx: BaseDBAsyncClient, message: Message, snapshot: Snapshot, now: int) -> None:
    """Look at recipients whose `next_check_at` has come, the longest waiting first, and set their next one."""
    due = await fetch(tx, statements.DUE_RECIPIENTS, message.id, now, CHUNK)
    seen = await _seen(tx, due)
    policy = steps(message.steps)
    checks: list[tuple[int, int, int | None]] = []
    goes_out: defaultdict[int, list[int]] = defaultdict(list)
    for row in due:
        number = row["step"] + 1
        decision = _decide(policy, number, seen[row["id"]], now)
        taken = decision.verdict is Verdict.DUE
        checks.append((row["id"], number if taken else row["step"], decision.until))
        if taken:
            goes_out[number].append(row["id"])
    await execute(tx, statements.SET_CHECKS, rows(checks))
    out = FanOut(tx, message, snapshot, now)
    for number, ids in goes_out.items():
        await out.take(number, Chosen.listed(ids, message.id))
    await out.counted()
    await message.save(using_db=tx, update_fields=["deliveries"])
    await execute(tx, statements.NEXT_DUE, message.id)
    await execute(tx, statements.SETTLE, message.id)


def _decide(policy: list[Step], number: int, seen: list[Seen], now: int) -> Decision:
    return decide(policy[number], seen, now) if number < len(policy) else Decision(Verdict.ENDED)


async def _seen(tx: BaseDBAsyncClient, due: Rows) -> defaultdict[int, list[Seen]]:
    """The deliveries so far of each recipient."""
    found: defaultdict[int, list[Seen]] = defaultdict(list)
    for row in await fetch(tx, statements.SEEN, rows([recipient["id"]] for recipient in due)):
        times = (row["submitted_at"], row["delivered_at"], row["clicked_at"])
        found[row["recipient_id"]].append(Seen(row["delivery_channel"], State(row["state"]), *times))
    return found
