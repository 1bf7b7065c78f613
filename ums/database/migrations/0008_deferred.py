from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("ums", "0007_deleted")]

    initial = False

    operations = [
        ops.AddField(model_name="Message", name="deferred_from", field=fields.BigIntField(null=True)),
    ]
