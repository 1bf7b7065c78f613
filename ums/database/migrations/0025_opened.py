from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0024_member_pace")]

    initial = False

    operations = [
        ops.AddField(model_name="Delivery", name="opened_at", field=fields.BigIntField(null=True)),
    ]
