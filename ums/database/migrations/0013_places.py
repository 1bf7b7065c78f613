from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0012_members")]

    initial = False

    operations = [
        ops.AddField(
            model_name="ResourceVersion", name="file", field=fields.CharField(default="", db_default="", max_length=500)
        ),
        ops.AddField(
            model_name="ResourceVersion",
            name="lines",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
    ]
