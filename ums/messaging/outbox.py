"""The outbox of callbacks: what is to be told to developers is written with what it tells of, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import connection, execute, rows
from ums.messaging.ledger_statements import RUNS
from ums.vocabulary import Told

PATIENCE = 10_000
"""ms that a callback waits for others to go with it."""


def wanted(declared: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a message by a Channel's `callbacks` and a send's; raises KeyError, in words, for another URL."""
    urls = {one["url"]: one["default"] for one in declared.get("addresses", ())}
    url = asked.get("url") or next((url for url, default in urls.items() if default), "")
    if url and url not in urls:
        raise KeyError(f"{url} is no callback address of this Channel; it declares {', '.join(urls) or 'none'}")
    if not url or not declared["enabled"]:
        return {"callback_url": "", "callbacks": 0, "callback_params": None}
    bits = sum(1 << told for told in Told if told.status in declared["statuses"])
    return {"callback_url": url, "callbacks": bits, "callback_params": asked.get("params")}


async def know(addresses: Collection[tuple[str, str]]) -> None:
    """Channels, by name, and their URLs."""
    if addresses:
        await execute(connection(), _KNOW, rows(sorted(addresses)))


async def add_moves(tx: BaseDBAsyncClient, runs: str, now: int) -> None:
    """What the ledger is about to move; `runs` as ledger_statements.RUNS takes it."""
    await execute(tx, _ADD_MOVES, runs, now + PATIENCE)


async def add_returns(tx: BaseDBAsyncClient, runs: str, now: int) -> None:
    """Undelivered, of what the ledger is about to move back from delivered."""
    await execute(tx, _ADD_RETURNS, runs, now + PATIENCE)


async def add_lost(tx: BaseDBAsyncClient, new: Sequence[tuple[int, int]], lost: Sequence[int], now: int) -> None:
    """Recipients that were lost before anything was sent: those in ranges that are new, and others by their ids."""
    others = [n for n in lost if not any(low <= n <= high for low, high in new)]
    await execute(tx, _ADD_LOST, rows([*new, *((n, n) for n in others)]), now, now + PATIENCE)


async def add_recalls(tx: BaseDBAsyncClient, parts: Sequence[tuple[Any, ...]], now: int) -> None:
    """What providers said to recalls, as (first delivery, last, whether it failed, verdict, code, words).

    Those that were taken back have moved, and are told by that.
    """
    if parts:
        await execute(tx, _ADD_RECALLS, rows(parts), now, now + PATIENCE)


_KNOW = """
INSERT INTO callback_address (channel, url)
SELECT channel, url FROM ROWS($1: channel text, url text) AS given WHERE true ON CONFLICT (channel, url) DO NOTHING"""

WANTING = """
SELECT id FROM message WHERE callbacks <> 0 AND id IN (SELECT id FROM ROWS($1: id int) AS listed) LIMIT 1"""

_COLUMNS = "address_id, message_id, recipient_id, delivery_id, type, at, reason, code, words, due_at"

# What is told when a state below `below` gives way to one from `low` to `high`: several things when it skips some.
_TOLD = """(SELECT 0 AS type, 1 AS below, 10 AS low, 10 AS high UNION ALL SELECT 0, 1, 30, 70
    UNION ALL SELECT 1, 20, 20, 20 UNION ALL SELECT 2, 40, 40, 70 UNION ALL SELECT 3, 30, 30, 30
    UNION ALL SELECT 4, 60, 60, 70 UNION ALL SELECT 5, 50, 50, 50 UNION ALL SELECT 6, 70, 70, 70
    UNION ALL SELECT 7, 35, 35, 35 UNION ALL SELECT 7, 45, 45, 45)"""

_WANTS = "JOIN callback_address a ON a.channel = m.channel AND a.url = m.callback_url"

_ADD_MOVES = f"""
INSERT INTO callback ({_COLUMNS})
SELECT a.id, m.id, d.recipient_id, d.id, told.type, o.at, CASE WHEN told.type IN (1, 3, 5) THEN o.reason ELSE '' END,
    CASE WHEN told.type IN (1, 3, 5) THEN o.code ELSE '' END,
    CASE WHEN told.type IN (1, 3, 5) THEN o.words ELSE '' END, CAST($2 AS bigint)
FROM {RUNS} AS o JOIN delivery d ON d.id BETWEEN o.first_id AND o.last_id AND o.state > d.state
JOIN message m ON m.id = d.id >> 32 AND m.callbacks <> 0 {_WANTS}
JOIN {_TOLD} AS told ON d.state < told.below AND o.state BETWEEN told.low AND told.high
WHERE (m.callbacks >> told.type) & 1 = 1 ORDER BY d.id, told.type"""

_ADD_RETURNS = _ADD_MOVES.replace("o.state > d.state", "d.state = 60").replace("d.state < told.below", "told.type = 5")

_ADD_LOST = f"""
INSERT INTO callback ({_COLUMNS})
SELECT a.id, m.id, r.id, NULL, 1, CAST($2 AS bigint), r.reason, '', '', CAST($3 AS bigint)
FROM ROWS($1: first_id bigint, last_id bigint) AS run
JOIN recipient r ON r.id BETWEEN run.first_id AND run.last_id AND r.state = 5
JOIN message m ON m.id = r.message_id AND (m.callbacks >> 1) & 1 = 1 {_WANTS} ORDER BY r.id"""

# 60: delivered, and then taken off the screens as far as the provider can. 70: clicked before.
_ADD_RECALLS = f"""
INSERT INTO callback ({_COLUMNS})
SELECT a.id, m.id, d.recipient_id, d.id, told.type, CAST($2 AS bigint),
    CASE WHEN told.type = 7 THEN '' WHEN d.state = 70 THEN 'too_late' ELSE part.verdict END,
    part.code, part.words, CAST($3 AS bigint)
FROM ROWS($1: first_id bigint, last_id bigint, failed boolean, verdict text, code text, words text) AS part
JOIN delivery d ON d.id BETWEEN part.first_id AND part.last_id AND d.state IN (10, 40, 60, 70)
JOIN message m ON m.id = d.id >> 32 AND m.callbacks <> 0 {_WANTS}
JOIN (SELECT 7 AS type UNION ALL SELECT 8) AS told
    ON told.type = CASE WHEN part.failed OR d.state <> 60 THEN 8 ELSE 7 END
WHERE (m.callbacks >> told.type) & 1 = 1 ORDER BY d.id"""
