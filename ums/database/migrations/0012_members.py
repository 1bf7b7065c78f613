from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0011_linked_companies")]

    initial = False

    operations = [
        ops.CreateModel(
            name="MemberToken",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("member", fields.CharField(max_length=80)),
                ("name", fields.CharField(max_length=80)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.BigIntField()),
                ("created_by", fields.CharField(max_length=200)),
                ("expires_at", fields.BigIntField()),
                ("used_at", fields.BigIntField(null=True)),
            ],
            options={
                "table": "member_token",
                "app": "ums",
                "unique_together": (("member", "name"),),
                "pk_attr": "id",
                "table_description": "An API token of a Member, as its hash.",
            },
            bases=["Model"],
        ),
    ]
