from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("ums", "0020_provider_objects")]

    initial = False

    operations = [
        ops.CreateModel(
            name="MemberSession",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("member", fields.CharField(max_length=80)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.BigIntField()),
                ("expires_at", fields.BigIntField()),
            ],
            options={
                "table": "member_session",
                "app": "ums",
                "pk_attr": "id",
                "table_description": "A browser in which a Member is signed in.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SigningIn",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("nonce", fields.CharField(max_length=80)),
                ("verifier", fields.CharField(max_length=80)),
                ("place", fields.CharField(max_length=1000)),
                ("expires_at", fields.BigIntField()),
            ],
            options={
                "table": "signing_in",
                "app": "ums",
                "pk_attr": "id",
                "table_description": "A browser that was sent to the OpenID provider and has not come back: once, and within ten minutes.",
            },
            bases=["Model"],
        ),
    ]
