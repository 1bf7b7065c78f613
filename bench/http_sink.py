"""A web server that takes every POST and keeps nothing, in a process of its own; GET / answers how many it took.

python bench/http_sink.py <port>
"""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from aiohttp import web
from installation import answers, end, until

from ums.sandbox import free_address


@contextmanager
def http_sink() -> Iterator[int]:
    """A running one; its port."""
    port = free_address().port
    running = subprocess.Popen([sys.executable, __file__, str(port)])
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/"), "the web server")
        yield port
    finally:
        end(running)


def posted(port: int) -> int:
    """POSTs so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return int(answer.read())


def application() -> web.Application:
    taken = 0

    async def post(request: web.Request) -> web.Response:
        nonlocal taken
        await request.read()
        taken += 1
        return web.Response()

    async def get(_: web.Request) -> web.Response:
        return web.Response(text=str(taken))

    app = web.Application()
    app.add_routes([web.post("/{path:.*}", post), web.get("/", get)])
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
