from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0026_app_ways")]

    initial = False

    operations = [
        ops.AddField(model_name="CallbackAddress", name="validated_at", field=fields.BigIntField(null=True)),
        # Those that were called before anybody asked go on being called.
        RunSQL("UPDATE callback_address SET validated_at = 0", reverse_sql="SELECT 1"),
    ]
