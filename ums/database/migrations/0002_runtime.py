from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from ums.models.indexes import IndexWhere
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Effect",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("revision", fields.IntField()),
                ("kind", fields.CharField(max_length=40)),
                ("name", fields.CharField(max_length=160)),
                ("what", fields.CharField(max_length=80)),
                ("status", fields.CharField(max_length=20)),
                ("attempts", fields.IntField(default=0)),
                ("last_error", fields.TextField(default="", unique=False)),
                ("next_at", fields.BigIntField(null=True)),
            ],
            options={
                "table": "effect",
                "app": "ums",
                "indexes": [IndexWhere(fields=["next_at"], name="effect_due", where="next_at IS NOT NULL")],
                "pk_attr": "id",
                "table_description": "Something to do outside the database because of a revision: after its commit, until it succeeds.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Override",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=40)),
                ("name", fields.CharField(max_length=160)),
                ("path", fields.CharField(max_length=200)),
                ("value", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.BigIntField()),
                ("author", fields.CharField(default="", max_length=200)),
            ],
            options={
                "table": "override",
                "app": "ums",
                "unique_together": (("kind", "name", "path"),),
                "pk_attr": "id",
                "table_description": "A declared value that was switched at run time: it holds until an apply ends it, and shows as drift.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WatchStatus",
            fields=[
                ("id", fields.IntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("status", fields.CharField(max_length=20)),
                ("revision", fields.IntField(default=0)),
                ("commit", fields.CharField(default="", max_length=64)),
                ("message", fields.TextField(default="", unique=False)),
                ("checked_at", fields.BigIntField()),
            ],
            options={
                "table": "watch_status",
                "app": "ums",
                "pk_attr": "id",
                "table_description": "How the last round of `ums watch` ended: one row, with the id 1.",
            },
            bases=["Model"],
        ),
        ops.AddIndex(
            model_name="ResourceVersion",
            index=Index(fields=["revision", "kind", "name"], name="resource_version_revision"),
        ),
        ops.AddField(
            model_name="Message",
            name="failure",
            field=fields.TextField(default="", db_default="", unique=False),
        ),
    ]
