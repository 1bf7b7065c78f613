"""`auditLog`: what Members did."""

from datetime import datetime
from typing import Annotated

import strawberry

from ums.api.words import Connection, Info, connection, limited, milliseconds, moment, position
from ums.members import audit_log


@strawberry.type(description="Something that a Member did, or tried to.")
class AuditLogEntry:
    id: strawberry.ID
    at: datetime
    who: str = strawberry.field(description="The login; of the command line the user who ran it.")
    means: str = strawberry.field(description="By which he got in, such as `token laptop` or `command line`.")
    channel: str | None = strawberry.field(description="For which Channel; null: for none.")
    what: str = strawberry.field(description="The mutation.")
    about: list[str] = strawberry.field(description="Ids and names as `word:value`, such as `message:7`.")
    problems: list[str] = strawberry.field(
        description="Codes; none: it was done. INTERRUPTED: it is being done, or nobody knows."
    )

    @classmethod
    def of(cls, entry: audit_log.Entry) -> "AuditLogEntry":
        return cls(
            id=strawberry.ID(str(entry.id)), at=moment(entry.at), who=entry.who, means=entry.means,
            channel=entry.channel or None, what=entry.what, about=entry.about, problems=entry.problems,
        )  # fmt: skip


@strawberry.input(description="What is left out does not narrow.")
class AuditLogFilter:
    who: str | None = None
    what: str | None = strawberry.field(default=None, description="A mutation.")
    about: str | None = strawberry.field(default=None, description="Such as `message:7`.")
    channel: str | None = strawberry.field(default=None, description="For an admin whose request is for no Channel.")
    at_from: datetime | None = None
    at_before: datetime | None = None
    failed: bool | None = strawberry.field(default=None, description="It had problems, or had none.")


@strawberry.type
class AuditLogQuery:
    @strawberry.field(
        description="What Members did, the newest first: in the Channel that the request is for; an admin without "
        "one sees everything."
    )
    async def audit_log(
        self,
        info: Info,
        narrow: Annotated[AuditLogFilter | None, strawberry.argument(name="filter")] = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[AuditLogEntry]:
        given, channel = narrow or AuditLogFilter(), info.context.caller.channel
        wanted = audit_log.Wanted(
            channel["name"] if channel else given.channel, given.who or "", given.what or "", given.about or "",
            milliseconds(given.at_from) if given.at_from else None,
            milliseconds(given.at_before) if given.at_before else None, given.failed,
        )  # fmt: skip
        found = await audit_log.page(wanted, first=limited(first), before_id=position(after))
        return connection([(entry.id, AuditLogEntry.of(entry)) for entry in found], first)
