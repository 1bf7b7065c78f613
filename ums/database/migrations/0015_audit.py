from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from ums.models.indexes import IndexWhere
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("ums", "0014_user_imports")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AuditDesk",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("login", fields.CharField(max_length=80)),
                ("view", fields.SmallIntField()),
                ("ticket_id", fields.IntField()),
            ],
            options={
                "table": "audit_desk",
                "app": "ums",
                "unique_together": (("login", "view", "ticket_id"),),
                "indexes": [Index(fields=["ticket_id"], name="audit_desk_ticket")],
                "pk_attr": "id",
                "table_description": "A ticket in one of the lists of one Member.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("ticket_id", fields.IntField()),
                ("at", fields.BigIntField()),
                ("login", fields.CharField(db_default="", max_length=80)),
                ("what", fields.CharField(max_length=20)),
                ("level", fields.SmallIntField(db_default=0)),
                ("comment", fields.TextField(db_default="", unique=False)),
            ],
            options={
                "table": "audit_event",
                "app": "ums",
                "indexes": [Index(fields=["ticket_id", "id"], name="audit_event_ticket")],
                "pk_attr": "id",
                "table_description": "Append-only: what was done with a ticket, by whom, and why.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditTicket",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("channel", fields.CharField(max_length=80)),
                ("message_id", fields.IntField(null=True, unique=True)),
                ("kind", fields.CharField(db_default="", max_length=40)),
                ("name", fields.CharField(db_default="", max_length=160)),
                ("revision", fields.IntField()),
                ("rules", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("levels", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("level", fields.SmallIntField(db_default=0)),
                ("state", fields.CharField(max_length=20)),
                ("version", fields.IntField(db_default=1)),
                ("submitter", fields.CharField(db_default="", max_length=80)),
                ("owner", fields.CharField(db_default="", max_length=80)),
                ("before", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("after", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.BigIntField()),
                ("closed_at", fields.BigIntField(null=True)),
            ],
            options={
                "table": "audit_ticket",
                "app": "ums",
                "indexes": [
                    IndexWhere(fields=["channel", "kind", "name"], name="audit_ticket_open", where="state = 'waiting'")
                ],
                "pk_attr": "id",
                "table_description": "One send, or one version of a declared template, and the levels of Members who must let it pass.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HeldVersion",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=40)),
                ("name", fields.CharField(max_length=160)),
                ("ticket_id", fields.IntField()),
                ("rejected", fields.BooleanField(db_default=False)),
                ("in_use", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "held_version",
                "app": "ums",
                "unique_together": (("kind", "name"),),
                "pk_attr": "id",
                "table_description": "The declared version of a template is not approved: what was in use before it stays in use.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Message", name="approved_at", field=fields.BigIntField(null=True)),
    ]
