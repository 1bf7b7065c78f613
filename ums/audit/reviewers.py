"""Who may review what waits in a Channel, as Members are declared now."""

from ums.members.rights import Right
from ums.members.roster import member
from ums.snapshot import Snapshot


def reviewers(snapshot: Snapshot, channel: str) -> frozenset[str]:
    """The logins of those whose roles there allow it."""
    found = (member(snapshot, login) for login in snapshot.all("Member"))
    return frozenset(one.login for one in found if one and Right.REVIEW in one.rights_in(channel))
