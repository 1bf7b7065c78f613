"""A throw-away installation for measuring: the schema, an app and a mail DeliveryChannel, people, and its processes."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from ums.database import connection, execute, fetch, opened, rows, transaction
from ums.database.upgrade import upgrade
from ums.reconcile import reconcile
from ums.sandbox import free_address
from ums.settings import Settings

CONFIG = """
apiVersion: ums/v1
kind: DeliveryChannel
name: app
platform: jpush
credentials: {appKey: app-key, masterSecret: {env: APP_SECRET}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: mail
platform: smtp
credentials:
  account: shop
  password: {env: MAIL_SECRET}
  sender: shop@example.org
  server: 127.0.0.1
  port: MAIL_PORT
  connections: 8
  encryption: MAIL_ENCRYPTION
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {env: SHOP_SECRET}
deliveryChannels: [app, mail]
"""

SECRETS = {
    "APP_SECRET": "sandbox-app-secret",
    "MAIL_SECRET": "sandbox-mail-secret",
    "SHOP_SECRET": "sandbox-shop-secret",
}
"""What they are in sandbox mode, and without."""

_number = count(1)


@contextmanager
def installation(*, sandboxed: bool = True, mail_port: int = 25, ca_file: str = "", **urls: str) -> Iterator[Settings]:
    """On SQLite in a temporary folder unless `urls` (`database_url`, `queue_url`) say otherwise, applied.

    With a running sandbox that posts no receipts; or without one, and then `mail` goes to `mail_port` on this machine,
    by STARTTLS with a `ca_file`.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that whoever ends a bench ends its processes
    os.environ.update(SECRETS)
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        root, address = Path(folder), free_address()
        (root / "config").mkdir()
        encryption = f"starttls\n  caFile: {ca_file}" if ca_file else "none"
        declared = CONFIG.replace("MAIL_PORT", str(mail_port)).replace("MAIL_ENCRYPTION", encryption)
        (root / "config" / "shop.yaml").write_text(declared)
        (root / "ums.yaml").write_text("apiVersion: ums/v1\nkind: Installation\n")
        settings = Settings(
            root, root / "config", sandbox=f"{address.host}:{address.port}" if sandboxed else "", **urls
        )
        asyncio.run(upgrade(settings))
        asyncio.run(reconcile(settings, write=True))
        if not sandboxed:
            yield settings
            return
        with process(settings, "sandbox", "--address", settings.sandbox, "--receipts-to", "http://127.0.0.1:9"):
            until(lambda: answers(f"http://{settings.sandbox}/_control/jpush/record?newest=0"), "the sandbox")
            asyncio.run(play(settings))
            yield replace(settings)


@contextmanager
def process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`ums <arguments>` on this installation."""
    environ = {
        **os.environ,
        "UMS_FILE": str(settings.root / "ums.yaml"),
        "UMS_DATABASE_URL": settings.database_url,
        "UMS_QUEUE_URL": settings.queue_url,
        "UMS_SANDBOX": settings.sandbox,
    }
    with (settings.root / f"{arguments[0]}-{next(_number)}.log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "ums.cli", *arguments], env=environ, stderr=log)
    try:
        yield running
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    running.terminate()
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait(5)


@contextmanager
def worker(settings: Settings, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that looks for work already."""
    known = set(settings.root.glob("worker-*.log"))
    with process(settings, "worker", *options) as running:
        [log] = set(settings.root.glob("worker-*.log")) - known
        until(lambda: b"worker_started" in log.read_bytes(), "the worker")
        yield running


@contextmanager
def api(settings: Settings) -> Iterator[tuple[Settings, subprocess.Popen[bytes]]]:
    """A running one, and the settings with its URL."""
    address = free_address()
    with process(settings, "api", "--port", str(address.port)) as running:
        url = f"http://{address.host}:{address.port}"
        until(lambda: answers(f"{url}/readyz"), "the API")
        yield replace(settings, public_url=url), running


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for at most half a minute; raises TimeoutError."""
    deadline = time.monotonic() + 30
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} does not start")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a GET of it does, with 200."""

    async def asked() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    return asyncio.run(asyncio.wait_for(asked(), 10))


async def play(settings: Settings, **script: object) -> None:
    """What the JPush stand-in does from now on, as docs/sandbox.md has it; it posts no receipts unless told to."""
    url = f"http://{settings.sandbox}/_control/jpush/script"
    async with aiohttp.ClientSession() as session, session.put(url, json=script) as response:
        assert response.status == 204, await response.text()


async def record(settings: Settings, newest: int = 0) -> dict[str, Any]:
    """What the JPush stand-in accepted: the totals, and the newest submissions."""
    url = f"http://{settings.sandbox}/_control/jpush/record?newest={newest}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        found: dict[str, Any] = await response.json()
        return found


async def forget(settings: Settings) -> None:
    """A new record of the JPush stand-in."""
    url = f"http://{settings.sandbox}/_control/jpush/record"
    async with aiohttp.ClientSession() as session, session.delete(url) as response:
        assert response.status == 204


async def submitted(settings: Settings, at_least: int = 0, seconds: float = 120) -> int:
    """Deliveries that the providers took, as the counters have it, once there are so many; raises TimeoutError."""
    async with asyncio.timeout(seconds), opened(settings):
        while (number := int((await fetch(connection(), _SUBMITTED))[0]["number"])) < at_least:
            await asyncio.sleep(0.02)
        return number


_SUBMITTED = "SELECT coalesce(sum(number), 0) AS number FROM message_count WHERE delivery_channel <> '' AND state >= 40"


async def upload(settings: Settings, number: int, kind: str = "app") -> None:
    """People u1..un, each with a registration id on `app`, or with an e-mail address where `kind` is `email`."""
    added = _ADDRESSES if kind == "app" else _MAIL_ADDRESSES
    async with opened(settings):
        for first in range(1, number + 1, 50_000):
            part = rows([n] for n in range(first, min(first + 50_000, number + 1)))
            async with transaction() as tx:
                await execute(tx, _USERS, part)
                await execute(tx, added, part)


_USERS = """
INSERT INTO user_account (id, user_id, created_at, updated_at)
SELECT n, 'u' || n, 1, 1 FROM ROWS($1: n bigint) AS given"""

_ADDRESSES = """
INSERT INTO address (user_id, type, bind, value)
SELECT n, 'app', 'app', 'registration-' || n FROM ROWS($1: n bigint) AS given"""

_MAIL_ADDRESSES = """
INSERT INTO address (user_id, type, bind, value)
SELECT n, 'email', 'all', 'u' || n || '@people.example' FROM ROWS($1: n bigint) AS given"""


def peak_mb(pid: int) -> int:
    """The most memory that a process had so far, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
