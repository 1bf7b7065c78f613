"""Tortoise's asyncpg engine with two things mended.

A task cancelled on entering a transaction leaks no connection. And a connection goes back to the pool without the round
trip that clears the session: we leave nothing in a session but what ends with its transaction, and an open transaction
is rolled back all the same.
"""

from typing import Any

import asyncpg
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
    async def create_pool(self, **options: Any) -> asyncpg.Pool:
        return await asyncpg.create_pool(None, reset=_nothing_to_clear, **options)

    def _in_transaction(self) -> TransactionContext:
        return _Context(stock.TransactionWrapper(self), self._pool_init_lock)


async def _nothing_to_clear(_: object) -> None:
    """See above."""


client_class: Any = Client
