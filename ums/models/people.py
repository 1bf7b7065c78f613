"""Who can be reached and where. `bind` is `all`, a Channel Key or a DeliveryChannel code."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class User(Model):
    id = fields.BigIntField(primary_key=True)
    user_id = fields.CharField(64, unique=True)
    """The enterprise's own key for this person."""
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        table = "user_account"  # "user" is a reserved word in PostgreSQL


class Address(Model):
    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("ums.User", on_delete=fields.CASCADE)
    user_id: int
    type = fields.CharField(20)
    """A `ChannelType` value."""
    bind = fields.CharField(80)
    value = fields.CharField(320)

    class Meta:
        table = "address"
        unique_together = (("user", "type", "bind", "value"),)


class Tag(Model):
    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("ums.User", on_delete=fields.CASCADE)
    user_id: int
    bind = fields.CharField(80)
    tag = fields.CharField(40)

    class Meta:
        table = "tag"
        unique_together = (("user", "bind", "tag"),)
        indexes = (Index(fields=("tag", "bind", "user_id"), name="tag_users"),)
