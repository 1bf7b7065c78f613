from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0027_validated")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Reply",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("address", fields.CharField(max_length=320)),
                ("at", fields.BigIntField()),
                ("digest", fields.CharField(max_length=32)),
                ("content", fields.TextField(unique=False)),
                ("received_at", fields.BigIntField()),
                ("message_id", fields.IntField(null=True)),
            ],
            options={
                "table": "reply",
                "app": "ums",
                "unique_together": (("address", "delivery_channel", "at", "digest"),),
                "indexes": [Index(fields=["received_at"], name="reply_received")],
                "pk_attr": "id",
                "table_description": "What somebody wrote back through a DeliveryChannel, once however often the provider tells it.",
            },
            bases=["Model"],
        ),
    ]
