from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from ums.database.operations import PostgresOnly, SqliteOnly
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

# What is applied already gets its members too, as an apply would give them.
LISTS = """
INSERT INTO people_list (kind, name) SELECT kind, name FROM resource WHERE kind IN ('Blacklist', 'Whitelist', 'Segment')"""

MEMBERS = """
INSERT INTO list_member (list_id, user_id) SELECT DISTINCT l.id, {value}
FROM people_list l JOIN resource r ON r.kind = l.kind AND r.name = l.name CROSS JOIN {members} AS named"""


class Migration(migrations.Migration):
    dependencies = [("ums", "0004_provider_token")]

    initial = False

    operations = [
        ops.CreateModel(
            name="PeopleList",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=20)),
                ("name", fields.CharField(max_length=160)),
            ],
            options={
                "table": "people_list",
                "app": "ums",
                "unique_together": (("kind", "name"),),
                "pk_attr": "id",
                "table_description": "A declared Blacklist, Whitelist or Segment, under a number that its members carry.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ListMember",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "list",
                    fields.ForeignKeyField(
                        "ums.PeopleList",
                        source_field="list_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("user_id", fields.CharField(max_length=64)),
                ("account", fields.BigIntField(null=True)),
            ],
            options={
                "table": "list_member",
                "app": "ums",
                "unique_together": (("list", "user_id"),),
                "indexes": [
                    Index(fields=["list_id", "account"], name="list_member_account"),
                    Index(fields=["user_id"], name="list_member_user"),
                ],
                "pk_attr": "id",
                "table_description": "Who is in a list, by userId, which may also be one that nobody has uploaded yet.",
            },
            bases=["Model"],
        ),
        RunSQL([LISTS]),
        PostgresOnly([MEMBERS.format(value="named.value", members="jsonb_array_elements_text(r.body -> 'members')")]),
        SqliteOnly([MEMBERS.format(value="named.value", members="json_each(r.body, '$.members')")]),
    ]
