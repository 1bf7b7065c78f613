"""Which live object a declared one was before, by `moved: {from: old-name}`: renaming deletes and creates nothing."""

from collections.abc import Mapping

from ums.reconcile.kinds import Body, Key


def origins(desired: Mapping[Key, Body], live: Mapping[Key, Body], moved: Mapping[Key, Key]) -> dict[Key, Key]:
    """The live key of each declared object that is to be renamed.

    A `moved` that was applied already says nothing any more, so it may stand in the file as long as its author likes.
    """
    return {
        key: old
        for key, old in moved.items()
        if key in desired and old in live and old not in desired and key not in live
    }
