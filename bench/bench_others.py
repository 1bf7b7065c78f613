"""What somebody would take instead: Celery, Celery with apprise, and django-post_office, beside UMS and a bare loop.

    pip install -e '.[bench]'
    python bench/bench_others.py [addresses, 2,000 unless given] [rounds, 1 unless given]

The same addresses for all, from the first call of the application until the last one was taken: pushes by the sandbox
(with apprise: by a web server that takes everything), e-mails by a mail server that takes everything. UMS gets them
together, as one message to direct addresses, and singly, as a message each, over GraphQL and 8 connections. Celery gets
a task for each and has 8 processes; the e-mails go over 8 connections. UMS and django-post_office keep everything on
SQLite, Celery keeps its queue in UMS_BENCH_REDIS, whose database (15 unless named) is emptied, and nothing else. Read
the ratios: UMS's rate over the other one.
"""

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import bench_mail
import orjson
import redis
from application import MAIL, PUSH, application, direct
from http_sink import http_sink, posted
from installation import SECRETS, api, end, installation, worker
from smtp_sink import smtp_sink, taken

from ums.settings import Settings

REDIS = os.environ.get("UMS_BENCH_REDIS", "redis://127.0.0.1:6379/15")
NEEDED = ("apprise", "celery", "django", "post_office", "requests")
CONNECTIONS = 8

Rates = dict[str, float]
"""Addresses a second, by who did it."""


def rate(work: Callable[[], object], far_end: Callable[[], int], number: int) -> float:
    """Addresses a second, from the call of `work` until the far end took all of them."""
    before, begun = far_end(), time.perf_counter()
    work()
    deadline = time.monotonic() + 120
    while far_end() < before + number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{far_end() - before} of {number} arrived")
        time.sleep(0.02)
    return number / (time.perf_counter() - begun)


async def send(settings: Settings, audiences: Sequence[object], content: object) -> None:
    """A message to each audience."""
    waiting = iter(audiences)
    async with application(settings, CONNECTIONS) as shop:

        async def lane() -> None:
            for audience in waiting:
                await shop.sends(audience, content)

        await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))


def of_ums(settings: Settings, kind: str, addresses: list[str], content: object, far_end: Callable[[], int]) -> Rates:
    each = [direct(kind, [address]) for address in addresses]
    works = {
        "ums together": lambda: asyncio.run(send(settings, [direct(kind, addresses)], content)),
        "ums singly": lambda: asyncio.run(send(settings, each, content)),
    }
    return {name: rate(one, far_end, len(addresses)) for name, one in works.items()}


async def bare_pushes(settings: Settings, addresses: Sequence[str]) -> None:
    headers = {"authorization": aiohttp.encode_basic_auth("app-key", SECRETS["APP_SECRET"])}
    waiting = iter(addresses)
    async with aiohttp.ClientSession(f"http://{settings.sandbox}", headers=headers) as session:

        async def lane() -> None:
            for address in waiting:
                push = PUSH["app"] | {"audience": {"registration_id": [address]}}
                async with session.post("/jpush/v3/push", json=push) as response:
                    assert response.status == 200

        await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))


@contextmanager
def celery(settings: Settings, sink: int) -> Iterator[None]:
    """Its worker, on an empty queue; this process can then import `celery_tasks`."""
    os.environ.update(BROKER=REDIS, PUSH_URL=f"http://{settings.sandbox}/jpush/v3/push", SINK_PORT=str(sink))
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--loglevel", "CRITICAL"]
    with redis.Redis.from_url(REDIS) as queue:
        queue.flushdb()
        running = subprocess.Popen(
            [*command, "--concurrency", str(CONNECTIONS)],
            cwd=Path(__file__).parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            end(running)
            queue.flushdb()


def pushes(number: int, rounds: int) -> Iterator[Rates]:
    addresses = [f"registration-{n}" for n in range(number)]
    with http_sink() as sink, installation() as installed, celery(installed, sink):
        tasks = import_module("celery_tasks")
        sandbox, web = partial(_accepted, installed), partial(posted, sink)
        rate(lambda: [tasks.push.delay(f"warm-{n}") for n in range(100)], sandbox, 100)
        rate(lambda: [tasks.notify.delay(f"warm-{n}") for n in range(100)], web, 100)
        with worker(installed), api(installed) as (settings, _):
            for _ in range(rounds):
                yield {
                    **of_ums(settings, "APP", addresses, PUSH, sandbox),
                    "bare": rate(lambda: asyncio.run(bare_pushes(settings, addresses)), sandbox, number),
                    "celery": rate(lambda: [tasks.push.delay(one) for one in addresses], sandbox, number),
                    "celery + apprise": rate(lambda: [tasks.notify.delay(one) for one in addresses], web, number),
                }


def _accepted(settings: Settings) -> int:
    url = f"http://{settings.sandbox}/_control/jpush/record?newest=0"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(orjson.loads(answer.read())["targets"])


def mails(number: int, rounds: int) -> Iterator[Rates]:
    addresses = [f"u{n}@people.example" for n in range(number)]
    with smtp_sink() as port, installation(sandboxed=False, mail_port=port) as installed:
        far_end = partial(taken, port)
        with worker(installed), api(installed) as (settings, _):
            for _ in range(rounds):
                yield {
                    **of_ums(settings, "EMAIL", addresses, MAIL, far_end),
                    "bare": rate(lambda: asyncio.run(bench_mail.bare(port, number)), far_end, number),
                    "post_office together": post_office(installed.root, port, number, "together"),
                    "post_office singly": post_office(installed.root, port, number, "singly"),
                }


def post_office(folder: Path, port: int, number: int, how: str) -> float:
    """E-mails a second."""
    script = Path(__file__).with_name("post_office_mails.py")
    command = [sys.executable, str(script), str(folder), str(port), str(number), how]
    before = taken(port)
    said = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout
    assert taken(port) == before + number, "every e-mail arrives, once"
    return number / float(said)


def told(what: str, number: int, found: Mapping[str, float]) -> str:
    others = [name for name in found if not name.startswith("ums")]
    rates = ", ".join(f"{name} {a_second:.0f}/s" for name, a_second in found.items())
    ratios = (
        f"{ours} over {', '.join(f'{name} {found[ours] / found[name]:.2f}' for name in others)}"
        for ours in ("ums together", "ums singly")
    )
    return f"{number} {what}: {rates}; {'; '.join(ratios)}"


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        print(f"not measured, without {', '.join(missing)}: pip install -e '.[bench]'")
        return
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.ConnectionError as error:
        print(f"not measured, without Redis: {error}; say where it is by UMS_BENCH_REDIS")
        return
    for what, measured in (("pushes", pushes), ("e-mails", mails)):
        for found in measured(number, rounds):
            print(told(what, number, found))


if __name__ == "__main__":
    main()
