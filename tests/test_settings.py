import stat
import threading
from pathlib import Path

import pytest

from ums.errors import SecretMissing, SettingsInvalid
from ums.settings import Login, SecretRef, Settings, load_settings, make_secret_key, seal, unseal

HEAD = "apiVersion: ums/v1\nkind: Installation\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `ums.yaml` in the current folder that says nothing but what it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ums.yaml").write_text(HEAD)
    return Path("ums.yaml")


def refused(file: Path, **environ: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, environ)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_that_says_nothing_gives_the_defaults(file: Path, tmp_path: Path) -> None:
    assert load_settings(file, {}) == Settings(root=tmp_path, config=tmp_path / "config")


def test_everything_in_the_file_is_read(file: Path, tmp_path: Path) -> None:
    file.write_text(
        HEAD
        + "config: here\n"
        + "publicUrl: https://ums.example.com/\n"
        + "database: {url: {env: DATABASE_URL}}\n"
        + "queue: {url: redis://cache:6379/1}\n"
        + "secretKey: {env: SECRET_KEY}\n"
        + "peopleKey: {name: people, secret: {file: people.secret}}\n"
        + "workers: {high: 8}\n"
        + "auditLog: {keepDays: 90}\n"
        + "login: {discoveryUrl: 'https://id.example/.well-known/openid-configuration', clientId: ums,\n"
        + "  clientSecret: {env: OIDC}, claim: upn, scopes: [profile], sessionHours: 1}\n"
    )

    assert load_settings(file, {"DATABASE_URL": "postgres://db/ums"}) == Settings(
        root=tmp_path,
        config=tmp_path / "here",
        public_url="https://ums.example.com",
        database_url="postgres://db/ums",
        queue_url="redis://cache:6379/1",
        secret_key=SecretRef(env="SECRET_KEY"),
        people_key="people",
        people_secret=SecretRef(file="people.secret"),
        workers={"high": 8, "medium": 2, "low": 2},
        audit_log_days=90,
        login=Login(
            "https://id.example/.well-known/openid-configuration", "ums", SecretRef(env="OIDC"), "upn",
            ("openid", "profile"), 1,
        ),
    )  # fmt: skip


def test_the_environment_overrides_the_file(file: Path, tmp_path: Path) -> None:
    environ = {
        "UMS_CONFIG": "/etc/ums",
        "UMS_PUBLIC_URL": "https://ums.example.com",
        "UMS_DATABASE_URL": "postgres://db/ums",
        "UMS_QUEUE_URL": "redis://cache",
        "UMS_SANDBOX": "127.0.0.1:8400",
    }

    assert load_settings(file, environ) == Settings(
        root=tmp_path,
        config=Path("/etc/ums"),
        public_url="https://ums.example.com",
        database_url="postgres://db/ums",
        queue_url="redis://cache",
        sandbox="127.0.0.1:8400",
    )


def test_an_override_makes_an_unset_reference_harmless(file: Path) -> None:
    file.write_text(HEAD + "database: {url: {env: DATABASE_URL}}\n")

    assert load_settings(file, {"UMS_DATABASE_URL": "sqlite://x.db"}).database_url == "sqlite://x.db"


def test_mistakes_in_the_file_are_said_with_their_places(file: Path) -> None:
    file.write_text(HEAD + "databse: {}\nqueue: {url: amqp://me:hunter2@cache}\nworkers: {high: 0}\npublicUrl: ums\n")

    assert refused(file) == [
        "ums.yaml:3:1 $.databse: unknown property 'databse'; did you mean 'database'?",
        "ums.yaml:4:14 $.queue.url: found a value, expected a URL that begins with sqlite:// or redis://",
        "ums.yaml:5:17 $.workers.high: found 0, expected at least 1",
        "ums.yaml:6:12 $.publicUrl: found 'ums', expected a URL that begins with http:// or https://",
    ]


def test_a_mistake_in_the_environment_names_the_variable_and_no_secret(file: Path) -> None:
    found = refused(file, UMS_DATABASE_URL="mysql://me:hunter2@db", UMS_PUBLIC_URL="ums")

    assert found == [
        "environment variable UMS_DATABASE_URL: found a value, expected a URL that begins with sqlite:// or postgres://",
        "environment variable UMS_PUBLIC_URL: found 'ums', expected a URL that begins with http:// or https://",
    ]


def test_a_sandbox_is_host_and_port(file: Path) -> None:
    assert refused(file, UMS_SANDBOX="http://sandbox") == [
        "environment variable UMS_SANDBOX: found 'http://sandbox', expected host:port, as in 127.0.0.1:8400"
    ]


def test_a_url_from_an_unset_variable_is_refused_unless_offline(file: Path) -> None:
    file.write_text(HEAD + "database: {url: {env: DATABASE_URL}}\n")

    assert refused(file) == [
        "ums.yaml:3:17 $.database.url: environment variable DATABASE_URL is not set; set it, or write the URL here"
    ]
    assert load_settings(file, {}, offline=True).database_url == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "ums.yaml:1:1 found 0 documents, expected one Installation"),
        (HEAD + "---\n" + HEAD, "ums.yaml:1:1 found 2 documents, expected one Installation"),
        ("a: [", "ums.yaml:2:1 not YAML while parsing a flow node: did not find expected node content"),
        ("[]", "ums.yaml:1:1 $: found a list, expected a mapping"),
    ],
)
def test_a_file_that_is_no_installation_is_refused(file: Path, content: str, expected: str) -> None:
    file.write_text(content)

    assert refused(file) == [expected]


def test_a_file_that_is_not_there_says_how_to_name_another(file: Path) -> None:
    assert refused(Path("nowhere.yaml")) == [
        "nowhere.yaml:1:1 cannot be read (No such file or directory); name another ums.yaml with --file or UMS_FILE"
    ]


def test_an_embedded_installation_makes_its_secret_key_for_its_owner_alone(file: Path, tmp_path: Path) -> None:
    settings = load_settings(file, {})

    sealed = seal(settings, "s3cret")

    key = tmp_path / "var" / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) == 43
    assert "s3cret" not in sealed
    assert unseal(settings, sealed) == "s3cret"
    assert [path.name for path in key.parent.iterdir()] == ["secret.key"]


def test_a_key_that_is_there_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret.key").write_text("mine")

    make_secret_key(load_settings(file, {}))

    assert (tmp_path / "var" / "secret.key").read_text() == "mine"


def test_processes_that_make_the_key_at_once_agree_on_it(file: Path) -> None:
    settings = load_settings(file, {})
    sealed: list[str] = []
    threads = [threading.Thread(target=lambda: sealed.append(seal(settings, "s3cret"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [unseal(settings, text) for text in sealed] == ["s3cret"] * 8


def test_a_shared_installation_never_makes_its_key(file: Path, tmp_path: Path) -> None:
    settings = load_settings(file, {"UMS_DATABASE_URL": "postgres://db/ums"})

    with pytest.raises(SecretMissing, match=r"file var/secret\.key is not set"):
        seal(settings, "s3cret")
    assert not (tmp_path / "var").exists()


def test_a_wrong_key_is_said(file: Path, tmp_path: Path) -> None:
    settings = load_settings(file, {})
    sealed = seal(settings, "s3cret")
    (tmp_path / "var" / "secret.key").write_text("another")

    with pytest.raises(SecretMissing, match="is not the one that encrypted this; bring that back"):
        unseal(settings, sealed)
