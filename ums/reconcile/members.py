"""The members of lists go where a send looks for them: into a table of their own, in the transaction of the apply.

A message of a million targets is worked out in a hundred chunks, and each of them reads a few thousand of a list by
index; out of the documents every one of them would have to parse all of it.
"""

from collections.abc import Iterable

from tortoise.backends.base.client import BaseDBAsyncClient

from ums.people import lists
from ums.reconcile.change import Change
from ums.reconcile.kinds import BY_NAME


async def keep_members(tx: BaseDBAsyncClient, changes: Iterable[Change]) -> None:
    """Lists that come, go, are renamed, or have other members now; those that the API keeps stay as they are."""
    concerned = [change for change in changes if _has_members(change.kind)]
    gone = [change.key for change in concerned if change.after is None]
    moved = [(change.kind, change.moved_from, change.name) for change in concerned if change.moved_from]
    there = [change for change in concerned if change.after is not None]
    if gone:
        await lists.drop(tx, gone)
    if moved:
        await lists.rename(tx, moved)
    if there:
        await lists.declare(tx, [change.key for change in there])
    for change in there:
        body = change.after or {}
        if body.get("membership") != "api":
            await lists.fill(tx, change.key, body.get("members", ()))


def _has_members(kind: str) -> bool:
    known = BY_NAME.get(kind)
    return known is not None and any(listed.property == "members" for listed in known.lists)
