"""Spreadsheets of people that were uploaded, and how far they are: written by `ums.people.uploads` alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


class UserImport(Model):
    """A spreadsheet that a worker works off, chunk by chunk: what was written stays, whoever is killed."""

    id = fields.IntField(primary_key=True)
    channel = fields.CharField(80)
    """Whose key uploaded it: it may write what that Channel may. Empty: the people key."""
    file_name = fields.CharField(255)
    file = fields.BinaryField(null=True)
    """Null: it is done with."""
    atomic = fields.BooleanField()
    """All rows, or none if one is wrong."""
    state = fields.CharField(20)
    """An `ImportState` value."""
    failure = fields.TextField(db_default="")
    total = fields.IntField()
    """Rows below the header."""
    rows = fields.IntField(db_default=0)
    """Of them, looked at."""
    imported = fields.IntField(db_default=0)
    wrong = fields.IntField(db_default=0)
    created_at = fields.BigIntField()
    ended_at: int | None = fields.BigIntField(null=True)
    due_at: int | None = fields.BigIntField(null=True)
    """When a worker takes it (again). Null: it has ended."""
    lease_token = fields.CharField(32, db_default="")

    class Meta:
        table = "user_import"
        indexes = (
            IndexWhere(fields=("due_at",), name="user_import_due", where="due_at IS NOT NULL"),
            IndexWhere(fields=("ended_at",), name="user_import_ended", where="ended_at IS NOT NULL"),
        )


class ImportProblem(Model):
    """What is wrong with a row, which was therefore not imported."""

    id = fields.BigIntField(primary_key=True)
    user_import: fields.ForeignKeyRelation[UserImport] = fields.ForeignKeyField(
        "ums.UserImport", on_delete=fields.CASCADE
    )
    user_import_id: int
    row = fields.IntField()
    column_name = fields.CharField(40)
    """Empty when it concerns the row as a whole."""
    message = fields.TextField()

    class Meta:
        table = "import_problem"
        indexes = (Index(fields=("user_import_id", "id"), name="import_problem_import"),)
