"""What developers are told of their messages: an outbox, filled with the states and emptied by workers."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


class CallbackAddress(Model):
    """A URL of a Channel that was ever to be called."""

    id = fields.IntField(primary_key=True)
    channel = fields.CharField(80)
    url = fields.CharField(1000)
    validated_at: int | None = fields.BigIntField(null=True)
    """When it first sent back what it was asked to; nothing is posted to it before."""

    class Meta:
        table = "callback_address"
        unique_together = (("channel", "url"),)


class Callback(Model):
    """One thing that happened to a target and that nobody was told yet. What was told is removed."""

    id = fields.BigIntField(primary_key=True)
    address_id = fields.IntField()
    message_id = fields.IntField()
    recipient_id = fields.BigIntField()
    delivery_id: int | None = fields.BigIntField(null=True)
    """Null: it never came to one."""
    type = fields.SmallIntField()
    """A `Told` value."""
    at = fields.BigIntField()
    """When it happened."""
    reason = fields.CharField(20, db_default="")
    code = fields.CharField(40, db_default="")
    words = fields.TextField(db_default="")
    due_at: int | None = fields.BigIntField(null=True)
    """When it is posted at the latest, or again. Null: it was given up."""
    attempts = fields.SmallIntField(db_default=0)
    dead_at: int | None = fields.BigIntField(null=True)
    failure = fields.TextField(db_default="")
    """What went wrong the last time."""

    class Meta:
        table = "callback"
        indexes = (
            IndexWhere(fields=("address_id", "due_at"), name="callback_due", where="due_at IS NOT NULL"),
            IndexWhere(fields=("address_id", "id"), name="callback_fresh", where="due_at IS NOT NULL AND attempts = 0"),
            IndexWhere(fields=("recipient_id", "id"), name="callback_target", where="due_at IS NOT NULL"),
            IndexWhere(fields=("address_id", "id"), name="callback_dead", where="dead_at IS NOT NULL"),
            Index(fields=("message_id",), name="callback_message"),
        )
