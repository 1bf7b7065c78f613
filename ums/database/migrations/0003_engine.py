from tortoise import migrations
from tortoise.migrations import operations as ops
from ums.database.operations import PostgresOnly
from ums.models.indexes import IndexWhere
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0002_runtime")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DeliveryChannelStatus",
            fields=[
                ("delivery_channel", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=80)),
                ("next_at", fields.BigIntField(db_default=0)),
                ("closed_until", fields.BigIntField(db_default=0)),
                ("failures", fields.IntField(db_default=0)),
                ("since", fields.BigIntField(db_default=0)),
                ("code", fields.CharField(db_default="", max_length=40)),
                ("words", fields.TextField(db_default="", unique=False)),
            ],
            options={
                "table": "delivery_channel_status",
                "app": "ums",
                "pk_attr": "delivery_channel",
                "table_description": "How a DeliveryChannel is doing, known to all workers, without a row when it never had trouble nor a limit.",
            },
            bases=["Model"],
        ),
        ops.RemoveIndex(
            model_name="Batch",
            name="batch_due",
            fields=None,
        ),
        ops.AddField(
            model_name="Batch",
            name="turn_at",
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddField(model_name="Batch", name="ask_at", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Batch", name="asked", field=fields.SmallIntField(db_default=0)),
        ops.AddIndex(
            model_name="Batch",
            index=IndexWhere(fields=["ask_at"], name="batch_ask", where="ask_at IS NOT NULL"),
        ),
        ops.AddIndex(
            model_name="Batch",
            index=IndexWhere(fields=["priority", "turn_at"], name="batch_turn", where="done_at IS NULL"),
        ),
        ops.AddIndex(
            model_name="Batch",
            index=IndexWhere(fields=["delivery_channel", "lease_until"], name="batch_leased", where="done_at IS NULL"),
        ),
        ops.AddIndex(
            model_name="Message",
            index=IndexWhere(fields=["id"], name="message_sending", where="state = 'sending'"),
        ),
        # Room beside each row for its next version: an update that stays on the page leaves the indexes alone.
        PostgresOnly(["ALTER TABLE delivery SET (fillfactor = 50)", "ALTER TABLE recipient SET (fillfactor = 50)"]),
    ]
