from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0018_audit_log")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Authorization",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("platform_id", fields.CharField(max_length=40)),
                ("account_id", fields.CharField(max_length=40)),
                ("title", fields.CharField(db_default="", max_length=200)),
                ("permissions", fields.CharField(db_default="", max_length=400)),
                ("since", fields.BigIntField()),
                ("ended_at", fields.BigIntField(null=True)),
            ],
            options={
                "table": "account_authorization",
                "app": "ums",
                "unique_together": (("platform_id", "account_id"),),
                "pk_attr": "id",
                "table_description": "That the administrator of an account at WeChat authorized our third-party platform, and for what.",
            },
            bases=["Model"],
        ),
    ]
