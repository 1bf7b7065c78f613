"""Tortoise's asyncpg engine with one thing mended: a task cancelled on entering a transaction leaks no connection."""

from typing import Any

from tortoise.backends.asyncpg import client as stock
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections


class _Context(TransactionContextPooled):
    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = acquired = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await pool.release(acquired)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        entered: TransactionalDBClient = self.client
        return entered


class Client(stock.AsyncpgDBClient):
    def _in_transaction(self) -> TransactionContext:
        return _Context(stock.TransactionWrapper(self), self._pool_init_lock)


client_class: Any = Client
