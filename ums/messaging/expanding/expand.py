"""From audiences to recipients, a chunk a transaction: the successor of a killed worker goes on where it stood.

Messages whose audience is given by name are worked out together, at a dozen statements for all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import structlog

from ums.database import execute, fetch, is_crowded, rows
from ums.messaging import statements
from ums.messaging.counts import USERS
from ums.messaging.expanding.cap import cap, take_turns
from ums.messaging.expanding.fan_out import FanOut, Pinned, Takers
from ums.models import Message
from ums.people import lists
from ums.people.groups import (
    EVERYBODY,
    NOBODY,
    Group,
    Parameters,
    View,
    chosen,
    in_list,
    known,
    negated,
    reached,
    segment,
    tagged,
)
from ums.people.targets import tag_binds
from ums.provider_objects.names import by_type
from ums.snapshot import Snapshot
from ums.vocabulary import MessageState, Reason

CHUNK = 10_000
"""Users a transaction: about a tenth of a second on SQLite."""
CROWDED_CHUNK = 1_000
"""The same while others wait for the writer's lock."""

LEAST = 500
"""Users a transaction of each of many tags."""

_END = 2**63 - 1

log = structlog.get_logger()


async def expand(out: FanOut, pinned: Iterable[Pinned], newest: Snapshot) -> None:
    """Work out the audiences, of each large one the next chunk; sets `message.expanded` after the last one.

    Segments and lists are taken as they are now, in `newest`.
    """
    named, addressed = [], []
    going = await _with_lists(out, list(pinned))
    await take_turns(out.tx, going)
    for each in going:
        if "addresses" in each.message.audience:
            addressed.append(each)
        elif is_named(each.message):
            named.append(each)
        else:
            await _expand_chunk(out, each, newest)
    if addressed:
        await out.give({each.message.id: _by_code(each.message) for each in addressed})
    if named:
        await _expand_named(out, named)
    for each in [*addressed, *named]:
        _finish(out, each.message)


def is_named(message: Message) -> bool:
    """Whether the audience is given by name, hence at most a thousand a kind."""
    users = message.audience.get("users")
    return not (users["tags"] or users.get("segment")) if users else "addresses" in message.audience


def filtering(message: Message) -> lists.Key | None:
    """The list that says who of the users gets nothing; direct addresses are nobody's, and pass."""
    return next(filter(None, _filters(message)), None)


def _filters(message: Message) -> tuple[lists.Key | None, lists.Key | None]:
    """The Blacklist, the Whitelist."""
    black, white = message.audience.get("blacklist"), message.audience.get("whitelist")
    return (
        ("Blacklist", f"{message.channel}/{black}") if black else None,
        ("Whitelist", f"{message.channel}/{white}") if white else None,
    )


async def _with_lists(out: FanOut, pinned: Sequence[Pinned]) -> list[Pinned]:
    """Those whose lists are there; who must get nothing is not guessed: the others end, and say why."""
    wanted = {each.message.id: list(_wanted(each.message)) for each in pinned}
    keys = {key for keys in wanted.values() for key in keys}
    there = await lists.numbers(out.tx, sorted(keys)) if keys else {}
    for each in pinned:
        gone = [f"{kind} {name}" for kind, name in wanted[each.message.id] if (kind, name) not in there]
        if gone and each.message.recipients:
            log.warning("rest_not_sent", message=each.message.id, because=f"{gone[0]} is not declared any more")
            _finish(out, each.message)
        elif gone:
            fail(each.message, f"{' and '.join(gone)} is not declared any more")
        elif number := there.get(_segment(each.message)):
            each.message.segment = number
            if not each.message.cursor:
                await lists.resolve(out.tx, number)
    return [each for each in pinned if all(key in there for key in wanted[each.message.id])]


def _wanted(message: Message) -> Iterator[lists.Key]:
    if key := filtering(message):
        yield key
    if (key := _segment(message))[1]:
        yield key


def _segment(message: Message) -> lists.Key:
    """The Segment of the audience; without one its name is empty."""
    name = (message.audience.get("users") or {}).get("segment")
    return "Segment", f"{message.channel}/{name}" if name else ""


def unsendable(message: Message, newest: Snapshot) -> str:
    """Why a message that waited cannot go out although its time has come; empty when it can, or when it has begun."""
    if message.recipients or message.send_at <= message.created_at:
        return ""
    groups = message.audience.get("addresses")
    codes = [group["deliveryChannel"] for group in groups] if groups else [c for s in message.steps for c in s["send"]]
    if reason := newest.unusable(message.channel, codes):
        return reason
    reach = by_type(newest.all("DeliveryChannel"), codes)
    return "; ".join(flaw.message for flaw in newest.names(message.channel).flaws(message.content, reach))


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
    numbers = await lists.numbers(out.tx, [key for each in named if (key := filtering(each.message))])
    given, takers = [], []
    for each in named:
        user_ids, first = each.message.audience["users"]["userIds"], each.id(each.message.recipients + 1)
        black, white = (numbers[key] if key else None for key in _filters(each.message))
        given += [(first + n, user_id, black, white) for n, user_id in enumerate(user_ids)]
        each.message.recipients += len(user_ids)
        takers.append(Takers(first, first + len(user_ids) - 1, 0))
    await execute(out.tx, statements.ADD_NAMED_RECIPIENTS, rows(given))
    await cap(out, [(each, (first, last)) for each, (first, last, _) in zip(named, takers, strict=True)])
    await _count_added(out, takers)
    await out.take(takers)


async def _expand_chunk(out: FanOut, pinned: Pinned, newest: Snapshot) -> None:
    """The next users of a large audience."""
    message = pinned.message
    until, query, put = await _next(out, pinned, newest)
    added = await _add_users(out, pinned, query, put)
    if added:
        await out.take([added])
    if until is not None:
        message.cursor, message.due_at = until, out.now  # behind whatever else is due by now
        return
    await _lose_unknown_users(out, pinned)
    _finish(out, message)


async def _next(out: FanOut, pinned: Pinned, newest: Snapshot) -> tuple[int | None, str, Parameters]:
    """Up to which user the next chunk goes (None: to the last), a query for its users, and that query's parameters."""
    message, groups = pinned.message, await _groups(out, pinned, newest)
    until: int | None = None
    most = CROWDED_CHUNK if is_crowded(out.tx) else CHUNK
    if groups:
        look = Parameters()
        window = reached(groups, look, look.add(message.cursor), look.add(max(most // len(groups), LEAST)))
        until = (await fetch(out.tx, window, *look.values))[0]["until"]
    put = Parameters(pinned.id(message.recipients), message.id, message.cursor, _END if until is None else until)
    if message.audience.get("users") is None:
        return until, statements.EVERYBODY, put
    return until, statements.CHOSEN.format(chosen=chosen(groups or [NOBODY], put, "$3", "$4")), put


async def _groups(out: FanOut, pinned: Pinned, newest: Snapshot) -> list[Group]:
    """Whose union the audience is."""
    users = pinned.message.audience.get("users")
    if users is None:
        return [EVERYBODY]
    groups = [known(users["userIds"])] if users["userIds"] else []
    groups += [tagged(*each) for each in await tag_binds(out.tx, users["tags"], pinned.channel_key)]
    identity = _segment(pinned.message)[1]
    if body := newest.all("Segment").get(identity):
        channel = newest.all("Channel")[pinned.message.channel]
        groups += await segment(out.tx, identity, body, View.of(newest, channel))
    return groups


async def _add_users(out: FanOut, pinned: Pinned, query: str, put: Parameters) -> Takers | None:
    """The chunk's users become recipients; those of them who are not filtered out take the first step."""
    message, statement = pinned.message, statements.ADD_RECIPIENTS.format(chunk=query)
    if key := filtering(message):
        number = (await lists.numbers(out.tx, [key]))[key]
        black, listed = key[0] == "Blacklist", in_list("chunk.user_id", number)
        lost = put.put(listed if black else negated(listed))
        reason = Reason.BLACKLISTED if black else Reason.NOT_WHITELISTED
        statement = statements.ADD_FILTERED_RECIPIENTS.format(chunk=query, lost=lost, reason=reason.value)
    before = message.recipients
    await execute(out.tx, statement, *put.values)
    await cap(out, [(pinned, (pinned.id(before + 1), pinned.id(2**32 - 1)))])
    message.recipients += await _count_added(out, [Takers(pinned.id(before + 1), pinned.id(2**32 - 1), 0)])
    return Takers(pinned.id(before + 1), pinned.id(message.recipients), 0) if message.recipients > before else None


async def _count_added(out: FanOut, takers: Sequence[Takers]) -> int:
    """How many recipients there are in these ranges; they are counted in their cells."""
    added = await fetch(out.tx, statements.RECIPIENTS_ADDED, rows(takers))
    for row in added:
        out.cells[row["message_id"], USERS, row["state"], row["reason"]] += row["number"]
    return sum(row["number"] for row in added)


async def _lose_unknown_users(out: FanOut, pinned: Pinned) -> None:
    """They were named, or are members of the Segment, and nobody knows them: planned, and lost for that reason."""
    users = pinned.message.audience.get("users") or {}
    key = _segment(pinned.message)
    number = (await lists.numbers(out.tx, [key])).get(key)
    if not users.get("userIds") and number is None:
        return
    message, before = pinned.message, pinned.message.recipients
    given = rows([n] for n in users["userIds"])
    await execute(out.tx, statements.ADD_UNKNOWN_RECIPIENTS, pinned.id(before), message.id, given, number)
    message.recipients += await _count_added(out, [Takers(pinned.id(before + 1), pinned.id(2**32 - 1), 0)])


def _finish(out: FanOut, message: Message) -> None:
    """All is planned; steps behind the first may be due at once, for those whom that did not reach."""
    message.expanded, message.state = True, MessageState.SENDING.value
    message.due_at = out.now if len(message.steps) > 1 else None
