"""What waits for the review of people: tickets, whose desks they lie on, what was done with them."""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


class AuditTicket(Model):
    """One send, or one version of a declared template, and the levels of Members who must let it pass."""

    id = fields.IntField(primary_key=True)
    channel = fields.CharField(80)
    message_id: int | None = fields.IntField(null=True, unique=True)
    """The send that it is about. Null: it is about a template."""
    kind = fields.CharField(40, db_default="")
    """Of what is declared: `Template`. Empty for a send."""
    name = fields.CharField(160, db_default="")
    """The identity of what is declared, `channel/name`."""
    revision = fields.IntField()
    """Whose rules made it."""
    rules: list[str] = fields.JSONField()
    """The names of the AuditRules."""
    levels: list[list[str]] = fields.JSONField()
    """Logins, as the rules named them then."""
    level = fields.SmallIntField(db_default=0)
    """So many of the levels are passed."""
    state = fields.CharField(20)
    """A `TicketState` value."""
    version = fields.IntField(db_default=1)
    """Grows with whatever happens to it: who decides says which version that is about."""
    submitter = fields.CharField(80, db_default="")
    """The Member who sent it, or who is the author of the revision. Empty: a Channel's own system, or nobody known."""
    owner = fields.CharField(80, db_default="")
    """The Member who answers for a send."""
    before: Any = fields.JSONField(null=True)
    """The version of a template that stays in use meanwhile. Null: there is none."""
    after: Any = fields.JSONField(null=True)
    """The version that waits."""
    created_at = fields.BigIntField()
    closed_at: int | None = fields.BigIntField(null=True)

    class Meta:
        table = "audit_ticket"
        indexes = (IndexWhere(fields=("channel", "kind", "name"), name="audit_ticket_open", where="state = 'waiting'"),)


class AuditDesk(Model):
    """A ticket in one of the lists of one Member."""

    id = fields.BigIntField(primary_key=True)
    login = fields.CharField(80)
    view = fields.SmallIntField()
    """A `View` value."""
    ticket_id = fields.IntField()

    class Meta:
        table = "audit_desk"
        unique_together = (("login", "view", "ticket_id"),)
        indexes = (Index(fields=("ticket_id",), name="audit_desk_ticket"),)


class AuditEvent(Model):
    """Append-only: what was done with a ticket, by whom, and why."""

    id = fields.BigIntField(primary_key=True)
    ticket_id = fields.IntField()
    at = fields.BigIntField()
    login = fields.CharField(80, db_default="")
    """Empty: a Channel's own system, or the engine."""
    what = fields.CharField(20)
    """A `TicketEvent` value."""
    level = fields.SmallIntField(db_default=0)
    """The level that the ticket was at, from 1."""
    comment = fields.TextField(db_default="")

    class Meta:
        table = "audit_event"
        indexes = (Index(fields=("ticket_id", "id"), name="audit_event_ticket"),)


class HeldVersion(Model):
    """The declared version of a template is not approved: what was in use before it stays in use."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    ticket_id = fields.IntField()
    rejected = fields.BooleanField(db_default=False)
    in_use: Any = fields.JSONField(null=True)
    """Null: no version was ever approved."""

    class Meta:
        table = "held_version"
        unique_together = (("kind", "name"),)
