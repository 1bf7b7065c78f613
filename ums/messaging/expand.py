"""From an audience to recipients, a chunk a transaction: the successor of a killed worker goes on where it stood."""

from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.database import execute, fetch, rows
from ums.messaging import statements
from ums.messaging.counts import USERS, added
from ums.messaging.fan_out import Chosen, FanOut
from ums.models import Message
from ums.people.targets import tag_binds
from ums.snapshot import Snapshot
from ums.vocabulary import MessageState, Reason, State

CHUNK = 10_000
"""Users a transaction: about a tenth of a second on SQLite, so that nobody waits long for the writer's lock."""


async def lock(tx: BaseDBAsyncClient, message_id: int) -> Message:
    """The message, held until the transaction ends: what moves its rows and counters goes one at a time."""
    await fetch(tx, "SELECT id FROM message WHERE id = $1 FOR UPDATE", message_id)
    return await Message.get(id=message_id, using_db=tx)


async def expand(tx: BaseDBAsyncClient, message: Message, snapshot: Snapshot, now: int) -> None:
    """Work out the next chunk of the audience; sets `message.expanded` after the last one."""
    out = FanOut(tx, message, snapshot, now)
    if "addresses" in message.audience:
        for group in message.audience["addresses"]:
            await out.give(group["deliveryChannel"], group["addresses"])
        return await _finish(out)
    before = message.recipients
    found = await _add_users(out)
    if found:
        base = message.id << 32
        await out.take(0, Chosen.between(base + before + 1, base + message.recipients))
    if found < CHUNK:
        await _lose_unknown_users(out)
        return await _finish(out)
    return await _save(out)


def unsendable(message: Message, newest: Snapshot) -> str:
    """Why a scheduled message cannot go out although its time has come; empty when it can, or when it has begun."""
    if message.recipients or message.send_at <= message.created_at:
        return ""
    groups = message.audience.get("addresses")
    codes = [group["deliveryChannel"] for group in groups] if groups else [c for s in message.steps for c in s["send"]]
    return newest.unusable(message.channel, codes)


async def fail(tx: BaseDBAsyncClient, message: Message, reason: str) -> None:
    """The message ends here, and says why; nobody was planned."""
    message.state, message.failure, message.due_at = MessageState.FAILED.value, reason, None
    await message.save(using_db=tx, update_fields=["state", "failure", "due_at"])


async def _add_users(out: FanOut) -> int:
    """The next chunk of users becomes recipients; how many there were."""
    message, base = out.message, (out.message.id << 32) + out.message.recipients
    query, values = await _audience(out)
    statement = statements.ADD_RECIPIENTS.format(chunk=query)
    await execute(out.tx, statement, base, message.id, message.cursor, CHUNK, *values)
    got = (await fetch(out.tx, statements.ADDED, base + 1, base + CHUNK))[0]
    number: int = got["number"]
    if number:
        message.recipients += number
        message.cursor = got["cursor"]
        out.cells.update(added(USERS, number))
    return number


async def _audience(out: FanOut) -> tuple[str, list[Any]]:
    """The query for the next users, and its parameters from $5 on."""
    users = out.message.audience.get("users")
    if users is None:
        return statements.EVERYBODY, []
    union, values = statements.USERS_BY_ID, [rows([n] for n in users["userIds"])]
    for tag, bind in await tag_binds(out.tx, users["tags"], out.channel_key):
        union += statements.USERS_BY_TAG.format(tag=len(values) + 5, bind=len(values) + 6)
        values += [tag, bind]
    return statements.CHOSEN_USERS.format(union=union), values


async def _lose_unknown_users(out: FanOut) -> None:
    """The caller named them, nobody knows them: planned, and lost for that reason."""
    named = (out.message.audience.get("users") or {}).get("userIds")
    unknown = await fetch(out.tx, statements.UNKNOWN_USERS, rows([n] for n in named)) if named else []
    if unknown:
        await out.add_recipients([(row["user_id"], State.LOST, Reason.UNKNOWN_USER.value) for row in unknown])


async def _finish(out: FanOut) -> None:
    message = out.message
    message.expanded, message.state, message.due_at = True, MessageState.SENDING.value, None
    await _save(out)
    if len(message.steps) > 1:
        await execute(out.tx, statements.NEXT_DUE, message.id)
    if not message.deliveries and await execute(out.tx, statements.SETTLE, message.id):
        message.state = MessageState.DONE.value


async def _save(out: FanOut) -> None:
    await out.counted()
    moved = ["cursor", "recipients", "deliveries", "expanded", "state", "due_at"]
    await out.message.save(using_db=out.tx, update_fields=moved)
