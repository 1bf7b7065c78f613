"""What our migrations do beyond Tortoise's own operations."""

from typing import Any

from tortoise.migrations.operations import RunSQL


class PostgresOnly(RunSQL):
    """A statement for PostgreSQL, of which SQLite knows nothing and has no need."""

    async def _run_sql(self, state_editor: Any, sqls: Any) -> None:
        if state_editor.client.capabilities.dialect == "postgres":
            await super()._run_sql(state_editor, sqls)


class SqliteOnly(RunSQL):
    """A statement for SQLite, which PostgreSQL is told in other words."""

    async def _run_sql(self, state_editor: Any, sqls: Any) -> None:
        if state_editor.client.capabilities.dialect == "sqlite":
            await super()._run_sql(state_editor, sqls)
