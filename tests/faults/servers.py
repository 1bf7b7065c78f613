"""Redis and PostgreSQL servers of a test's own, which it may stop, empty and kill; the machine's are left alone."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from ums.sandbox import free_address

ABSENT = "UMS_TEST_BINARIES"
"""Set to `absent` where a machine has neither server on purpose; otherwise a missing one is a failure."""


def binary(name: str) -> str:
    """Where a program is; PostgreSQL's own are often outside the path."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]), reverse=True)
    if found := shutil.which(name) or next(map(str, packaged), None):
        return found
    message = f"{name} is not installed; set {ABSENT}=absent where that is on purpose"
    if os.environ.get(ABSENT) == "absent":
        pytest.skip(message)
    pytest.fail(message)


class RedisServer:
    """Keeps nothing: after a stop it comes back empty."""

    def __init__(self, folder: Path) -> None:
        self._binary, self._folder, self._port = binary("redis-server"), folder, free_address().port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._binary, *options, "--dir", str(self._folder)], stdout=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < until, "redis-server does not come up"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class PostgresServer:
    """A cluster of its own. PostgreSQL refuses to run as root, so root runs it as the user `postgres`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_address().port
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        trusting = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._as_postgres(binary("initdb"), *trusting, "-D", str(self._folder / "data"))
        self._control("start")

    def restart(self, mode: str) -> None:
        """`fast`: connections are cut, `immediate`: as in a crash; no answers for about a second."""
        self._control("stop", "-m", mode)
        time.sleep(1)
        self._control("start")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, what: str, *how: str) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        given = ["-o", options, "-l", str(self._folder / "log")] if what == "start" else []
        self._as_postgres(binary("pg_ctl"), what, "-w", "-D", str(self._folder / "data"), *how, *given)

    def _as_postgres(self, *command: str) -> None:
        switched = [_RUNUSER, "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*switched, *command], check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


_RUNUSER = shutil.which("runuser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "runuser"
"""PostgreSQL refuses to run as root."""


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    # Not in the test's folder, which only the user of the tests may enter.
    folder = Path(tempfile.mkdtemp(prefix="ums-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder)
