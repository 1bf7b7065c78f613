from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from ums.models.indexes import IndexWhere
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0022_attempt_requests")]

    initial = False

    operations = [
        ops.CreateModel(
            name="RecurringMessage",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("sender", fields.CharField(max_length=80)),
                ("created_at", fields.BigIntField()),
                ("request", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("cron", fields.CharField(max_length=120)),
                ("missed", fields.CharField(max_length=10)),
                ("until_at", fields.BigIntField(null=True)),
                ("times", fields.IntField(null=True)),
                ("occurred", fields.IntField()),
                ("state", fields.CharField(max_length=20)),
                ("next_at", fields.BigIntField(null=True)),
                ("idempotency_key", fields.CharField(null=True, max_length=120)),
                ("input_hash", fields.CharField(max_length=64)),
            ],
            options={
                "table": "recurring_message",
                "app": "ums",
                "unique_together": (("channel", "idempotency_key"),),
                "indexes": [
                    IndexWhere(fields=["next_at"], name="recurring_due", where="next_at IS NOT NULL"),
                    Index(fields=["channel", "id"], name="recurring_channel"),
                ],
                "pk_attr": "id",
                "table_description": "What a Channel asked to be sent at every occurrence of a cron expression on its clock.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Occurrence",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("recurring_id", fields.IntField()),
                ("at", fields.BigIntField()),
                ("outcome", fields.CharField(max_length=10)),
                ("message_id", fields.IntField(null=True)),
                ("problems", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "recurring_occurrence",
                "app": "ums",
                "unique_together": (("recurring_id", "at"),),
                "indexes": [
                    IndexWhere(fields=["message_id"], name="occurrence_message", where="message_id IS NOT NULL"),
                ],
                "pk_attr": "id",
                "table_description": "One time that a recurring message came, or should have come. Its key is what makes it come once.",
            },
            bases=["Model"],
        ),
    ]
