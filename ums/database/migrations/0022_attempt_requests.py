from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ums", "0021_sessions")]

    initial = False

    operations = [
        ops.AddField(model_name="Attempt", name="revision", field=fields.IntField(db_default=0)),
        ops.AddField(model_name="Attempt", name="requests", field=fields.TextField(db_default="", unique=False)),
    ]
