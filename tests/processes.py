"""UMS as it really runs: processes of their own, which a test may kill."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from ums.sandbox import free_address
from ums.settings import Settings


@dataclass
class Installation:
    """One installation's processes, and its API as an application sees it."""

    settings: Settings
    environ: dict[str, str]
    log: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        with self.log.open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "ums.cli", *arguments], env=self.environ, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """kill -9"""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def stops(self, name: str, seconds: float = 20) -> int:
        """The exit code after SIGTERM; raises subprocess.TimeoutExpired when the process does not go in time."""
        process = self.running.pop(name)
        process.terminate()
        try:
            return await asyncio.to_thread(process.wait, seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def alive(self) -> set[str]:
        """Names of the processes that run."""
        return {name for name, process in self.running.items() if process.poll() is None}

    def told(self) -> str:
        """The end of what the processes logged."""
        return self.log.read_text()[-6000:] if self.log.is_file() else ""

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "ums.cli", *arguments], env=self.environ, check=True, capture_output=True)

    async def asks(self, query: str, *, people: bool = False, **variables: Any) -> Any:
        """The data of a GraphQL request, as Channel `shop` or with the people key."""
        name, secret = ("people", "ums-people-secret") if people else ("shop", "shop-master-secret")
        headers = {"authorization": aiohttp.encode_basic_auth(name, f"sandbox-{secret}")}
        body = {"query": query, "variables": variables}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{self.settings.public_url}/graphql", json=body) as response,
        ):
            answer = await response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def plays(self, platform: str, **script: Any) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"http://{self.settings.sandbox}/_control/{platform}/script", json=script) as response,
        ):
            assert response.status == 204

    async def record(self, platform: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.settings.sandbox}/_control/{platform}/record") as response,
        ):
            return await response.json()

    async def ready(self) -> None:
        """API and sandbox answer."""
        for url in (f"{self.settings.public_url}/readyz", f"http://{self.settings.sandbox}/_control/jpush/record"):
            until = time.monotonic() + 30
            while True:
                try:
                    async with aiohttp.ClientSession() as session, session.get(url) as response:
                        if response.status == 200:
                            break
                except aiohttp.ClientConnectionError:
                    pass
                assert time.monotonic() < until, self.log.read_text()
                await asyncio.sleep(0.05)


@contextmanager
def installed(settings: Settings, configure: Callable[[str], str] = str) -> Iterator[Installation]:
    """The example installation on the databases of `settings`; `configure` may change its policies' text."""
    repository = Path(__file__).parents[1]
    shutil.copytree(repository / "config", settings.root / "config")
    for file in (settings.root / "config").rglob("*.yaml"):
        file.write_text(configure(file.read_text()))
    (settings.root / "ums.yaml").write_text((repository / "ums.yaml").read_text())
    stand_ins, door = free_address(), free_address()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OPS_", "UMS_"))},
        "UMS_FILE": str(settings.root / "ums.yaml"),
        "UMS_DATABASE_URL": settings.database_url,
        "UMS_QUEUE_URL": settings.queue_url,
        "UMS_PUBLIC_URL": f"http://{door.host}:{door.port}",
        "UMS_SANDBOX": f"{stand_ins.host}:{stand_ins.port}",
    }
    public_url, sandbox = environ["UMS_PUBLIC_URL"], environ["UMS_SANDBOX"]
    here = Settings(
        settings.root, settings.config, public_url, settings.database_url, settings.queue_url, sandbox=sandbox
    )
    installation = Installation(here, environ, settings.root / "processes.log")
    try:
        yield installation
    finally:
        for process in installation.running.values():
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a frozen one would not hear
        for process in installation.running.values():
            process.wait(20)
