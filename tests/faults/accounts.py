"""Is every target accounted for exactly once? By brute force over the tables, and by the providers' own records."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.load import Load
from ums.database import Rows, connection, fetch, opened
from ums.vocabulary import State

Target = tuple[int, str]
"""Number of the send, and address as the provider knows it."""
SUBMITTED = 40
APP, SMS = "shopapp1", "shopsms"


@dataclass
class Record:
    """What the stand-ins of both providers accepted, as often as they did."""

    app: Counter[Target] = field(default_factory=Counter)
    sms: Counter[Target] = field(default_factory=Counter)

    @classmethod
    async def of(cls, load: Load) -> "Record":
        pushes = (await load.installation.record("jpush"))["accepted"]
        texts = (await load.installation.record("jsms"))["accepted"]
        return cls(
            Counter((int(one["push"]["notification"]["alert"]), t) for one in pushes for t in one["targets"]),
            Counter((one["temp_id"], t) for one in texts for t in one["targets"]),
        )

    def __add__(self, other: "Record") -> "Record":
        return Record(self.app + other.app, self.sms + other.sms)


async def accounted(load: Load, record: Record | None = None) -> int:
    """Assert that nothing is lost, open or counted twice; how many targets JSMS, which knows no key, got again.

    `record` is what the stand-ins accepted, for when one of them has lost its own.
    """
    record = record or await Record.of(load)
    async with opened(load.installation.settings):
        assert await _wrong_counters() == [], "the counters are not what the rows say"
        assert await _planned() == load.planned, "not everybody was planned exactly once"
        for what, statement in LEFT_OVERS.items():
            assert (what, await fetch(connection(), statement)) == (what, [])
        app, sms = await _ledger(load, APP), await _ledger(load, SMS)
    assert set(app.values()) <= {state for state in State if state >= SUBMITTED}, "an outcome under a key is known"
    assert sorted(target for target, times in record.app.items() if times > 1) == [], "JPush sent to somebody twice"
    assert set(record.app) == set(app), "the ledger and JPush do not agree about who got it"
    sure = {target for target, state in sms.items() if state >= SUBMITTED}
    unsure = {target for target, state in sms.items() if state == State.UNKNOWN}
    assert sure | unsure == set(sms)
    assert sure <= set(record.sms) <= sure | unsure, "the ledger and JSMS do not agree about who got it"
    return record.sms.total() - len(record.sms)


async def at_risk(load: Load) -> tuple[int, int]:
    """Batches of text messages, and targets in them, that somebody held and never told the outcome of."""
    async with opened(load.installation.settings):
        (row,) = await fetch(connection(), _AT_RISK, SMS)
    return row["batches"], row["targets"]


async def verdicts(load: Load) -> set[str]:
    """How calls to providers ended."""
    async with opened(load.installation.settings):
        return {row["verdict"] for row in await fetch(connection(), "SELECT DISTINCT verdict FROM attempt")}


async def lost_leases(load: Load, now: int) -> list[dict[str, Any]]:
    """Batches and messages that somebody still holds although nobody is there."""
    async with opened(load.installation.settings):
        return await fetch(connection(), _HELD, now)


async def _wrong_counters() -> Rows:
    """Counters and brute-force counts that are not the same; one statement, as receipts may still be coming in."""
    return await fetch(connection(), _WRONG)


async def _planned() -> dict[int, int]:
    return {row["message_id"]: row["number"] for row in await fetch(connection(), _PLANNED)}


async def _ledger(load: Load, code: str) -> dict[Target, int]:
    found = await fetch(connection(), "SELECT id, address, state FROM delivery WHERE delivery_channel = $1", code)
    ledger = {(load.numbers[r["id"] >> 32], r["address"].removeprefix("+86")): r["state"] for r in found}
    assert len(ledger) == len(found), "somebody has two deliveries of one message on one DeliveryChannel"
    return ledger


_PLANNED = """
SELECT message_id, sum(number) AS number FROM message_count WHERE delivery_channel = '' GROUP BY message_id"""

_WRONG = """
SELECT message_id, code, state, reason, sum(counter) AS counter, sum(counted) AS counted FROM (
    SELECT message_id, delivery_channel AS code, state, reason, number AS counter, 0 AS counted FROM message_count
    UNION ALL SELECT message_id, '', state, reason, 0, 1 FROM recipient
    UNION ALL SELECT id >> 32, delivery_channel, state, reason, 0, 1 FROM delivery) AS cells
GROUP BY message_id, code, state, reason HAVING sum(counter) <> sum(counted)
ORDER BY message_id, code, state, reason"""

LEFT_OVERS = {
    "messages with something to do": """
SELECT id, state FROM message WHERE state <> 'done' OR due_at IS NOT NULL OR NOT expanded ORDER BY id""",
    "open batches": "SELECT id, delivery_channel FROM batch WHERE done_at IS NULL ORDER BY id",
    "deliveries without an outcome": "SELECT id, address FROM delivery WHERE state = 0 ORDER BY id",
    "recipients that are not where their best delivery is": """
SELECT r.id, r.state, max(d.state) AS best FROM recipient r LEFT JOIN delivery d ON d.recipient_id = r.id
GROUP BY r.id, r.state HAVING r.state <> coalesce(max(d.state), 5) ORDER BY r.id""",
    "messages that do not know their own rows": """
SELECT m.id FROM message m
WHERE m.recipients <> (SELECT count(*) FROM recipient r WHERE r.message_id = m.id)
OR m.deliveries <> (SELECT count(*) FROM delivery d WHERE d.id >> 32 = m.id) ORDER BY m.id""",
}
"""What must be empty in the end."""

_AT_RISK = """
SELECT coalesce(sum(silent), 0) AS batches, coalesce(sum(silent * size), 0) AS targets FROM (
    SELECT b.last_id - b.first_id + 1 AS size,
           b.attempts - (SELECT count(*) FROM attempt a WHERE a.batch_id = b.id) AS silent
    FROM batch b WHERE b.delivery_channel = $1) AS taken WHERE silent > 0"""

_HELD = """
SELECT 'batch' AS what, id FROM batch WHERE done_at IS NULL AND lease_until > $1
UNION ALL SELECT 'message', id FROM message WHERE due_at IS NOT NULL AND lease_until > $1"""
