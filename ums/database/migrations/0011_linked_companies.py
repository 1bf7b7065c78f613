"""Ids in linked companies, `CorpId/userid`, stand under a bind of their own: one may have several beside his own."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL


class Migration(migrations.Migration):
    dependencies = [("ums", "0010_statistics")]

    initial = False

    operations = [
        RunSQL(
            "UPDATE address SET bind = 'linked' WHERE type = 'wecom' AND value LIKE '%/%'",
            reverse_sql="UPDATE address SET bind = 'all' WHERE type = 'wecom' AND bind = 'linked'",
        ),
    ]
