"""The least a worker on PostgreSQL can be: claim a job, post its addresses, mark it as done; two at a time.

python bench/bare_worker.py <database URL> <sandbox> <epoch seconds at which to begin>
"""

import asyncio
import sys
import time

import aiohttp
import asyncpg
import orjson

CONTENT = {"platform": "all", "notification": {"alert": "hello"}}
AT_ONCE = 2
TABLE = """
DROP TABLE IF EXISTS job;
CREATE TABLE job (id serial PRIMARY KEY, addresses text, state int DEFAULT 0);
CREATE INDEX job_waiting ON job (id) WHERE state = 0"""
CLAIM = """
UPDATE job SET state = 1
WHERE id = (SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, addresses"""
DONE = "UPDATE job SET state = 2 WHERE id = $1"


async def work(database: str, sandbox: str, authorization: str) -> None:
    headers = {"authorization": authorization}
    async with (
        asyncpg.create_pool(database, min_size=AT_ONCE, max_size=AT_ONCE) as pool,
        aiohttp.ClientSession(f"http://{sandbox}", headers=headers) as session,
    ):

        async def lane() -> None:
            while job := await pool.fetchrow(CLAIM):
                push = CONTENT | {"audience": {"registration_id": orjson.loads(job["addresses"])}}
                async with session.post("/jpush/v3/push", data=orjson.dumps(push)) as response:
                    assert response.status == 200, await response.text()
                await pool.execute(DONE, job["id"])

        print("ready", flush=True)
        begin = float(await asyncio.to_thread(sys.stdin.readline))
        await asyncio.sleep(begin - time.time())
        await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(work(sys.argv[1], sys.argv[2], sys.argv[3]), 120))
