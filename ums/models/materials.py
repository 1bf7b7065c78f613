"""Files that Channels uploaded to be attached to what they send: written by `ums.messaging.materials` alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Material(Model):
    """A file of one Channel, for some hours. It is kept in the database, where every machine sees it."""

    id = fields.BigIntField(primary_key=True)
    channel = fields.CharField(80)
    key = fields.CharField(32, unique=True)
    """The end of its URL, random: who does not know it cannot name the file."""
    name = fields.CharField(255)
    content_type = fields.CharField(120)
    size = fields.BigIntField()
    """Bytes."""
    whole = fields.BooleanField(default=False)
    """False while parts of it are still being written."""
    created_at = fields.BigIntField()
    expires_at = fields.BigIntField()

    class Meta:
        table = "material"
        indexes = (Index(fields=("expires_at",), name="material_expired"),)


class MaterialPart(Model):
    """A stretch of a file, so that no statement carries much."""

    id = fields.BigIntField(primary_key=True)
    material_id = fields.BigIntField()
    number = fields.IntField()
    content = fields.BinaryField()

    class Meta:
        table = "material_part"
        unique_together = (("material_id", "number"),)
