from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0017_segments")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AuditLogEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.BigIntField()),
                ("who", fields.CharField(max_length=200)),
                ("means", fields.CharField(max_length=100)),
                ("channel", fields.CharField(max_length=80)),
                ("what", fields.CharField(max_length=100)),
                ("about", fields.TextField(unique=False)),
                ("problems", fields.TextField(unique=False)),
            ],
            options={
                "table": "audit_log",
                "app": "ums",
                "indexes": [
                    Index(fields=["channel", "id"], name="audit_log_channel"),
                    Index(fields=["who", "id"], name="audit_log_who"),
                    Index(fields=["at"], name="audit_log_at"),
                ],
                "pk_attr": "id",
                "table_description": "Something that a Member did, or tried to.",
            },
            bases=["Model"],
        ),
    ]
