"""Sends that come again and again, and what became of each time."""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


class RecurringMessage(Model):
    """What a Channel asked to be sent at every occurrence of a cron expression on its clock."""

    id = fields.IntField(primary_key=True)
    channel = fields.CharField(80)
    sender = fields.CharField(80)
    """The Member who made it. Empty: the Channel's own system."""
    created_at = fields.BigIntField()
    request: dict[str, Any] = fields.JSONField()
    """The `SendRequest` of each occurrence."""
    cron = fields.CharField(120)
    missed = fields.CharField(10)
    """A `Missed` value."""
    until_at: int | None = fields.BigIntField(null=True)
    """No occurrence comes later."""
    times: int | None = fields.IntField(null=True)
    """So many occurrences come, and no more."""
    occurred = fields.IntField()
    """So many came, accepted or refused."""
    state = fields.CharField(20)
    """A `RecurringState` value."""
    next_at: int | None = fields.BigIntField(null=True)
    """When the next one comes. Null: none does, unless it is resumed."""
    idempotency_key = fields.CharField(120, null=True)
    input_hash = fields.CharField(64)

    class Meta:
        table = "recurring_message"
        unique_together = (("channel", "idempotency_key"),)
        indexes = (
            IndexWhere(fields=("next_at",), name="recurring_due", where="next_at IS NOT NULL"),
            Index(fields=("channel", "id"), name="recurring_channel"),
        )


class Occurrence(Model):
    """One time that a recurring message came, or should have come. Its key is what makes it come once."""

    id = fields.BigIntField(primary_key=True)
    recurring_id = fields.IntField()
    at = fields.BigIntField()
    outcome = fields.CharField(10)
    """An `OccurrenceOutcome` value."""
    message_id: int | None = fields.IntField(null=True)
    problems: list[dict[str, str]] = fields.JSONField()
    """Why it was refused: `code`, `message` and `path` of each."""

    class Meta:
        table = "recurring_occurrence"
        unique_together = (("recurring_id", "at"),)
        indexes = (IndexWhere(fields=("message_id",), name="occurrence_message", where="message_id IS NOT NULL"),)
