from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0023_recurring")]

    initial = False

    operations = [
        ops.CreateModel(
            name="MemberPace",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("application", fields.CharField(max_length=200)),
                ("member", fields.CharField(max_length=255)),
                ("stretch", fields.BigIntField()),
                ("sent", fields.IntField()),
            ],
            options={
                "table": "member_pace",
                "app": "ums",
                "unique_together": (("application", "member", "stretch"),),
                "indexes": [Index(fields=["stretch"], name="member_pace_stretch")],
                "pk_attr": "id",
                "table_description": "Messages to one member of a platform's application in a few seconds.",
            },
            bases=["Model"],
        ),
    ]
