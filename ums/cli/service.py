"""`ums api`, `ums worker`, `ums sandbox` and `ums up`, which runs them all."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
import uvicorn

from ums.cli.supervise import supervise
from ums.cli.terminal import app, installation
from ums.database import opened
from ums.database.upgrade import upgrade
from ums.errors import SecretMissing
from ums.messaging.worker import work
from ums.reconcile import reconcile
from ums.sandbox import Script, sandbox
from ums.settings import SecretRef, Settings
from ums.snapshot import Snapshots
from ums.vocabulary import SandboxAddress, system_clock
from ums.web import application

SANDBOX = "127.0.0.1:8400"


@app.command()
def api(host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve GraphQL and the receipt doors. The port is that of publicUrl unless given."""
    settings = installation()
    listen(settings)
    uvicorn.run(
        application(settings),
        host=host,
        port=port or public_port(settings),
        log_config=None,
        access_log=False,
    )


@app.command()
def worker() -> None:
    """Deliver what is due, until SIGTERM or SIGINT; then finish what is in flight."""
    settings = installation()
    listen(settings)
    asyncio.run(work(settings, system_clock))
