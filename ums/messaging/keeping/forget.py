"""Somebody is forgotten: the person and the addresses go everywhere, and what was done stays, about nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import COLLISIONS, execute, fetch, rows, transaction
from ums.members import audit_log
from ums.messaging.counts import Tally
from ums.messaging.delivering import replies
from ums.messaging.ledger import Entry, record
from ums.models import RecurringMessage
from ums.people import lists
from ums.snapshot import Snapshot
from ums.vocabulary import Reason, State

log = structlog.get_logger()

FORGOTTEN = "forgotten"
"""Stands where a userId or an address stood."""


@dataclass(frozen=True)
class Forgotten:
    """What was found of somebody."""

    known: bool
    """Whether there was such a user."""
    addresses: int
    recipients: int
    """Of messages, as a user or as a direct address."""
    documents: tuple[str, ...]
    """That name the userId, as `kind/identity`: their authors must take it out."""


async def forget(snapshot: Snapshot, user_id: str, now: int) -> Forgotten:
    """Remove a person: user, addresses, tags, places in lists, traces in messages and the audit log; all or nothing.

    Deliveries that were planned do not go out any more. Who has an address in common keeps the own history. What a
    message says is its sender's and is not searched.
    """
    for tries_left in reversed(range(5)):
        try:
            forgotten = await _forget(snapshot, user_id, now)
        except COLLISIONS:  # everything was rolled back; with somebody else's work on the same messages
            if not tries_left:
                raise
        else:
            break
    log.info("person_forgotten", known=forgotten.known, addresses=forgotten.addresses, recipients=forgotten.recipients)
    return forgotten


async def _forget(snapshot: Snapshot, user_id: str, now: int) -> Forgotten:
    async with transaction() as tx:
        known = await fetch(tx, "SELECT id FROM user_account WHERE user_id = $1 FOR UPDATE", user_id)
        account = known[0]["id"] if known else 0
        found = await fetch(tx, "SELECT DISTINCT value FROM address WHERE user_id = $1", account)
        addresses = [row["value"] for row in found]
        traces = await fetch(tx, _TRACES, account, user_id, rows([value] for value in addresses))
        ids = rows([row["id"]] for row in traces)
        tally = Tally()
        await _stop(tx, ids, now, tally)
        await execute(tx, _BLANK_DELIVERIES, ids, FORGOTTEN)
        await execute(tx, _BLANK_RECIPIENTS, ids, FORGOTTEN)
        await execute(tx, _DROP_RECEIPTS, rows([value] for value in addresses))
        await execute(tx, replies.FORGET, rows([value] for value in addresses))
        waiting = await fetch(tx, "SELECT id FROM message WHERE due_at IS NOT NULL AND NOT expanded")
        named_in = {row["id"] >> 32 for row in traces} | {row["id"] for row in waiting}
        await _blank_audiences(tx, sorted(named_in), {user_id, *addresses})
        await _blank_recurring(tx, {user_id, *addresses})
        await execute(tx, "DELETE FROM list_member WHERE user_id = $1", user_id)
        await execute(tx, audit_log.FORGET, audit_log.word_of_user(user_id), audit_log.word_of_user(FORGOTTEN))
        await execute(tx, "DELETE FROM user_account WHERE id = $1", account)
        await tally.count(tx, now)
    return Forgotten(bool(known), len(addresses), len(traces), tuple(_documents(snapshot, user_id)))


async def _stop(tx: BaseDBAsyncClient, ids: str, now: int, tally: Tally) -> None:
    """What has not gone out is over, in the ledger as everything that ends."""
    planned = await fetch(tx, _PLANNED, ids)
    await record(tx, [Entry(row["id"], State.INVALID, now, Reason.UNKNOWN_USER) for row in planned], now, tally)


async def _blank_audiences(tx: BaseDBAsyncClient, message_ids: Sequence[int], words: set[str]) -> None:
    """In what the callers gave, as it is kept with the messages."""
    for first in range(0, len(message_ids), 500):
        some = rows([n] for n in message_ids[first : first + 500])
        kept = [(row["id"], orjson.loads(row["audience"])) for row in await fetch(tx, _AUDIENCES, some)]
        changed = [(n, blank) for n, audience in kept if (blank := _blanked(audience, words)) != audience]
        if changed:
            await execute(tx, _KEEP_AUDIENCES, rows((n, orjson.dumps(audience).decode()) for n, audience in changed))


async def _blank_recurring(tx: BaseDBAsyncClient, words: set[str]) -> None:
    """In what is still to be sent, again and again; there are few of them."""
    for recurring in await RecurringMessage.all().using_db(tx).select_for_update():
        blank = _blanked(recurring.request["audience"], words)
        if blank != recurring.request["audience"]:
            recurring.request = {**recurring.request, "audience": blank}
            await recurring.save(using_db=tx, update_fields=["request"])


def _blanked(audience: dict[str, Any], words: set[str]) -> dict[str, Any]:
    blank = dict(audience)
    if users := audience.get("users"):
        blank["users"] = {**users, "userIds": _without(users["userIds"] or [], words)}
    if groups := audience.get("addresses"):
        blank["addresses"] = [{**group, "addresses": _without(group["addresses"], words)} for group in groups]
    return blank


def _without(given: Sequence[str], words: set[str]) -> list[str]:
    return [FORGOTTEN if one in words else one for one in given]


def _documents(snapshot: Snapshot, user_id: str) -> list[str]:
    return [
        f"{kind}/{identity}"
        for kind in lists.KINDS
        for identity, body in snapshot.all(kind).items()
        if user_id in body.get("members", ())
    ]


# As a user, as a name that nobody knew, and as a direct address.
_TRACES = """
SELECT id FROM recipient WHERE user_id = $1
UNION SELECT id FROM recipient WHERE user_id IS NULL AND target = $2
UNION SELECT r.id FROM ROWS($3: address text) AS given JOIN delivery d ON d.address = given.address
JOIN recipient r ON r.id = d.recipient_id WHERE r.user_id IS NULL
ORDER BY id"""

_PLANNED = """
SELECT d.id FROM ROWS($1: id bigint) AS given JOIN delivery d ON d.recipient_id = given.id WHERE d.state = 0"""

# The provider's words may repeat the address.
_BLANK_DELIVERIES = """
UPDATE delivery SET address = $2, words = '' WHERE recipient_id IN (SELECT id FROM ROWS($1: id bigint) AS given)"""

_BLANK_RECIPIENTS = """
UPDATE recipient SET target = $2, user_id = NULL, next_check_at = NULL
WHERE id IN (SELECT id FROM ROWS($1: id bigint) AS given)"""

_DROP_RECEIPTS = """
DELETE FROM waiting_receipt WHERE address IN (SELECT address FROM ROWS($1: address text) AS given)"""

_AUDIENCES = "SELECT m.id, m.audience FROM ROWS($1: id int) AS given JOIN message m ON m.id = given.id ORDER BY m.id"

_KEEP_AUDIENCES = """
UPDATE message SET audience = given.audience FROM ROWS($1: id int, audience jsonb) AS given
WHERE message.id = given.id"""
