"""Transactions as we need them: nothing leaks when a task is cancelled, and a writer waits its turn."""

import asyncio

from ums.database import connection, execute, fetch, opened, transaction
from ums.models import Revision
from ums.settings import Settings


async def _hold(seconds: float) -> None:
    async with transaction():
        await asyncio.sleep(seconds)


async def test_cancelled_transactions_leak_no_connection(database: Settings) -> None:
    for n in range(60):
        tasks = [asyncio.create_task(_hold(0.01)) for _ in range(12)]
        await asyncio.sleep(n * 0.0002)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async with asyncio.timeout(5), transaction() as tx:
        assert await fetch(tx, "SELECT 1 AS one") == [{"one": 1}]


async def test_read_then_write_from_two_connections_never_finds_the_database_locked(settings: Settings) -> None:
    async def count_up() -> None:
        async with opened(settings):
            for _ in range(25):
                async with transaction() as tx:
                    (row,) = await fetch(tx, "SELECT * FROM revision WHERE number = 1 FOR UPDATE")
                    await asyncio.sleep(0)
                    await execute(tx, "UPDATE revision SET created_at = $1", row["created_at"] + 1)

    async with opened(settings):
        await Revision.create(number=1, created_at=0, summary={})
    await asyncio.gather(*(asyncio.create_task(count_up()) for _ in range(4)))

    async with opened(settings):
        assert (await Revision.get(number=1)).created_at == 100


async def test_a_failed_transaction_leaves_nothing(database: Settings) -> None:
    try:
        async with transaction() as tx:
            await execute(tx, "INSERT INTO user_account (user_id, created_at, updated_at) VALUES ('ann', 1, 1)")
            raise KeyError
    except KeyError:
        pass

    assert await fetch(connection(), "SELECT * FROM user_account") == []


async def test_rows_given_as_json_are_a_table_on_both_databases(database: Settings) -> None:
    statement = (
        "SELECT given.n, given.word FROM ROWS($1: n bigint, word text) AS given WHERE given.n > $2 ORDER BY given.n"
    )

    found = await fetch(connection(), statement, '[[1, "a"], [3, null], [2, "b\'; --"]]', 1)

    assert found == [{"n": 2, "word": "b'; --"}, {"n": 3, "word": None}]
