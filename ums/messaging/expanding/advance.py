"""Policy steps: recipients whose time has come take the next step, wait on, or are done."""

from collections import defaultdict
from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import Rows, execute, fetch, fetch_tuples, rows
from ums.messaging import statements
from ums.messaging.expanding.fan_out import FanOut, Pinned, Takers
from ums.messaging.policy import Decision, Seen, Verdict, decide
from ums.vocabulary import Reason, State

CHUNK = 5_000
"""Recipients a transaction."""


async def advance(out: FanOut, pinned: Sequence[Pinned]) -> None:
    """Look at recipients whose `next_check_at` has come, the longest waiting first, and set their next one."""
    due = await fetch(out.tx, statements.DUE_RECIPIENTS, rows([each.message.id] for each in pinned), out.now, CHUNK)
    seen = await _seen(out.tx, due)
    checks: list[tuple[int, int, int | None]] = []
    takers, unreached = [], []
    for row in due:
        number, known = row["step"] + 1, seen[row["id"]]
        decision = _decide(out.pinned[row["message_id"]], number, known, out.now)
        taken = decision.verdict is Verdict.DUE
        checks.append((row["id"], number if taken else row["step"], decision.until))
        if taken:
            takers.append(Takers(row["id"], row["id"], number))
        elif decision.verdict is Verdict.ENDED and not known:
            unreached.append(row["id"])
    await execute(out.tx, statements.SET_CHECKS, rows(checks))
    await out.lose(unreached, Reason.TOO_LATE)
    await out.take(takers)


def _decide(pinned: Pinned, number: int, seen: list[Seen], now: int) -> Decision:
    if number >= len(pinned.steps):
        return Decision(Verdict.ENDED)
    return decide(pinned.steps[number], seen, now, pinned.message.send_at)


async def _seen(tx: BaseDBAsyncClient, due: Rows) -> defaultdict[int, list[Seen]]:
    """The deliveries so far of each recipient."""
    found: defaultdict[int, list[Seen]] = defaultdict(list)
    listed = rows([recipient["id"]] for recipient in due)
    for recipient, code, state, *times in await fetch_tuples(tx, statements.SEEN, listed):
        found[recipient].append(Seen(code, _STATES[state], *times))
    return found


_STATES = {int(state): state for state in State}
