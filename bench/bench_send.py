"""`sendMessage` to one user, requests a second, against a bare strawberry mutation that does one insert.

    python bench/bench_send.py [requests, 2000 unless given]

Both are served by uvicorn (uvloop, httptools) in a process of their own, on SQLite, and asked by the same client over
32 connections; read the ratio.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
from installation import installation, process, upload

from ums.sandbox import free_address

CONNECTIONS = 32
SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { message } } }"
CONTENT = {"app": {"platform": "all", "notification": {"alert": "hello"}}}

FLOOR = """
import sqlite3, sys
import orjson, strawberry, uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
import aiosqlite

@strawberry.type
class Query:
    @strawberry.field
    async def one(self) -> int:
        return 1

@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add(self, words: str) -> int:
        if not hasattr(app.state, "db"):
            app.state.db = await aiosqlite.connect(sys.argv[1], isolation_level=None)
            await app.state.db.execute("PRAGMA journal_mode = WAL")
            await app.state.db.execute("PRAGMA synchronous = FULL")
            await app.state.db.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, words TEXT)")
        return (await app.state.db.execute_insert("INSERT INTO t (words) VALUES (?)", (words,)))[0]

class API(GraphQL):
    def encode_json(self, data): return orjson.dumps(data)
    def decode_json(self, data): return orjson.loads(data)

schema = strawberry.Schema(Query, Mutation, extensions=[lambda: ParserCache(), lambda: ValidationCache()])
app = Starlette(routes=[Route("/graphql", API(schema))])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


async def asked(url: str, body: object, headers: dict[str, str], number: int) -> float:
    """Requests a second; raises when one is answered with an error."""
    left = iter(range(number))
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def ask() -> None:
            for _ in left:
                async with session.post(url, json=body) as response:
                    answer = await response.json()
                    assert "errors" not in answer, answer

        await _warm(session, url, body)
        begun = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
        return number / (time.perf_counter() - begun)


async def _warm(session: aiohttp.ClientSession, url: str, body: object) -> None:
    """Until the server answers, and a little longer for its caches."""
    until, answered = time.monotonic() + 30, 0
    while answered < 50 and time.monotonic() < until:
        try:
            async with session.post(url, json=body) as response:
                answered += response.status == 200
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.1)


@contextmanager
def floor(folder: Path, port: int) -> Iterator[None]:
    script = folder / "floor.py"
    script.write_text(FLOOR)
    running = subprocess.Popen([sys.executable, str(script), str(folder / "floor.db"), str(port)])
    try:
        yield
    finally:
        running.terminate()
        running.wait(10)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with installation() as installed:
        asyncio.run(upload(installed, 100))
        ports = free_address().port, free_address().port
        audience = {"users": {"userIds": ["u7"]}}
        body = {"query": SEND, "variables": {"input": {"audience": audience, "body": {"content": CONTENT}}}}
        headers = {"authorization": aiohttp.encode_basic_auth("shop", "sandbox-shop-secret")}
        bare_body = {"query": "mutation ($words: String!) { add(words: $words) }", "variables": {"words": "hello"}}
        settings = replace(installed, public_url=f"http://127.0.0.1:{ports[0]}")
        with process(settings, "api", "--port", str(ports[0])), floor(settings.root, ports[1]):
            for _ in range(3):
                ums = asyncio.run(asked(f"{settings.public_url}/graphql", body, headers, number))
                bare = asyncio.run(asked(f"http://127.0.0.1:{ports[1]}/graphql", bare_body, {}, number))
                print(f"{number} requests: ums {ums:.0f}/s, bare {bare:.0f}/s, ratio {ums / bare:.2f}")


if __name__ == "__main__":
    main()
