"""The installation: `ums.yaml`, overridden value by value by `UMS_...` environment variables."""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from ums import documents
from ums.documents import Document
from ums.errors import Problem, SecretMissing, SettingsInvalid
from ums.schemas import check, with_defaults


@dataclass(frozen=True)
class SecretRef:
    """Where a secret comes from, `{env: NAME}`, `{file: path}` or `{generate: true}`; never the secret itself."""

    env: str = ""
    file: str = ""
    generate: bool = False

    @classmethod
    def of(cls, value: Mapping[str, object]) -> "SecretRef":
        return cls(str(value.get("env", "")), str(value.get("file", "")), bool(value.get("generate", False)))

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}" if self.file else "UMS itself"


@dataclass(frozen=True)
class Login:
    """How people sign in: at which OpenID provider, as which of its clients, and what it must say of a Member."""

    discovery_url: str
    client_id: str
    client_secret: SecretRef | None = None
    """None: the provider knows the client by its redirect URL and PKCE alone."""
    claim: str = "email"
    """`email`, verified, is a Member's e-mail address; any other claim is the login."""
    scopes: tuple[str, ...] = ("openid", "email")
    session_hours: int = 12

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Login":
        secret = SecretRef.of(body["clientSecret"]) if "clientSecret" in body else None
        scopes = tuple(dict.fromkeys(["openid", *body["scopes"]]))
        return cls(body["discoveryUrl"], body["clientId"], secret, body["claim"], scopes, body["sessionHours"])


@dataclass(frozen=True)
class Settings:
    """Everything that a process needs to know before it opens the database. Paths are absolute."""

    root: Path
    """The folder of `ums.yaml`; relative paths start here."""
    config: Path
    public_url: str = "http://localhost:8000"
    database_url: str = field(default="sqlite://var/ums.db", repr=False)  # may hold a password
    queue_url: str = field(default="sqlite://var/queue.db", repr=False)  # the same
    secret_key: SecretRef = field(default_factory=lambda: SecretRef(file="var/secret.key"))
    previous_secret_keys: tuple[SecretRef, ...] = ()
    """What may still be encrypted with one of these can be read; nothing new is."""
    people_key: str = ""
    people_secret: SecretRef | None = None
    workers: Mapping[str, int] = field(default_factory=lambda: {"high": 2, "medium": 2, "low": 2})
    private_callbacks: bool = False
    """Whether callbacks may go to private, loopback and link-local addresses."""
    private_attachments: bool = False
    """Whether files may be fetched from such addresses."""
    attachment_bytes: int = 20_000_000
    """Of one material, and of all files of one message together."""
    login: Login | None = None
    """None: nobody signs in, people call with tokens."""
    audit_log_days: int = 731
    """For how long it is kept what Members did."""
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


_OVERRIDES: Mapping[str, documents.Path] = {
    "UMS_CONFIG": ("config",),
    "UMS_PUBLIC_URL": ("publicUrl",),
    "UMS_DATABASE_URL": ("database", "url"),
    "UMS_QUEUE_URL": ("queue", "url"),
}


def load_settings(path: Path, environ: Mapping[str, str] = os.environ, *, offline: bool = False) -> Settings:
    """What `ums.yaml` at `path` says, overridden by the environment; raises SettingsInvalid.

    With `offline` a URL whose environment variable is not set stays empty: nothing will be opened.
    """
    document = _document(path)
    if problems := check("ums", document.body, document=document):
        raise SettingsInvalid(problems)
    body = with_defaults("ums", _overridden(document.body, environ))
    root = path.absolute().parent
    people = body.get("peopleKey")
    return Settings(
        root=root,
        config=(root / body["config"]).resolve(),
        public_url=body["publicUrl"].rstrip("/"),
        database_url=_url(body, "database", document, environ, offline=offline),
        queue_url=_url(body, "queue", document, environ, offline=offline),
        secret_key=SecretRef.of(body["secretKey"]),
        previous_secret_keys=tuple(map(SecretRef.of, body["previousSecretKeys"])),
        people_key=people["name"] if people else "",
        people_secret=SecretRef.of(people["secret"]) if people else None,
        workers=body["workers"],
        private_callbacks=body["callbacks"]["allowPrivate"],
        private_attachments=body["attachments"]["allowPrivate"],
        attachment_bytes=body["attachments"]["maxMegabytes"] * 1_000_000,
        login=Login.of(body["login"]) if "login" in body else None,
        audit_log_days=body["auditLog"]["keepDays"],
        sandbox=_sandbox(environ),
    )


def _document(path: Path) -> Document:
    try:
        found, problems = documents.read(str(path), path.read_bytes())
    except OSError as error:
        message = f"cannot be read ({error.strerror}); name another ums.yaml with --file or UMS_FILE"
        raise SettingsInvalid([Problem(str(path), 1, 1, message=message)]) from error
    if not problems and len(found) != 1:
        problems = [Problem(str(path), 1, 1, message=f"found {len(found)} documents, expected one Installation")]
    if problems:
        raise SettingsInvalid(problems)
    return found[0]


def _overridden(body: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    problems, changed = [], dict(body)
    for name, (section, *rest) in _OVERRIDES.items():
        if value := environ.get(name):
            changed[str(section)] = {str(rest[0]): value} if rest else value
            wrong = check("ums", changed)
            problems += [Problem(message=f"environment variable {name}: {one.message}") for one in wrong]
            changed = dict(body) if wrong else changed
    if problems:
        raise SettingsInvalid(problems)
    return changed


def _url(
    body: Mapping[str, Any], section: str, document: Document, environ: Mapping[str, str], *, offline: bool
) -> str:
    url = body[section]["url"]
    if isinstance(url, str):
        return url
    if offline or environ.get(url["env"]):
        return environ.get(url["env"], "")
    message = f"environment variable {url['env']} is not set; set it, or write the URL here"
    raise SettingsInvalid([document.problem((section, "url"), message)])


def _sandbox(environ: Mapping[str, str]) -> str:
    address = environ.get("UMS_SANDBOX", "")
    if address and not re.fullmatch(r"[^\s:]*:[0-9]{1,5}", address):
        message = f"environment variable UMS_SANDBOX: found {address!r}, expected host:port, as in 127.0.0.1:8400"
        raise SettingsInvalid([Problem(message=message)])
    return address


def make_secret() -> str:
    """256 random bits, for a `{generate: true}` reference."""
    return secrets.token_urlsafe(32)


def seal(settings: Settings, text: str) -> str:
    """`text`, encrypted with the secret key, which an embedded installation makes on first use."""
    make_secret_key(settings)
    return _fernet(settings, settings.secret_key).encrypt(text.encode()).decode()


def unseal(settings: Settings, sealed: str) -> str:
    """What `seal` was given, now or with a previous key; raises SecretMissing when none of them is the one."""
    why = ""
    for key in (settings.secret_key, *settings.previous_secret_keys):
        try:
            return _fernet(settings, key).decrypt(sealed).decode()
        except InvalidToken:
            why = why or f"secret key: {key} is not the one that encrypted this; bring that back"
        except SecretMissing as missing:
            why = why or str(missing)
    raise SecretMissing(why)


def make_secret_key(settings: Settings) -> None:
    """Make the key file where it is missing, readable by its owner alone; on an embedded installation only.

    Machines that share a database share the key too, and one made on one of them would be wrong on the others.
    """
    ref = settings.secret_key
    file = settings.path(ref.file)
    if not ref.file or file.exists() or not settings.database_url.startswith("sqlite:"):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(make_secret() + "\n")
    try:
        os.link(draft, file)  # all or nothing, and whoever is first wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _fernet(settings: Settings, ref: SecretRef) -> Fernet:
    # The key may be any text of enough randomness; Fernet wants 32 bytes.
    key = hashlib.sha256(b"ums secret key\0" + settings.resolve(ref).encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
