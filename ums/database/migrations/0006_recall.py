from tortoise import migrations
from tortoise.migrations import operations as ops
from ums.models.indexes import IndexWhere
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0005_list_members")]

    initial = False

    operations = [
        ops.AddField(model_name="Message", name="recalled_at", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Batch", name="recall_at", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Batch", name="recall_tries", field=fields.SmallIntField(db_default=0)),
        ops.AddField(model_name="Batch", name="recalled_at", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Batch", name="recall_verdict", field=fields.CharField(db_default="", max_length=20)),
        ops.AddField(model_name="Batch", name="recall_code", field=fields.CharField(db_default="", max_length=40)),
        ops.AddField(model_name="Batch", name="recall_words", field=fields.TextField(db_default="", unique=False)),
        ops.AddIndex(
            model_name="Batch",
            index=IndexWhere(fields=["recall_at"], name="batch_recall", where="recall_at IS NOT NULL"),
        ),
    ]
