"""Secrets that anybody would recognise, planted in an installation, and looked for in a text."""

import io
import shutil
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from tests.processes import Installation, installed
from ums import models
from ums.cli import main
from ums.database import connection, fetch, opened
from ums.settings import Settings, load_settings

ENV = {
    "PLANTED_APP": "planted-env-app",
    "PLANTED_MAIL": "planted-env-mail",
    "PLANTED_PEOPLE": "planted-env-people",
}
FILES = {"sms.secret": "planted-file-sms", "ops.secret": "planted-file-ops", "secret.key": "planted-file-secret-key"}
PASSWORD = "planted-database-password"
PLANTED = [*ENV.values(), *FILES.values(), PASSWORD]

INSTALLATION = """
apiVersion: ums/v1
kind: Installation
database: {url: {env: UMS_DATABASE_URL}}
secretKey: {file: secret.key}
peopleKey: {name: people, secret: {env: PLANTED_PEOPLE}}
"""
CONFIG = """
apiVersion: ums/v1
kind: DeliveryChannel
name: app
platform: jpush
credentials: {appKey: app-key, masterSecret: {env: PLANTED_APP}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: sms
platform: jsms
credentials: {appKey: sms-key, masterSecret: {file: sms.secret}}
---
apiVersion: ums/v1
kind: DeliveryChannel
name: mail
platform: smtp
credentials:
  {account: shop, password: {env: PLANTED_MAIL}, sender: shop@example.org, server: mail.example.org, port: 587,
   encryption: starttls}
---
apiVersion: ums/v1
kind: Channel
name: shop
masterSecret: {generate: true}
deliveryChannels: [app, sms, mail]
---
apiVersion: ums/v1
kind: Channel
name: ops
title: Ops 0
masterSecret: {file: ops.secret}
deliveryChannels: [app]
"""


def forms(secret: str) -> list[str]:
    """As it is, and as HTTP Basic and SMTP carry it."""
    accounts = ("app-key", "sms-key", "shop", "ops", "people")
    pairs = [f"{account}:{secret}" for account in accounts] + [f"\0{account}\0{secret}" for account in accounts]
    return [secret, *(b64encode(text.encode()).decode() for text in (secret, *pairs))]


def leaked(text: str, *more: str) -> list[str]:
    """Which planted secrets stand in a text."""
    return [secret for secret in (*PLANTED, *more) if any(form in text for form in forms(secret))]


@contextmanager
def plant(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation that has its secrets from everywhere."""
    url = settings.database_url.replace("postgres@", f"postgres:{PASSWORD}@")
    for name, value in {**ENV, "UMS_DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    with installed(settings) as made:
        shutil.rmtree(settings.config)
        settings.config.mkdir()
        (settings.config / "all.yaml").write_text(CONFIG)
        (settings.root / "ums.yaml").write_text(INSTALLATION)
        for name, secret in FILES.items():
            (settings.root / name).write_text(secret + "\n")
        made.environ.update(ENV, UMS_DATABASE_URL=url)
        yield made


def ums(planted: Installation, *arguments: str) -> str:
    """Its exit code and everything that a command says; in a thread, as it has an event loop of its own."""
    written = io.StringIO()
    with redirect_stdout(written), redirect_stderr(written), ThreadPoolExecutor(1) as thread:
        left = thread.submit(main, ["--file", str(planted.settings.root / "ums.yaml"), *arguments]).exception()
    assert isinstance(left, SystemExit), left
    return f"{left.code}: {written.getvalue()}"


def generated(planted: Installation) -> str:
    """The only command that may say a secret, and says nothing else."""
    return ums(planted, "secret", "show", "Channel/shop", "masterSecret").removeprefix("0: ").strip()


def loaded(planted: Installation) -> Settings:
    return load_settings(planted.settings.root / "ums.yaml", planted.environ)


def edit(planted: Installation, old: str, new: str) -> None:
    file = planted.settings.config / "all.yaml"
    file.write_text(file.read_text().replace(old, new))


async def tables(settings: Settings) -> str:
    """Every row of every table."""
    names = [vars(models)[name]._meta.db_table for name in models.__all__]
    async with opened(settings):
        return "\n".join([str(await fetch(connection(), f'SELECT * FROM "{name}"')) for name in names])  # noqa: S608
