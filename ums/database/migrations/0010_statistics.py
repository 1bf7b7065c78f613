from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.migrations.operations import RunSQL

# What was counted before: everything was heard when it was sent, as nobody kept more.
LOSSES = """
INSERT INTO message_loss (message_id, delivery_channel, state, reason, code, words, number)
SELECT id >> 32, delivery_channel, state, reason, code, max(words), count(*)
FROM delivery WHERE state IN (20, 30, 50) GROUP BY 1, 2, 3, 4, 5"""
COUNTS = """
INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
SELECT m.channel, w.attribution, CASE WHEN w.attribution = 2 THEN 0 ELSE m.send_at / 900000 END,
       c.delivery_channel, c.state, c.reason, CAST(sum(c.number) AS bigint)
FROM (SELECT message_id, delivery_channel, state, reason, number FROM message_count
      UNION ALL SELECT id, '', -1, '', 1 FROM message WHERE expanded OR state = 'failed') AS c
JOIN message m ON m.id = c.message_id
CROSS JOIN (SELECT 0 AS attribution UNION ALL SELECT 1 UNION ALL SELECT 2) AS w
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(c.number) <> 0"""


class Migration(migrations.Migration):
    dependencies = [("ums", "0009_callbacks")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ChannelCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("attribution", fields.SmallIntField()),
                ("bucket", fields.IntField()),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("state", fields.SmallIntField()),
                ("reason", fields.CharField(max_length=20)),
                ("number", fields.BigIntField()),
            ],
            options={
                "table": "channel_count",
                "app": "ums",
                "unique_together": (("channel", "attribution", "bucket", "delivery_channel", "state", "reason"),),
                "pk_attr": "id",
                "table_description": "The counters of all messages of a Channel by quarter of an hour: moved with those of the messages.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LossCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("message_id", fields.IntField()),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("state", fields.SmallIntField()),
                ("reason", fields.CharField(max_length=20)),
                ("code", fields.CharField(max_length=40)),
                ("words", fields.TextField(unique=False)),
                ("number", fields.BigIntField()),
            ],
            options={
                "table": "message_loss",
                "app": "ums",
                "unique_together": (("message_id", "delivery_channel", "state", "reason", "code"),),
                "pk_attr": "id",
                "table_description": "How many deliveries a provider lost with a code of its own: moved with the rows themselves.",
            },
            bases=["Model"],
        ),
        RunSQL([LOSSES, COUNTS]),
    ]
