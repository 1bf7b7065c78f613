from tortoise import migrations
from tortoise.migrations import operations as ops
from ums.models.indexes import IndexWhere
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0006_recall")]

    initial = False

    operations = [
        ops.AddField(model_name="Message", name="deleted_at", field=fields.BigIntField(null=True)),
        ops.AddIndex(
            model_name="Message",
            index=IndexWhere(fields=["deleted_at"], name="message_deleted", where="deleted_at IS NOT NULL"),
        ),
    ]
