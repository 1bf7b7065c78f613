"""The installation: `ums.yaml`, overridden value by value by `UMS_...` environment variables."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ums.errors import SecretMissing


@dataclass(frozen=True)
class SecretRef:
    """Where a secret comes from: `{env: NAME}`, `{file: path}` or `{generate: true}`; never the secret itself."""

    env: str = ""
    file: str = ""
    generate: bool = False

    @classmethod
    def of(cls, value: Mapping[str, object]) -> "SecretRef":
        return cls(str(value.get("env", "")), str(value.get("file", "")), bool(value.get("generate", False)))

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}" if self.file else "UMS itself"


@dataclass(frozen=True)
class Settings:
    """Everything that a process needs to know before it opens the database. Paths are absolute."""

    root: Path
    """The folder of `ums.yaml`; relative paths start here."""
    config: Path
    public_url: str = "http://localhost:8000"
    database_url: str = "sqlite://var/ums.db"
    queue_url: str = "sqlite://var/queue.db"
    secret_key: SecretRef = field(default_factory=lambda: SecretRef(file="var/secret.key"))
    people_key: str = ""
    people_secret: SecretRef | None = None
    workers: Mapping[str, int] = field(default_factory=lambda: {"high": 2, "medium": 2, "low": 2})
    sandbox: str = ""
    """`host:port` of a running sandbox; every DeliveryChannel is pointed at it. Empty: the real providers."""

    def path(self, relative: str) -> Path:
        return (self.root / relative).resolve()

    def resolve(self, ref: SecretRef, *, environ: Mapping[str, str] = os.environ) -> str:
        """The secret behind `ref`; in sandbox mode one that is not set gets a throw-away value.

        Raises SecretMissing, naming the reference and never a value.
        """
        if ref.env and environ.get(ref.env):
            return environ[ref.env]
        if ref.file and self.path(ref.file).is_file():
            return self.path(ref.file).read_text().strip()
        if self.sandbox and (ref.env or ref.file):
            return "sandbox-" + (ref.env or Path(ref.file).name).lower().replace("_", "-")
        raise SecretMissing(f"secret not found: {ref} is not set; set it for this process, or change the reference")


def make_secret() -> str:
    """256 random bits, for a `{generate: true}` reference."""
    return secrets.token_urlsafe(32)
