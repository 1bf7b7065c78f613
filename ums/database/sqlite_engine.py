"""Tortoise's SQLite engine with five things mended.

Transactions begin as writers: a deferred one that first reads and then writes fails at once with "database is locked"
when another process wrote in between, and no busy timeout helps; BEGIN IMMEDIATE waits its turn instead. A cancelled
one leaks nothing. And writers of several processes take turns: SQLite itself lets whoever asks again first go first,
so a busy worker would keep the API waiting for seconds. And who only reads waits for nobody: he has a connection of
his own, which sees what is committed. To a database in memory no statement changes threads.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite import client as stock
from tortoise.connection import get_connections
from tortoise.exceptions import TransactionManagementError

from ums.database.turnstile import Turnstile


class _Transaction(stock.SqliteTransactionWrapper):
    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_Transaction(self))

    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise TransactionManagementError(error) from error


class _Context(stock.SqliteTransactionContext):
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        turnstile: Turnstile = self.connection._parent.turnstile
        try:
            await self.ensure_connection()
            await turnstile.enter()
            await self.connection.begin()
        except BaseException:
            try:
                if self.connection._connection:
                    await self.connection._connection.rollback()
            finally:
                turnstile.leave()
                self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        entered: TransactionalDBClient = self.connection
        return entered

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await super().__aexit__(exc_type, exc_val, exc_tb)
        finally:
            self.connection._parent.turnstile.leave()


_WRITING: ContextVar[bool] = ContextVar("writing", default=False)
"""Whether the statement under way, outside a transaction, changes something."""


class _Turn(ConnectionWrapper[Any]):
    """The connection for one statement that writes."""

    async def __aenter__(self) -> Any:
        connection = await super().__aenter__()
        try:
            await self.client.turnstile.enter()  # type: ignore[attr-defined]  # our own Client
        except BaseException:
            self._lock.release()
            raise
        return connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.client.turnstile.leave()  # type: ignore[attr-defined]  # the same
        await super().__aexit__(exc_type, exc_val, exc_tb)


class _Inline(aiosqlite.Connection):
    """To a database in memory: it has nothing to wait for, so no statement needs a change of thread."""

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()

    async def _connect(self) -> aiosqlite.Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    async def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


class Client(stock.SqliteClient):
    def __init__(self, file_path: str, **options: Any) -> None:
        super().__init__(file_path, **options)
        self.turnstile = Turnstile(file_path)
        # A database in memory is that of one connection.
        self._reader = stock.SqliteClient(file_path, **options) if file_path != ":memory:" else None

    async def create_connection(self, with_db: bool) -> None:
        if self.filename != ":memory:":
            await super().create_connection(with_db)
        elif not self._connection:
            self._connection = await _Inline(_in_memory, 64)
            for pragma, value in self.pragmas.items():
                await self._connection.execute(f"PRAGMA {pragma}={value}")

    def _in_transaction(self) -> TransactionContext:
        return _Context(_Transaction(self), self._lock)

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        return _Turn(self._lock, self) if _WRITING.get() else super().acquire_connection()

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        with _written(query):
            inserted: int = await super().execute_insert(query, values)
            return inserted

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        with _written(query):
            await super().execute_many(query, values)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[Any, Any]]]:
        found: tuple[int, Sequence[dict[Any, Any]]]
        if self._reader and _verb(query) == "SELECT":
            found = await self._reader.execute_query(query, values)
            return found
        with _written(query):
            found = await super().execute_query(query, values)
            return found

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[Any, Any]]:
        found: list[dict[Any, Any]]
        if self._reader and _verb(query) == "SELECT":
            found = await self._reader.execute_query_dict(query, values)
            return found
        with _written(query):
            found = await super().execute_query_dict(query, values)
            return found

    async def close(self) -> None:
        await super().close()
        if self._reader:
            await self._reader.close()
        self.turnstile.close()


def _verb(query: str) -> str:
    return query.lstrip()[:6].upper()


@contextmanager
def _written(query: str) -> Iterator[None]:
    token = _WRITING.set(_verb(query).startswith(("INSERT", "UPDATE", "DELETE", "WITH")))
    try:
        yield
    finally:
        _WRITING.reset(token)


def _in_memory() -> sqlite3.Connection:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.row_factory = sqlite3.Row
    return opened


client_class: Any = Client
