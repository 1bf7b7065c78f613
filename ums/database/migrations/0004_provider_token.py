from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0003_engine")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ProviderToken",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("delivery_channel", fields.CharField(max_length=80)),
                ("name", fields.CharField(max_length=80)),
                ("ciphertext", fields.TextField(unique=False)),
                ("expires_at", fields.BigIntField()),
                ("lease_until", fields.BigIntField()),
                ("lease_token", fields.CharField(max_length=32)),
            ],
            options={
                "table": "provider_token",
                "app": "ums",
                "unique_together": (("delivery_channel", "name"),),
                "pk_attr": "id",
                "table_description": "A token of a DeliveryChannel's account at its platform, and who is fetching another.",
            },
            bases=["Model"],
        ),
    ]
