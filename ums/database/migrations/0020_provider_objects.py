from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ums", "0019_authorization")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ProviderObject",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=40)),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("provider_id", fields.CharField(max_length=128)),
                ("account", fields.CharField(default="", max_length=64)),
                ("state", fields.CharField(max_length=20)),
                ("review", fields.CharField(default="", max_length=20)),
                ("reason", fields.TextField(default="", unique=False)),
                ("title", fields.CharField(default="", max_length=200)),
                ("text", fields.TextField(default="", unique=False)),
                ("said", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("checked_at", fields.BigIntField()),
                ("changes", fields.IntField()),
            ],
            options={
                "table": "provider_object",
                "app": "ums",
                "unique_together": (("kind", "delivery_channel", "provider_id"),),
                "pk_attr": "id",
                "table_description": "A template or a signature at a provider, whether or not a document declares it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Making",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=40)),
                ("name", fields.CharField(max_length=160)),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("provider_id", fields.CharField(default="", max_length=128)),
                ("asked", fields.CharField(default="", max_length=64)),
                ("busy_until", fields.BigIntField(default=0)),
                ("problem", fields.TextField(default="", unique=False)),
                ("changes", fields.IntField()),
            ],
            options={
                "table": "making",
                "app": "ums",
                "unique_together": (("kind", "name"),),
                "pk_attr": "id",
                "table_description": "A document that has something made at a provider, and how far that is.",
            },
            bases=["Model"],
        ),
    ]
