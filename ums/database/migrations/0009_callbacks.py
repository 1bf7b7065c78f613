from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from ums.models.indexes import IndexWhere
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0008_deferred")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Callback",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("address_id", fields.IntField()),
                ("message_id", fields.IntField()),
                ("recipient_id", fields.BigIntField()),
                ("delivery_id", fields.BigIntField(null=True)),
                ("type", fields.SmallIntField()),
                ("at", fields.BigIntField()),
                ("reason", fields.CharField(db_default="", max_length=20)),
                ("code", fields.CharField(db_default="", max_length=40)),
                ("words", fields.TextField(db_default="", unique=False)),
                ("due_at", fields.BigIntField(null=True)),
                ("attempts", fields.SmallIntField(db_default=0)),
                ("dead_at", fields.BigIntField(null=True)),
                ("failure", fields.TextField(db_default="", unique=False)),
            ],
            options={
                "table": "callback",
                "app": "ums",
                "indexes": [
                    IndexWhere(fields=["address_id", "due_at"], name="callback_due", where="due_at IS NOT NULL"),
                    IndexWhere(
                        fields=["address_id", "id"], name="callback_fresh", where="due_at IS NOT NULL AND attempts = 0"
                    ),
                    IndexWhere(fields=["recipient_id", "id"], name="callback_target", where="due_at IS NOT NULL"),
                    IndexWhere(fields=["address_id", "id"], name="callback_dead", where="dead_at IS NOT NULL"),
                    Index(fields=["message_id"], name="callback_message"),
                ],
                "pk_attr": "id",
                "table_description": "One thing that happened to a target and that nobody was told yet. What was told is removed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CallbackAddress",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("url", fields.CharField(max_length=1000)),
            ],
            options={
                "table": "callback_address",
                "app": "ums",
                "unique_together": (("channel", "url"),),
                "pk_attr": "id",
                "table_description": "A URL of a Channel that was ever to be called.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Message",
            name="callback_params",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="Message",
            name="callback_url",
            field=fields.CharField(db_default="", max_length=1000),
        ),
        ops.AddField(
            model_name="Message",
            name="callbacks",
            field=fields.IntField(db_default=0),
        ),
    ]
