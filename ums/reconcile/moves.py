"""Which live object a declared one was before, by `moved: {from: old-name}`: renaming deletes and creates nothing."""

from collections.abc import Mapping

from ums.reconcile.kinds import BY_NAME, Body, Key

OWNER = "Channel"
"""The kind that owns others."""


def origins(desired: Mapping[Key, Body], live: Mapping[Key, Body], moved: Mapping[Key, Key]) -> dict[Key, Key]:
    """The live key of each declared object that is to be renamed.

    A `moved` that was applied already says nothing any more, so it may stand in the file as long as its author likes.
    What a renamed Channel owns goes with it.
    """
    if not moved:
        return {}
    channels = {new[1]: old[1] for new, old in moved.items() if new[0] == OWNER}
    found: dict[Key, Key] = {}
    for key in desired:
        old = _owner_before(moved.get(key, key), channels)
        if old != key and old in live and old not in desired and key not in live:
            found[key] = old
    return found


def _owner_before(key: Key, channels: Mapping[str, str]) -> Key:
    kind, name = key
    owner, slash, own = name.partition("/")
    return (kind, f"{channels.get(owner, owner)}/{own}") if slash and BY_NAME[kind].owned else key
