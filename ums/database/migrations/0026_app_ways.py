from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0025_opened")]

    initial = False

    operations = [
        ops.AddField(model_name="Delivery", name="app_platform", field=fields.CharField(null=True, max_length=12)),
        ops.AddField(model_name="Delivery", name="app_sender", field=fields.CharField(null=True, max_length=12)),
        ops.AddField(
            model_name="WaitingReceipt", name="app_platform", field=fields.CharField(null=True, max_length=12)
        ),
        ops.AddField(model_name="WaitingReceipt", name="app_sender", field=fields.CharField(null=True, max_length=12)),
    ]
