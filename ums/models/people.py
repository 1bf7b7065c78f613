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


class PeopleList(Model):
    """A declared Blacklist, Whitelist or Segment, under a number that its members carry."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(20)
    name = fields.CharField(160)
    """The identity: `channel/name`."""

    class Meta:
        table = "people_list"
        unique_together = (("kind", "name"),)


class ListMember(Model):
    """Who is in a list, by userId, which may also be one that nobody has uploaded yet.

    The members that a document names are copied here by the apply, so that a list of fifty thousand is read by index,
    and by none of the many chunks of a send as a whole.
    """

    id = fields.BigIntField(primary_key=True)
    list: fields.ForeignKeyRelation[PeopleList] = fields.ForeignKeyField("ums.PeopleList", on_delete=fields.CASCADE)
    list_id: int
    user_id = fields.CharField(64)
    account: int | None = fields.BigIntField(null=True)
    """`User.id`, as soon as somebody needed it, so that a Segment is walked through in the order of the people."""

    class Meta:
        table = "list_member"
        unique_together = (("list", "user_id"),)
        indexes = (
            Index(fields=("list_id", "account"), name="list_member_account"),
            Index(fields=("user_id",), name="list_member_user"),
        )
