"""How often members of applications were written to: written by `ums.messaging.pace` alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class MemberPace(Model):
    """Messages to one member of a platform's application in a few seconds."""

    id = fields.BigIntField(primary_key=True)
    application = fields.CharField(200)
    member = fields.CharField(255)
    stretch = fields.BigIntField()
    """Which few seconds, counted since the epoch."""
    sent = fields.IntField()

    class Meta:
        table = "member_pace"
        unique_together = (("application", "member", "stretch"),)
        indexes = (Index(fields=("stretch",), name="member_pace_stretch"),)
