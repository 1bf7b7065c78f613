"""The Members as they are declared now, and which roles they have where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ums.members.rights import PERSONAL, Right, Role, rights_of
from ums.snapshot import Body, Snapshot


@dataclass(frozen=True)
class Member:
    """Somebody who works with UMS; `login` is the name of the document, the same for ever."""

    login: str
    title: str
    email: str
    roles: Mapping[Role, frozenset[str] | None]
    """The Channels, by name, in which each holds; None: in all."""

    @classmethod
    def of(cls, login: str, body: Body) -> "Member":
        roles = {
            Role(given["role"]): None if given["channels"] == "all" else frozenset(given["channels"])
            for given in body["roles"]
        }
        return cls(login, body["title"], body["email"], roles)

    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def roles_in(self, channel: str) -> list[Role]:
        return [role for role, where in self.roles.items() if where is None or channel in where]

    def rights_in(self, channel: str | None) -> frozenset[Right]:
        """What the Member may do in a Channel, by name; None: without one, where only an admin is more than himself."""
        if channel is None and not self.is_admin():
            return PERSONAL
        return PERSONAL | rights_of(self.roles if channel is None else self.roles_in(channel))

    def channels(self, declared: Iterable[str]) -> list[str]:
        """Those of the declared Channels in which the Member has any role."""
        return [name for name in declared if self.roles_in(name)]


def member(snapshot: Snapshot, login: str) -> Member | None:
    """Of that login; None when nobody of that name is declared now, or is disabled."""
    body = snapshot.all("Member").get(login)
    return Member.of(login, body) if body and body.get("enabled", True) else None


def member_by_email(snapshot: Snapshot, email: str) -> Member | None:
    """Of that address, in whatever case; None when it is nobody's, or not one's alone."""
    found: Sequence[str] = [
        login for login, body in snapshot.all("Member").items() if body["email"].lower() == email.lower()
    ]
    return member(snapshot, found[0]) if len(found) == 1 else None
