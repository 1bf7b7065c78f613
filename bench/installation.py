"""A throw-away installation for measuring: the schema, one app DeliveryChannel, people, and the sandbox beside it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from ums.database import execute, opened, rows, transaction
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
  server: mail.example.org
  port: 25
  encryption: none
  connections: 8
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {env: SHOP_SECRET}
deliveryChannels: [app, mail]
"""


@contextmanager
def installation() -> Iterator[Settings]:
    """On SQLite in a temporary folder, applied, with a running sandbox that posts no receipts."""
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        root, address = Path(folder), free_address()
        (root / "config").mkdir()
        (root / "config" / "shop.yaml").write_text(CONFIG)
        (root / "ums.yaml").write_text("apiVersion: ums/v1\nkind: Installation\n")
        settings = Settings(root, root / "config", sandbox=f"{address.host}:{address.port}")
        asyncio.run(upgrade(settings))
        asyncio.run(reconcile(settings, write=True))
        with process(settings, "sandbox", "--address", settings.sandbox, "--receipts-to", "http://127.0.0.1:9"):
            asyncio.run(_silent(settings))
            yield replace(settings)


@contextmanager
def process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`ums <arguments>` on this installation."""
    environ = {**os.environ, "UMS_FILE": str(settings.root / "ums.yaml"), "UMS_SANDBOX": settings.sandbox}
    running = subprocess.Popen([sys.executable, "-m", "ums.cli", *arguments], env=environ, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


async def _silent(settings: Settings) -> None:
    """Wait until the sandbox answers, and take its receipts away: they are not what is measured."""
    until = time.monotonic() + 30
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < until:
            try:
                async with session.put(f"http://{settings.sandbox}/_control/jpush/script", json={}) as response:
                    assert response.status == 204
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    raise TimeoutError("the sandbox does not answer")


async def upload(settings: Settings, number: int) -> None:
    """People u1..un, each with a registration id on `app`."""
    async with opened(settings):
        for first in range(1, number + 1, 50_000):
            part = rows([n] for n in range(first, min(first + 50_000, number + 1)))
            async with transaction() as tx:
                await execute(tx, _USERS, part)
                await execute(tx, _ADDRESSES, part)


_USERS = """
INSERT INTO user_account (id, user_id, created_at, updated_at)
SELECT n, 'u' || n, 1, 1 FROM ROWS($1: n bigint) AS given"""

_ADDRESSES = """
INSERT INTO address (user_id, type, bind, value)
SELECT n, 'app', 'app', 'registration-' || n FROM ROWS($1: n bigint) AS given"""


def peak_mb(pid: int) -> int:
    """The most memory that a process had so far, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
