"""From audiences to recipients, a chunk a transaction: the successor of a killed worker goes on where it stood.

Messages whose audience is given by name are worked out together, at a dozen statements for all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ums.database import execute, fetch, is_crowded, rows
from ums.messaging import statements
from ums.messaging.counts import USERS, cell
from ums.messaging.fan_out import FanOut, Pinned, Takers
from ums.models import Message
from ums.people.targets import tag_binds
from ums.snapshot import Snapshot
from ums.vocabulary import MessageState, Reason, State

CHUNK = 10_000
"""Users a transaction: about a tenth of a second on SQLite."""
CROWDED_CHUNK = 1_000
"""The same while others wait for the writer's lock."""


async def expand(out: FanOut, pinned: Iterable[Pinned]) -> None:
    """Work out the audiences, of each large one the next chunk; sets `message.expanded` after the last one."""
    named, addressed = [], []
    for each in pinned:
        if "addresses" in each.message.audience:
            addressed.append(each)
        elif is_named(each.message):
            named.append(each)
        else:
            await _expand_chunk(out, each)
    if addressed:
        await out.give({each.message.id: _by_code(each.message) for each in addressed})
    if named:
        await _expand_named(out, named)
    for each in [*addressed, *named]:
        _finish(out, each.message)


def is_named(message: Message) -> bool:
    """Whether the audience is given by name, hence at most a thousand a kind."""
    users = message.audience.get("users")
    return not users["tags"] if users else "addresses" in message.audience


def unsendable(message: Message, newest: Snapshot) -> str:
    """Why a scheduled message cannot go out although its time has come; empty when it can, or when it has begun."""
    if message.recipients or message.send_at <= message.created_at:
        return ""
    groups = message.audience.get("addresses")
    codes = [group["deliveryChannel"] for group in groups] if groups else [c for s in message.steps for c in s["send"]]
    return newest.unusable(message.channel, codes)


def fail(message: Message, reason: str) -> None:
    """The message ends here, and says why; nobody was planned."""
    message.state, message.failure, message.due_at = MessageState.FAILED.value, reason, None


def _by_code(message: Message) -> dict[str, list[str]]:
    """The direct addresses on each DeliveryChannel."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for group in message.audience["addresses"]:
        found[group["deliveryChannel"]] += group["addresses"]
    return found


async def _expand_named(out: FanOut, named: Sequence[Pinned]) -> None:
    """Users given by their ids; whom nobody knows is planned, and lost for that reason."""
    given, takers = [], []
    for each in named:
        user_ids, first = each.message.audience["users"]["userIds"], each.id(each.message.recipients + 1)
        given += [(first + n, user_id) for n, user_id in enumerate(user_ids)]
        each.message.recipients += len(user_ids)
        takers.append(Takers(first, first + len(user_ids) - 1, 0))
    await execute(out.tx, statements.ADD_NAMED_RECIPIENTS, rows(given), Reason.UNKNOWN_USER.value)
    for row in await fetch(out.tx, statements.RECIPIENTS_ADDED, rows(takers)):
        out.cells[row["message_id"], USERS, row["state"], row["reason"]] += row["number"]
    await out.take(takers)


async def _expand_chunk(out: FanOut, pinned: Pinned) -> None:
    """The next users of a large audience."""
    message, before = pinned.message, pinned.message.recipients
    most = CROWDED_CHUNK if is_crowded(out.tx) else CHUNK
    found = await _add_users(out, pinned, most)
    if found:
        await out.take([Takers(pinned.id(before + 1), pinned.id(message.recipients), 0)])
    if found == most:
        message.due_at = out.now  # behind whatever else is due by now
        return
    await _lose_unknown_users(out, pinned)
    _finish(out, message)


async def _add_users(out: FanOut, pinned: Pinned, most: int) -> int:
    """The next users, at most so many, become recipients; how many there were."""
    message, base = pinned.message, pinned.id(pinned.message.recipients)
    query, values = await _audience(out, pinned)
    statement = statements.ADD_RECIPIENTS.format(chunk=query)
    await execute(out.tx, statement, base, message.id, message.cursor, most, *values)
    got = (await fetch(out.tx, statements.ADDED, base + 1, base + most))[0]
    number: int = got["number"]
    if number:
        message.recipients += number
        message.cursor = got["cursor"]
        out.cells[cell(message.id, USERS)] += number
    return number


async def _audience(out: FanOut, pinned: Pinned) -> tuple[str, list[Any]]:
    """The query for the next users, and its parameters from $5 on."""
    users = pinned.message.audience.get("users")
    if users is None:
        return statements.EVERYBODY, []
    union, values = statements.USERS_BY_ID, [rows([n] for n in users["userIds"])]
    for tag, bind in await tag_binds(out.tx, users["tags"], pinned.channel_key):
        union += statements.USERS_BY_TAG.format(tag=len(values) + 5, bind=len(values) + 6)
        values += [tag, bind]
    return statements.CHOSEN_USERS.format(union=union), values


async def _lose_unknown_users(out: FanOut, pinned: Pinned) -> None:
    """The caller named them beside tags, nobody knows them: planned, and lost for that reason."""
    named = (pinned.message.audience.get("users") or {}).get("userIds")
    unknown = await fetch(out.tx, statements.UNKNOWN_USERS, rows([n] for n in named)) if named else []
    if unknown:
        first, why = pinned.message.recipients + 1, Reason.UNKNOWN_USER.value
        lost = [(pinned.id(n), row["user_id"], State.LOST, why) for n, row in enumerate(unknown, first)]
        await out.add_recipients(lost)


def _finish(out: FanOut, message: Message) -> None:
    """All is planned; steps behind the first may be due at once, for those whom that did not reach."""
    message.expanded, message.state = True, MessageState.SENDING.value
    message.due_at = out.now if len(message.steps) > 1 else None
