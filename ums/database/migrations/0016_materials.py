from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0015_audit")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Material",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("key", fields.CharField(unique=True, max_length=32)),
                ("name", fields.CharField(max_length=255)),
                ("content_type", fields.CharField(max_length=120)),
                ("size", fields.BigIntField()),
                ("whole", fields.BooleanField(default=False)),
                ("created_at", fields.BigIntField()),
                ("expires_at", fields.BigIntField()),
            ],
            options={
                "table": "material",
                "app": "ums",
                "indexes": [Index(fields=["expires_at"], name="material_expired")],
                "pk_attr": "id",
                "table_description": "A file of one Channel, for some hours. It is kept in the database, where every machine sees it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MaterialPart",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("material_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("content", fields.BinaryField()),
            ],
            options={
                "table": "material_part",
                "app": "ums",
                "unique_together": (("material_id", "number"),),
                "pk_attr": "id",
                "table_description": "A stretch of a file, so that no statement carries much.",
            },
            bases=["Model"],
        ),
    ]
