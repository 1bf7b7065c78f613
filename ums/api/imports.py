"""`importUsers`, `userImport`, `userImports`: spreadsheets of people, uploaded and followed."""

from datetime import datetime
from typing import BinaryIO

import strawberry
from starlette.datastructures import UploadFile
from strawberry.file_uploads import Upload

from ums import errors
from ums.api.words import Connection, Info, Problem, connection, limited, maybe_moment, moment, number, position
from ums.errors import CallerRefused
from ums.models import ImportProblem
from ums.models import UserImport as Stored
from ums.people import uploads
from ums.vocabulary import ImportState

strawberry.enum(ImportState, description="Where an uploaded spreadsheet of people stands.")


@strawberry.type(description="What is wrong with a row, which was therefore not imported.")
class RowProblem:
    row: int
    column: str = strawberry.field(description="Empty when it concerns the row as a whole.")
    message: str


@strawberry.type(description="An uploaded spreadsheet. A worker works it off; what became of it is kept for 7 days.")
class UserImport:
    id: strawberry.ID
    file_name: str
    state: ImportState
    atomic: bool
    failure: str = strawberry.field(description="Why it FAILED.")
    rows: int = strawberry.field(description="Below the names of the columns.")
    read: int = strawberry.field(description="Of these, so far.")
    imported: int
    wrong: int = strawberry.field(description="Rows with a problem.")
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, stored: Stored) -> "UserImport":
        return cls(
            id=strawberry.ID(str(stored.id)), file_name=stored.file_name, state=ImportState(stored.state),
            atomic=stored.atomic, failure=stored.failure, rows=stored.total, read=stored.rows,
            imported=stored.imported, wrong=stored.wrong, created_at=moment(stored.created_at),
            ended_at=maybe_moment(stored.ended_at),
        )  # fmt: skip

    @strawberry.field(description="Of the first 1,000 wrong rows or so, in the order of the rows.")
    async def problems(self, first: int = 100, after: str | None = None) -> Connection[RowProblem]:
        behind = ImportProblem.filter(user_import_id=int(self.id), id__gt=position(after) or 0).order_by("id")
        found = await behind.limit(limited(first) + 1)
        nodes = [(one.id, RowProblem(row=one.row, column=one.column_name, message=one.message)) for one in found]
        return connection(nodes, first)


@strawberry.type
class ImportUsersPayload:
    user_import: UserImport | None = strawberry.field(name="import")
    problems: list[Problem]


@strawberry.type
class ImportsQuery:
    @strawberry.field
    async def user_import(self, info: Info, id: strawberry.ID) -> UserImport | None:  # noqa: A002  # GraphQL's word
        found = await uploads.of(_owner(info)).get_or_none(id=number(id))
        return UserImport.of(found) if found else None

    @strawberry.field(description="What the caller's key uploaded in the last 7 days, the latest first.")
    async def user_imports(self, info: Info, first: int = 20, after: str | None = None) -> Connection[UserImport]:
        mine, before = uploads.of(_owner(info)), position(after)
        page = await (mine.filter(id__lt=before) if before else mine).order_by("-id").limit(limited(first) + 1)
        return connection([(one.id, UserImport.of(one)) for one in page], first)


@strawberry.type
class ImportsMutation:
    @strawberry.mutation(
        description="A .csv or .xlsx file of at most 50,000 rows and 30 MB, by a GraphQL multipart request. Its good "
        "rows are imported, or with `atomic` all or none; columns as in docs/people.md."
    )
    async def import_users(self, info: Info, file: Upload, atomic: bool = False) -> ImportUsersPayload:
        now = info.context.engine.clock()
        try:
            name, content = uploaded(file)
            with content:
                accepted = await uploads.accept(name, content, _owner(info), now, atomic=atomic)
        except CallerRefused as refused:
            return ImportUsersPayload(user_import=None, problems=[Problem.of(each) for each in refused.problems])
        return ImportUsersPayload(user_import=UserImport.of(accepted), problems=[])


def uploaded(file: object) -> tuple[str, BinaryIO]:
    """Name and content of what came as an `Upload`; raises CallerRefused when the request had no such part."""
    if isinstance(file, UploadFile):
        return file.filename or "", file.file
    message = "expected a file, by a multipart request: https://github.com/jaydenseric/graphql-multipart-request-spec"
    raise CallerRefused([errors.Problem(path="file", code="not_a_file", message=message)])


def _owner(info: Info) -> str:
    """The Channel whose key calls; empty for the people key."""
    channel = info.context.caller.channel
    return channel["name"] if channel else ""
