"""How many a message that waits would go to, as far as that is known before its audience is worked out."""

from collections.abc import Sequence

from ums.database import connection, fetch
from ums.models import Message
from ums.people.groups import EVERYBODY, Group, Parameters, View, known, number_of, segment, tagged
from ums.people.targets import tag_binds
from ums.snapshot import Snapshot


async def size(message: Message, newest: Snapshot) -> int | None:
    """People who are known today, before a Blacklist or Whitelist, or direct addresses; None: nobody can say now."""
    addressed = message.audience.get("addresses")
    if addressed is not None:
        return sum(len(group["addresses"]) for group in addressed)
    groups = await _groups(message, newest)
    if groups is None:
        return None
    if not groups:
        return 0
    put = Parameters()
    number: int = (await fetch(connection(), number_of(groups, put), *put.values))[0]["number"]
    return number


async def _groups(message: Message, newest: Snapshot) -> Sequence[Group] | None:
    """Whose union the audience is."""
    users, channel = message.audience.get("users"), newest.all("Channel").get(message.channel)
    if users is None:
        return [EVERYBODY]
    groups = [known(users["userIds"])] if users["userIds"] else []
    if channel is None:
        return None
    groups += [tagged(*each) for each in await tag_binds(connection(), users["tags"], channel["key"])]
    if name := users.get("segment"):
        identity = f"{message.channel}/{name}"
        body = newest.all("Segment").get(identity)
        if body is None:
            return None
        groups += await segment(connection(), identity, body, View.of(newest, channel))
    return groups
