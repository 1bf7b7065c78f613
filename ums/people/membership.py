"""Who comes into a list and who leaves it, where the API keeps it."""

from collections.abc import Sequence

from ums.database import transaction
from ums.errors import CallerRefused, Problem
from ums.people import lists
from ums.people.users import MOST, check_user_id
from ums.schemas import did_you_mean
from ums.snapshot import Snapshot


async def change(snapshot: Snapshot, key: lists.Key, user_ids: Sequence[str], *, come: bool) -> int:
    """How many came into the list, or left it; the others were there already, or never.

    UserIds may be such as nobody has uploaded yet. Raises CallerRefused with every problem that was found.
    """
    problems = [*_check_list(snapshot, key), *_check_user_ids(user_ids)]
    if problems:
        raise CallerRefused(problems)
    return await _change(snapshot, key, user_ids, come=come)


async def take_in(snapshot: Snapshot, key: lists.Key, user_ids: Sequence[str]) -> int:
    """How many came into the list, of any number of userIds that were checked already; raises CallerRefused."""
    if problems := _check_list(snapshot, key):
        raise CallerRefused(problems)
    return await _change(snapshot, key, user_ids, come=True)


async def _change(snapshot: Snapshot, key: lists.Key, user_ids: Sequence[str], *, come: bool) -> int:
    async with transaction() as tx:
        number = (await lists.numbers(tx, [key])).get(key)
        if number is None:
            raise CallerRefused([_unknown(snapshot, key)])
        return await (lists.add if come else lists.remove)(tx, number, user_ids)


def _check_list(snapshot: Snapshot, key: lists.Key) -> list[Problem]:
    kind, identity = key
    body = snapshot.all(kind).get(identity)
    if body is None:
        return [_unknown(snapshot, key)]
    if body.get("membership") == "api":
        return []
    by = "a rule says" if "rules" in body else "the documents say"
    message = f"{by} who is in {kind} {identity}; change it there, or declare it with membership: api"
    return [Problem(path=_path(kind), code="not_kept_by_api", message=message)]


def _unknown(snapshot: Snapshot, key: lists.Key) -> Problem:
    kind, (channel, _, name) = key[0], key[1].partition("/")
    own = [full.partition("/")[2] for full in snapshot.all(kind) if full.startswith(f"{channel}/")]
    message = f"Channel {channel} has no {kind} {name!r}{did_you_mean(name, own)}"
    return Problem(path=_path(kind), code=f"unknown_{kind.lower()}", message=message)


def _path(kind: str) -> str:
    return "segment" if kind == "Segment" else "list"


def _check_user_ids(user_ids: Sequence[str]) -> list[Problem]:
    if len(user_ids) > MOST:
        message = f"found {len(user_ids)}, at most {MOST} are allowed in one call; send in parts"
        return [Problem(path="userIds", code="too_many", message=message)]
    return [problem for n, user_id in enumerate(user_ids) for problem in check_user_id(user_id, f"userIds[{n}]")]
