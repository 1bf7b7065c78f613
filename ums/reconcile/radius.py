"""The blast radius: which templates, policies, scheduled messages and people feel a change, gathered for a plan."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ums.database import connection, fetch, rows
from ums.models import Message
from ums.people.targets import ALL, binds
from ums.reconcile.change import Change
from ums.reconcile.kinds import Body, Key
from ums.reconcile.plan import Live, Plan, after, referred
from ums.reconcile.touched import Touched
from ums.snapshot import Snapshot, channel_type
from ums.vocabulary import ChannelType, MessageState

_USERS = """SELECT count(DISTINCT a.user_id) AS users FROM address a
JOIN ROWS($1: type text, bind text) AS given ON given.type = a.type AND given.bind = a.bind"""


async def with_radius(plan: Plan, live: Live, now: int) -> Plan:
    """`plan`, saying whom each change of what is live touches. What is new touches nobody yet."""
    touching = [change for change in plan.changes if change.before is not None]
    if not touching:
        return plan
    here = _House.of(plan.changes, live)
    scheduled = await _scheduled(now) if any(here.codes(change) for change in touching) else []
    touched = {}
    for change in touching:
        codes = here.codes(change)
        found = here.touched(change, codes)
        number = sum(1 for channel, used in scheduled if _waits_for(change, codes, channel, used))
        touched[change.key] = replace(found, scheduled=number, users=await here.users(codes))
    return replace(plan, touched={key: one for key, one in touched.items() if one != Touched()})


async def _scheduled(now: int) -> list[tuple[str, frozenset[str]]]:
    """The Channel and the DeliveryChannels of each message whose time has not come."""
    waiting = Message.filter(state__in=[MessageState.WAITING.value, MessageState.AUDITING.value], send_at__gt=now)
    found = await waiting.values_list("channel", "steps")
    return [(channel, frozenset(code for step in steps for code in step["send"])) for channel, steps in found]


def _waits_for(change: Change, codes: frozenset[str], channel: str, used: frozenset[str]) -> bool:
    # A message is pinned to its revision: what it says and its steps do not change any more, its connections do.
    of_channel = change.kind != "Channel" or change.old_key[1] == channel
    return of_channel and bool(codes & used)


@dataclass(frozen=True)
class _House:
    """What is live before and after, and who refers to whom."""

    before: Mapping[Key, Body]
    after: Mapping[Key, Body]
    then: Snapshot
    afterwards: Snapshot
    referrers: Mapping[Key, Sequence[Key]]

    @classmethod
    def of(cls, changes: Iterable[Change], live: Live) -> "_House":
        referrers: defaultdict[Key, list[Key]] = defaultdict(list)
        for key, body in live.bodies.items():
            for target in dict.fromkeys(referred(key, body)):
                referrers[target].append(key)
        result = after(changes, live)
        return cls(live.bodies, result, _snapshot(live.bodies), _snapshot(result), referrers)

    def codes(self, change: Change) -> frozenset[str]:
        """The DeliveryChannels that a change touches: itself, or those whose grant it changes."""
        if change.kind == "DeliveryChannel":
            return frozenset([change.old_key[1]])
        if change.kind != "Channel":
            return frozenset()
        old, new = _granted(change.before), _granted(change.after)
        return frozenset(code for code in {*old, *new} if old.get(code) != new.get(code))

    def touched(self, change: Change, codes: frozenset[str]) -> Touched:
        near = self.referrers.get(change.old_key, ())
        channels = [key for key in near if key[0] == "Channel"] if change.kind == "DeliveryChannel" else []
        owned = [key for one in channels for key in self.referrers.get(one, ())]
        users = sorted({*near, *owned})
        if change.kind == "DeliveryChannel" or (change.kind == "Channel" and change.after is not None):
            # Most changes of a Channel are a title: only what uses a changed grant feels it.
            users = [key for key in users if self._uses(key, codes)]
        return Touched(
            templates=tuple(name for kind, name in users if kind == "Template"),
            policies=tuple(name for kind, name in users if kind == "SendPolicy"),
            invalid=tuple(line for key in users for line in self._reasons(key)),
        )

    async def users(self, codes: Iterable[str]) -> int:
        """People with an address that one of these DeliveryChannels would use."""
        places = sorted({place for code in codes for place in self._places(code)})
        if not places:
            return 0
        found = await fetch(connection(), _USERS, rows(places))
        return int(found[0]["users"])

    def _places(self, code: str) -> Iterator[tuple[str, str]]:
        declared = self.before.get(("DeliveryChannel", code))
        if declared is None:
            return
        channels = [body for (kind, _), body in self.before.items() if kind == "Channel" and code in _granted(body)]
        keys = {str(body["key"]) for body in channels} or {ALL}
        yield from ((channel_type(declared).value, bind) for key in keys for bind in binds(declared, key))

    def _type(self, code: str) -> ChannelType | None:
        body = self.before.get(("DeliveryChannel", code))
        return channel_type(body) if body else None

    def _uses(self, key: Key, codes: frozenset[str]) -> bool:
        """Whether a policy sends on one of these, or a template has content for it and its Channel the grant."""
        body = self.before[key]
        if any(target == ("DeliveryChannel", code) for code in codes for target in referred(key, body)):
            return key[0] != "Channel"
        granted = codes & _granted(self.before.get(("Channel", body.get("channel", "")))).keys()
        types = {reaches.value for code in granted if (reaches := self._type(code))}
        return bool(types & body.get("content", {}).keys())

    def _reasons(self, key: Key) -> Iterator[str]:
        """Why `key` is not valid afterwards, where it is now."""
        body = self.after.get(key)
        if body is None:
            return
        missing = [target for target in dict.fromkeys(referred(key, body)) if target not in self.after]
        yield from (f"{'/'.join(key)}: {'/'.join(target)} is gone" for target in missing)
        was = self.then.invalid(body["channel"]) if "channel" in body else {}
        reason = self.afterwards.invalid(body["channel"]).get(key) if "channel" in body else None
        if reason and key not in was and not missing:
            yield f"{'/'.join(key)}: {reason}"


def _granted(channel: Body | None) -> Mapping[str, Any]:
    """The DeliveryChannels of a Channel, and whether each is switched on."""
    return {grant["name"]: grant["enabled"] for grant in (channel or {}).get("deliveryChannels", ())}


def _snapshot(bodies: Mapping[Key, Body]) -> Snapshot:
    named: dict[str, dict[str, Body]] = {}
    for (kind, name), body in bodies.items():
        named.setdefault(kind, {})[name] = body
    return Snapshot(bodies=named)
