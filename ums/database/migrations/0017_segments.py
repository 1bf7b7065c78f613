from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL

# What was sent to a Segment that is still there.
SEGMENTS = """
UPDATE message SET segment = (
    SELECT l.id FROM people_list l
    WHERE l.kind = 'Segment' AND l.name = message.channel || '/' || (message.audience -> 'users' ->> 'segment'))
WHERE expanded AND (audience -> 'users' ->> 'segment') IS NOT NULL"""
COUNTS = """
INSERT INTO channel_count (channel, attribution, bucket, delivery_channel, state, reason, number)
SELECT CAST(m.segment AS text), 3, m.send_at / 900000, c.delivery_channel, c.state, c.reason,
       CAST(sum(c.number) AS bigint)
FROM (SELECT message_id, delivery_channel, state, reason, number FROM message_count
      UNION ALL SELECT id, '', -1, '', 1 FROM message) AS c
JOIN message m ON m.id = c.message_id WHERE m.segment IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(c.number) <> 0"""


class Migration(migrations.Migration):
    dependencies = [("ums", "0016_materials")]

    initial = False

    operations = [
        ops.AddField(model_name="Message", name="segment", field=fields.IntField(null=True)),
        ops.CreateModel(
            name="SegmentSize",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("list_id", fields.IntField()),
                ("day", fields.CharField(max_length=10)),
                ("size", fields.BigIntField()),
            ],
            options={
                "table": "segment_size",
                "app": "ums",
                "unique_together": (("list_id", "day"),),
                "pk_attr": "id",
                "table_description": "How many people a Segment had on a day of its Channel, as a nightly task found them.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Night",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("task", fields.CharField(max_length=20)),
                ("channel", fields.CharField(max_length=80)),
                ("day", fields.CharField(max_length=10)),
                ("lease_until", fields.BigIntField()),
                ("done_at", fields.BigIntField(null=True)),
                ("found", fields.IntField(db_default=0)),
                ("words", fields.TextField(db_default="", unique=False)),
            ],
            options={
                "table": "night",
                "app": "ums",
                "unique_together": (("task", "channel", "day"),),
                "pk_attr": "id",
                "table_description": "What is done once a day for each Channel, by whichever worker comes first.",
            },
            bases=["Model"],
        ),
        RunSQL([SEGMENTS, COUNTS]),
    ]
