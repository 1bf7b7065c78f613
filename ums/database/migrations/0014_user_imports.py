from tortoise import migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from ums.models.indexes import IndexWhere
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0013_places")]

    initial = False

    operations = [
        ops.CreateModel(
            name="UserImport",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("file_name", fields.CharField(max_length=255)),
                ("file", fields.BinaryField(null=True)),
                ("atomic", fields.BooleanField()),
                ("state", fields.CharField(max_length=20)),
                ("failure", fields.TextField(db_default="", unique=False)),
                ("total", fields.IntField()),
                ("rows", fields.IntField(db_default=0)),
                ("imported", fields.IntField(db_default=0)),
                ("wrong", fields.IntField(db_default=0)),
                ("created_at", fields.BigIntField()),
                ("ended_at", fields.BigIntField(null=True)),
                ("due_at", fields.BigIntField(null=True)),
                ("lease_token", fields.CharField(db_default="", max_length=32)),
            ],
            options={
                "table": "user_import",
                "app": "ums",
                "indexes": [
                    IndexWhere(fields=["due_at"], name="user_import_due", where="due_at IS NOT NULL"),
                    IndexWhere(fields=["ended_at"], name="user_import_ended", where="ended_at IS NOT NULL"),
                ],
                "pk_attr": "id",
                "table_description": "A spreadsheet that a worker works off, chunk by chunk: what was written stays, whoever is killed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ImportProblem",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "user_import",
                    fields.ForeignKeyField(
                        "ums.UserImport",
                        source_field="user_import_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("row", fields.IntField()),
                ("column_name", fields.CharField(max_length=40)),
                ("message", fields.TextField(unique=False)),
            ],
            options={
                "table": "import_problem",
                "app": "ums",
                "indexes": [Index(fields=["user_import_id", "id"], name="import_problem_import")],
                "pk_attr": "id",
                "table_description": "What is wrong with a row, which was therefore not imported.",
            },
            bases=["Model"],
        ),
    ]
