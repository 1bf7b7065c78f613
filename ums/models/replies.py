"""What people wrote back: written by `ums.messaging.delivering.replies` alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Reply(Model):
    """What somebody wrote back through a DeliveryChannel, once however often the provider tells it."""

    id = fields.BigIntField(primary_key=True)
    delivery_channel = fields.CharField(80)
    address = fields.CharField(320)
    at = fields.BigIntField()
    """When it was written, as the provider has it."""
    digest = fields.CharField(32)
    """Of the content, which is too long for a key."""
    content = fields.TextField()
    received_at = fields.BigIntField()
    message_id: int | None = fields.IntField(null=True)
    """The newest message that had gone to the address in the days before. No foreign key: it may be gone sooner."""

    class Meta:
        table = "reply"
        unique_together = (("address", "delivery_channel", "at", "digest"),)
        indexes = (Index(fields=("received_at",), name="reply_received"),)
